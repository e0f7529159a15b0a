// Sockets that nobody has any more.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PATIENCE } from '../chromium/patience.mjs';
import { FakeWebSocket, settle, sockets } from './fakes.js';
import { HeartlineSocket } from '../../dist/index.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

let freed = 0;
const { Instance } = WebAssembly;
WebAssembly.Instance = class {
  constructor(module) {
    const { free, ...exports } = new Instance(module).exports;
    this.exports = { ...exports, free: (session) => (freed++, free(session)) };
  }
};

/** Collects until it is so. */
async function until(condition) {
  const end = process.hrtime.bigint() + BigInt(PATIENCE) * 1_000_000n;
  while (!condition()) {
    assert(process.hrtime.bigint() < end, 'in vain');
    gc();
    await settle();
  }
}

function dial() {
  const socket = new HeartlineSocket('ws://server/', [], { WebSocket: FakeWebSocket });
  return [socket, sockets.pop()];
}

function endFifty() {
  for (let i = 0; i < 50; i++) {
    const [socket, native] = dial();
    native.accept();
    if (i % 2) native.end(1008);
    else socket.close(), native.end(1005);
  }
}

test('the session of a socket that ended is freed with it, and not before', async () => {
  const [kept] = dial();
  endFifty();
  await until(() => freed >= 49);
  assert(freed <= 50);
  assert.equal(kept.readyState, 0);
});

test('a socket that nobody has but that lives goes on', async () => {
  const received = [];
  const native = (() => {
    const [socket, native] = dial();
    socket.onmessage = ({ data }) => received.push(data);
    return native.accept();
  })();
  // Whoever frees these would have freed it.
  const before = freed;
  endFifty();
  await until(() => freed - before >= 49);
  for (let i = 0; i < 10; i++) {
    gc();
    await settle();
  }
  native.say('still there');
  assert.deepEqual(received, ['still there']);
});
