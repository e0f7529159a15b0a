// What a page that knows WebSocket relies on.
import assert from 'node:assert/strict';
import test from 'node:test';
import { HeartlineSocket } from '../../dist/index.js';
import { clock, DELAY, FakeWebSocket, make, makeOpen, newest, settle, uncaught } from './fakes.js';

test('the constants are those of WebSocket, on the class and on each socket', () => {
  const socket = make();
  for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) {
    assert.equal(HeartlineSocket[name], value);
    assert.equal(socket[name], value);
  }
});

test('the constructor dials at once', () => {
  const socket = make({}, { url: 'ws://server/path?a=b', protocols: ['one', 'two'] });
  assert.equal(newest().url, 'ws://server/path?a=b');
  assert.deepEqual(newest().protocols, ['one', 'two']);
  assert.equal(socket.readyState, 0);
  assert.equal(socket.url, 'ws://server/path?a=b');
});

test('one protocol may be given as a string, and http stands for ws', () => {
  const socket = make({}, { url: 'https://server/', protocols: 'one' });
  assert.deepEqual(newest().protocols, ['one']);
  assert.equal(socket.url, 'wss://server/');
});

test('a URL may be an object, or relative where there is a page', (t) => {
  globalThis.location = { href: 'https://page/folder/index.html' };
  t.after(() => delete globalThis.location);
  assert.equal(make({}, { url: new URL('ws://server/x') }).url, 'ws://server/x');
  assert.equal(make({}, { url: 'live?x' }).url, 'wss://page/folder/live?x');
});

test('a URL that can never be dialled throws a SyntaxError at once', () => {
  for (const url of ['nonsense', 'ftp://server/', 'ws://server/#fragment', 'ws://server/#', '']) {
    assert.throws(() => make({}, { url }), (error) => error instanceof DOMException && error.name === 'SyntaxError', url);
  }
});

test('a protocol that is given twice throws a SyntaxError at once, and leaves nothing behind', () => {
  const timers = clock.timers.size;
  const syntaxError = (error) => error instanceof DOMException && error.name === 'SyntaxError';
  assert.throws(() => make({}, { protocols: ['a', 'a'] }), syntaxError);
  assert.equal(clock.timers.size, timers);
});

test('what the constructor of the sockets throws is thrown as it is', () => {
  class Denied extends FakeWebSocket {
    constructor() {
      throw new DOMException('mixed content', 'SecurityError');
    }
  }
  assert.throws(() => make({ WebSocket: Denied }), { name: 'SecurityError' });
  assert.equal(clock.timers.size, 0);
});

test('without a WebSocket anywhere the constructor throws', (t) => {
  const { WebSocket } = globalThis;
  delete globalThis.WebSocket;
  t.after(() => Object.assign(globalThis, WebSocket && { WebSocket }));
  assert.throws(() => new HeartlineSocket('ws://server/'), ReferenceError);
});

test('the global WebSocket is looked up at each dial', async (t) => {
  const { WebSocket } = globalThis;
  t.after(() => Object.assign(globalThis, { WebSocket }));
  globalThis.WebSocket = FakeWebSocket;
  const socket = new HeartlineSocket('ws://server/', [], { backoff: { max: DELAY, jitter: 'none' } });
  class Other extends FakeWebSocket {}
  globalThis.WebSocket = Other;
  newest().end();
  await clock.pass(DELAY);
  assert(newest() instanceof Other);
});

test('open, message and close come as from a WebSocket, with this socket as target', () => {
  const socket = make();
  const events = [];
  for (const type of ['open', 'message', 'close']) socket.addEventListener(type, (event) => events.push(event));
  newest().accept();
  newest().say('text', 'wss://elsewhere');
  newest().end(1000, 'done', true);
  assert.deepEqual(events.map(({ type, target }) => [type, target === socket]), [['open', true], ['message', true], ['close', true]]);
  assert.equal(events[1].data, 'text');
  assert.equal(events[1].origin, 'wss://elsewhere');
  assert(events[1] instanceof MessageEvent);
  assert.deepEqual([events[2].code, events[2].reason, events[2].wasClean], [1000, 'done', true]);
});

test('protocol and extensions are those of the connection, and stay after it', () => {
  const socket = make({}, { protocols: ['a', 'b'] });
  assert.equal(socket.protocol, '');
  newest().extensions = 'permessage-deflate';
  newest().accept('b');
  assert.equal(socket.protocol, 'b');
  newest().end();
  assert.equal(socket.protocol, 'b');
  assert.equal(socket.extensions, 'permessage-deflate');
});

