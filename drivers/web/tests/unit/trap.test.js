// A trap of the machine.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clock, make, makeOpen, newest, outcome, receipt, settle, sockets } from './fakes.js';

/** What the exports of the next instance do instead of what they should. */
let broken = {};
let instances = 0;
const { Instance } = WebAssembly;
WebAssembly.Instance = class {
  constructor(module) {
    instances++;
    const real = new Instance(module).exports;
    const mine = (broken = {});
    this.exports = Object.fromEntries(Object.entries(real).map(([name, value]) =>
      [name, typeof value === 'function' ? breakable(value, (...args) => (mine[name] ?? value)(...args)) : value]));
  }
};
/** With as many parameters. */
const breakable = ({ length }, call) => Object.defineProperty(call, 'length', { value: length });
const trap = () => {
  throw new WebAssembly.RuntimeError('unreachable');
};

test('a trap ends all sockets of the realm, and the next constructor makes a new instance', async () => {
  const [idle, busy] = [makeOpen(), make()];
  const first = sockets.at(-2);
  assert.equal(instances, 1);
  const transmitted = idle.send('sent', { atLeastOnce: true });
  const waiting = busy.send('waiting');
  broken.input = trap;
  newest().accept();
  await settle();
  for (const socket of [idle, busy]) {
    assert.deepEqual(socket.log.slice(-2), [['error', null], ['close', 1006]]);
    assert.equal(socket.readyState, 3);
    assert.equal(socket.state, 'closed');
    assert.equal(socket.bufferedAmount, 0);
  }
  assert.deepEqual(await outcome(transmitted), receipt('unconfirmed', 'abandoned'));
  assert.deepEqual(await outcome(waiting), receipt('returned', 'abandoned'));
  assert.notEqual(first.closed, null);
  assert.deepEqual(await outcome(idle.send('late')), receipt('refused', 'closed'));
  assert.equal(clock.timers.size, 0);

  const fresh = makeOpen();
  assert.equal(instances, 2);
  assert.deepEqual(await outcome(fresh.send('text')), receipt('transmitted'));
  fresh.close();
  newest().end(1005);
});

test('the error of a trap is in the event', async () => {
  const socket = makeOpen();
  const errors = [];
  socket.onerror = ({ error }) => errors.push(error);
  broken.received = trap;
  newest().say('text');
  await settle();
  assert(errors[0] instanceof WebAssembly.RuntimeError);
});

test('every export may be the one that traps', async () => {
  const calls = {
    input: () => newest().accept(),
    next: () => newest().end(),
    received: () => newest().accept().say('text'),
    send: (socket) => socket.send('text'),
    transmit: (socket) => (newest().accept(), socket.send('text')),
    sent: (socket) => (newest().accept(), socket.send('text')),
    deadline: () => newest().accept(),
    look: (socket) => socket.bufferedAmount,
  };
  for (const [name, call] of Object.entries(calls)) {
    const socket = make();
    broken[name] = trap;
    const promise = call(socket);
    await settle();
    assert.deepEqual(socket.log.slice(-2), [['error', null], ['close', 1006]], name);
    if (promise instanceof Promise) assert.notEqual(await outcome(promise), undefined, name);
  }
});

test('a socket that has ended hears nothing of a trap', async () => {
  const ended = makeOpen();
  newest().end(1000);
  makeOpen();
  const { length } = ended.log;
  broken.input = trap;
  newest().end();
  await settle();
  assert.equal(ended.log.length, length);
});

test('a socket that a trap ended can be started anew', async () => {
  const socket = makeOpen();
  broken.input = trap;
  newest().end();
  await settle();
  assert.equal(socket.readyState, 3);
  socket.reconnect();
  newest().accept();
  assert.equal(socket.readyState, 1);
  assert.deepEqual(await outcome(socket.send('text')), receipt('transmitted'));
  socket.close();
  newest().end(1005);
});

test('where compiling is forbidden the constructor throws', () => {
  const { Module } = WebAssembly;
  makeOpen();
  broken.input = trap;
  newest().end();
  WebAssembly.Module = class {
    constructor() {
      throw new WebAssembly.CompileError('blocked by policy');
    }
  };
  try {
    assert.throws(() => make(), WebAssembly.CompileError);
  } finally {
    WebAssembly.Module = Module;
  }
});

test('a trap that has no room on the stack is told all the same', async () => {
  const socket = makeOpen();
  const idle = makeOpen();
  const waiting = idle.send('x', { atLeastOnce: true });
  const real = queueMicrotask;
  broken.look = trap;
  globalThis.queueMicrotask = () => {
    throw new RangeError('Maximum call stack size exceeded');
  };
  try {
    assert.throws(() => socket.state, RangeError);
  } finally {
    globalThis.queueMicrotask = real;
  }
  make().close(); // Anybody's next call.
  await settle();
  for (const each of [socket, idle]) assert.deepEqual(each.log.slice(-2), [['error', null], ['close', 1006]]);
  assert.deepEqual(await outcome(waiting), receipt('unconfirmed', 'abandoned'));
});
