// What the scripts have in common: packages from the cache, orders to the test, and patience.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

export const [address] = process.argv.slice(2);
export const load = createRequire(`${process.env.HEARTLINE_INTEROP_DIR}/package.json`);
export { assert };

const PATIENCE = 30_000; // Nothing is concluded from how long things take.
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks the test to do something with its server: stop, crash, start, pause or resume. */
export async function order(what) {
  console.log(`order ${what}`);
  const { value } = await soon(`answer to ${what}`, lines.next());
  assert.equal(value, "done");
}

export function soon(what, promise) {
  let timer;
  const late = new Promise((_, fail) => { timer = setTimeout(() => fail(new Error(`${what}: nothing came`)), PATIENCE); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What the demo gives to everybody. */
export async function token(user) {
  const answer = await fetch(`http://${address}/token`, { method: "POST", body: new URLSearchParams({ user }) });
  assert.equal(answer.status, 200);
  return answer.text();
}

/** The events of an emitter that has addEventListener, as a queue to wait at. */
export function queue(target, kind, map) {
  const here = [], waiting = [];
  target.addEventListener(kind, (event) => {
    const value = map(event), next = waiting.shift();
    next ? next(value) : here.push(value);
  });
  return (what) => soon(what, here.length ? Promise.resolve(here.shift()) : new Promise((done) => waiting.push(done)));
}

export async function run(main) {
  try {
    await main();
    console.log("passed");
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}