test('binaryType holds for every connection, and takes what WebSocket takes', async () => {
  const socket = makeOpen();
  assert.equal(socket.binaryType, 'blob');
  socket.binaryType = 'arraybuffer';
  socket.binaryType = 'nonsense';
  assert.equal(socket.binaryType, 'arraybuffer');
  assert.equal(newest().binaryType, 'arraybuffer');
  newest().end();
  await clock.pass(DELAY);
  assert.equal(newest().binaryType, 'arraybuffer');
});

test('event handlers keep their place among the listeners, and null takes them away', () => {
  const socket = makeOpen();
  const calls = [];
  socket.onmessage = () => calls.push('handler');
  socket.addEventListener('message', () => calls.push('listener'));
  socket.onmessage = function () {
    calls.push(this === socket && 'other handler');
  };
  newest().say('1');
  assert.deepEqual(calls.splice(0), ['other handler', 'listener']);
  socket.onmessage = null;
  assert.equal(socket.onmessage, null);
  newest().say('2');
  assert.deepEqual(calls.splice(0), ['listener']);
  socket.onmessage = () => calls.push('late handler');
  newest().say('3');
  assert.deepEqual(calls, ['listener', 'late handler']);
});

test('there is an event handler for every event', () => {
  const socket = make();
  const types = 'open message error close disconnect retry degraded recovered state bufferedamountlow'.split(' ');
  for (const type of types) {
    assert.equal(socket[`on${type}`], null);
    let called = 0;
    socket[`on${type}`] = () => called++;
    socket.dispatchEvent(new Event(type));
    assert.equal(called, 1, type);
    socket[`on${type}`] = 'no function';
    assert.equal(socket[`on${type}`], null);
  }
});

test('send stringifies what is no data, and throws for a missing argument', () => {
  const socket = makeOpen();
  socket.send(12);
  socket.send(null);
  socket.send({});
  assert.deepEqual(newest().sent, ['12', 'null', '[object Object]']);
  assert.throws(() => socket.send(), TypeError);
  assert.throws(() => socket.send(Symbol('s')), TypeError);
});

test('close throws what WebSocket throws, and changes nothing then', () => {
  const socket = makeOpen();
  for (const code of [0, 999, 1001, 1006, 2999, 5000, NaN]) {
    assert.throws(() => socket.close(code), { name: 'InvalidAccessError' }, String(code));
  }
  assert.throws(() => socket.close(1000, 'ä'.repeat(62)), { name: 'SyntaxError' });
  assert.equal(socket.readyState, 1);
  socket.close(1000, 'ä'.repeat(61));
  assert.deepEqual(newest().closed, [1000, 'ä'.repeat(61)]);
});

test('what an API call leads to is told after it returned', async () => {
  const socket = makeOpen();
  socket.log.length = 0;
  socket.close(3001, 'bye');
  assert.equal(socket.readyState, 2);
  socket.close();
  newest().end(3001, 'bye', true);
  assert.deepEqual(socket.log, [['close', 3001]]);
  assert.equal(socket.readyState, 3);

  const unconnected = make();
  unconnected.close();
  assert.deepEqual(unconnected.log, []);
  assert.equal(unconnected.readyState, 2);
  await settle();
  assert.deepEqual(unconnected.log, [['close', 1005]]);
  assert.equal(unconnected.readyState, 3);
});

test('events that a listener leads to come after the one it listens to', () => {
  const socket = makeOpen();
  const seen = [];
  socket.onmessage = ({ data }) => {
    if (data === 'first') newest().say('second');
    seen.push(data);
  };
  newest().say('first');
  assert.deepEqual(seen, ['first', 'second']);
});

test('readyState is CLOSED in the error and close events', () => {
  const socket = makeOpen();
  const seen = [];
  socket.onerror = socket.onclose = ({ type }) => seen.push([type, socket.readyState]);
  newest().end(1008, '', false);
  assert.deepEqual(seen, [['error', 3], ['close', 3]]);
});

test('a listener that throws does not keep the others from their events', async (t) => {
  const thrown = uncaught(t);
  const socket = makeOpen();
  socket.addEventListener('message', () => {
    throw new Error('in a listener');
  });
  socket.addEventListener('message', ({ data }) => socket.send(`got ${data}`));
  newest().say('1');
  newest().say('2');
  await settle();
  assert.deepEqual(newest().sent, ['got 1', 'got 2']);
  assert.deepEqual(thrown, ['in a listener', 'in a listener']);
});
