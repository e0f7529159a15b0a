// What the servers have in common: packages from the cache, the port, and what they write down.
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";

const [port, ledger] = process.argv.slice(2);
export const load = createRequire(`${process.env.SERVERS}/package.json`);
export const address = { host: "127.0.0.1", port: Number(port) };

/** Survives the death of this process; returns when it does. */
export const record = (label) => appendFileSync(ledger, `${label}\n`);

/** On SIGTERM, which node would otherwise obey without a word to its clients. */
export function whenTerminated(goodbye) {
  process.on("SIGTERM", () => {
    goodbye();
    setTimeout(() => process.exit(0), 300);
  });
}
