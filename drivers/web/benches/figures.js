// The figures, taken alike in node and in a page.
import { Fake, layer } from './layers.js';

const URL = 'ws://bench.example/';
const TEXT = 'a short message';

const turn = () => new Promise((done) => setTimeout(done));

async function opened(name, onMessage) {
  const socket = layer(name, Fake, URL, onMessage);
  while (socket.readyState !== 1) await turn();
  return socket;
}

/** A function that does bursts, and something else between them. It gives the milliseconds that each took. */
const repeated = (burst) => async (count) => {
  const times = [];
  while (times.length < count) {
    const start = performance.now();
    await burst();
    times.push(performance.now() - start);
    await turn();
  }
  return times;
};

/** Receives messages, in bursts of `size`. What the fake does for each is part of it. */
export async function receiving(name, size) {
  let seen = 0;
  await opened(name, (event) => { seen += event.data.length; });
  const fake = Fake.last;
  return repeated(() => {
    const before = seen;
    for (let index = 0; index < size; index++) fake.deliver(TEXT);
    if (seen - before !== size * TEXT.length) throw new Error(`${name} lost messages`);
  });
}

/** Sends messages, a hundred at a time, and waits for what that promises; in bursts of `size`, some hundreds. */
export async function sending(name, size) {
  const socket = await opened(name, () => {});
  return repeated(async () => {
    for (let index = 0; index < size; index += 100) {
      let last;
      for (let some = 0; some < 100; some++) last = socket.send(TEXT);
      await last;
    }
  });
}

/** Makes idle sessions whose heartbeat runs, and keeps them. */
export async function idle(name, count) {
  const sockets = [];
  for (let index = 0; index < count; index++) sockets.push(layer(name, Fake, URL, () => {}));
  for (const socket of sockets) while (socket.readyState !== 1) await turn();
  await turn();
  globalThis.kept = sockets;
}

/** The bytes of all memories of WebAssembly that were made since. */
export function watchMemory() {
  const memories = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function made(...args) {
    const instance = new Instance(...args);
    memories.push(instance.exports.memory);
    return instance;
  };
  return () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}
