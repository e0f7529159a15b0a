// node `ws`, as its README shows it. Arguments: the folder with node_modules, the URL, size, warm-up, count, window, and
// for idle connections the milliseconds between pings and of the whole.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const [folder, url, ...numbers] = process.argv.slice(2);
const [size, warmUp, count, window, heartbeat, span] = numbers.map(Number);
const { WebSocket } = createRequire(`${folder}/`)("ws");

const open = () => new WebSocket(url, { perMessageDeflate: false });

function start() {
  process.ppid; // A system call that nobody else makes: between two of them a trace is counted.
  return { wall: process.hrtime.bigint(), cpu: process.cpuUsage() };
}

function report(begun) {
  const { user, system } = process.cpuUsage(begun.cpu);
  const wall = process.hrtime.bigint() - begun.wall;
  process.ppid;
  console.log(`measured ${(user + system) * 1000} ${wall} ${process.memoryUsage.rss()}`);
}

function message(number) {
  const message = Buffer.alloc(size);
  message.writeBigUInt64LE(BigInt(number));
  return message;
}

function load() {
  const socket = open();
  const total = warmUp + count;
  let [sent, received, begun] = [0, 0, null];
  socket.on("open", () => {
    while (sent < window) socket.send(message(sent++));
  });
  socket.on("message", (payload) => {
    if (payload.length !== size || payload.readUInt32LE(0) !== received) throw new Error(`message ${received}`);
    received += 1;
    if (received === warmUp) begun = start();
    if (received === total) {
      report(begun);
      process.exit(0);
    }
    if (window > 0 && sent < total) socket.send(message(sent++));
  });
}

async function idle() {
  console.log(`before ${process.memoryUsage.rss()}`);
  const opened = () => {
    const socket = open();
    let alive = true;
    socket.on("pong", () => (alive = true));
    setInterval(() => {
      if (!alive) throw new Error("no sign of life");
      alive = false;
      socket.ping();
    }, heartbeat);
    return new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  };
  for (let left = count; left > 0; left -= 100) {
    await Promise.all(Array.from({ length: Math.min(left, 100) }, opened));
  }
  await sleep(heartbeat + 500);
  const begun = start();
  await sleep(span);
  report(begun);
  process.exit(0);
}

await (span > 0 ? idle() : load());
