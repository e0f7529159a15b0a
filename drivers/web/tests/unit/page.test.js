// The life of a page, on targets that a test plays. The real browser's are in ../browser.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clock, DELAY, make, makeOpen, newest, outcome, settle, sockets } from './fakes.js';

/** A window or a worker's global, and the document. */
class Target {
  listeners = new Map();
  addEventListener = (type, listener) => this.listeners.set(type, listener);
  removeEventListener = (type, listener) => this.listeners.get(type) === listener && this.listeners.delete(type);
  tell(type, fields) {
    this.listeners.get(type)?.({ type, ...fields });
  }
}
const view = new Target();
const page = Object.assign(new Target(), { hidden: false, baseURI: 'https://page/' });
const { addEventListener, removeEventListener } = view;
const navigator = { onLine: true };
Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
Object.assign(globalThis, { document: page, addEventListener, removeEventListener });

const PING = { ping: 'ping', heartbeat: { interval: 60_000 } };

async function end(socket) {
  socket.close();
  newest().end(1005);
  await settle();
}

test('while waiting, a page that is seen or gets a network dials at once', async () => {
  const events = [[page, 'visibilitychange'], [view, 'online'], [view, 'pageshow', { persisted: true }], [page, 'resume']];
  for (const [target, type, fields] of events) {
    const socket = makeOpen();
    await clock.pass(300);
    newest().end();
    const dials = sockets.length;
    target.tell(type, fields);
    assert.equal(sockets.length, dials + 1, type);
    await end(socket);
  }
});

test('an open link is probed', async () => {
  const socket = makeOpen(PING);
  await clock.pass(1000);
  page.tell('visibilitychange');
  assert.deepEqual(newest().sent, ['ping']);
  await end(socket);
});

test('what says nothing about the network does nothing', async () => {
  const socket = makeOpen(PING);
  await clock.pass(1000);
  page.hidden = true;
  page.tell('visibilitychange');
  page.hidden = false;
  view.tell('pageshow', { persisted: false });
  view.tell('pagehide', { persisted: false });
  assert.deepEqual(newest().sent, []);
  assert.equal(socket.readyState, 1);
  await end(socket);
});

test('offline and freeze put the dial off and keep the queue; online dials', async () => {
  for (const [target, type] of [[view, 'offline'], [page, 'freeze']]) {
    const socket = makeOpen();
    await clock.pass(300);
    newest().end();
    const promise = socket.send('text');
    target.tell(type);
    const dials = sockets.length;
    await clock.pass(100 * DELAY);
    assert.equal(sockets.length, dials, type);
    view.tell('online');
    newest().accept();
    assert.equal((await outcome(promise)).outcome, 'transmitted');
    await end(socket);
  }
});

test('offline does not kill a living link', async () => {
  const socket = makeOpen(PING);
  view.tell('offline');
  await clock.pass(10_000);
  assert.equal(socket.readyState, 1);
  assert.equal(newest().closed, null);
  view.tell('online');
  await end(socket);
});

test('a page that begins offline dials, and is not in a hurry to dial again', async () => {
  navigator.onLine = false;
  const socket = make();
  newest().end();
  const dials = sockets.length;
  await clock.pass(100 * DELAY);
  assert.equal(sockets.length, dials);
  navigator.onLine = true;
  view.tell('online');
  assert.equal(sockets.length, dials + 1);
  await end(socket);
});

test('a page that goes into the back-forward cache closes its connection, and dials when it comes back', async () => {
  const socket = makeOpen();
  await clock.pass(300);
  const old = newest();
  view.tell('pagehide', { persisted: true });
  assert.deepEqual(old.closed, [undefined, undefined]);
  assert.deepEqual(socket.log, [['open', null], ['disconnect', 1006], ['retry', 1]]);
  const dials = sockets.length;
  await clock.pass(10 * DELAY);
  assert.equal(sockets.length, dials);
  old.end();
  view.tell('pageshow', { persisted: true });
  assert.equal(sockets.length, dials + 1);
  newest().accept();
  assert.equal(socket.readyState, 1);
  await end(socket);
});

test('a connection that turns out to be lost after the page was away is dialled at once', async () => {
  const socket = makeOpen();
  await clock.pass(300);
  const dials = sockets.length;
  page.tell('resume');
  newest().end(1006);
  assert.equal(sockets.length, dials + 1);
  // Not for ever.
  await clock.pass(5000);
  newest().accept();
  newest().end(1006);
  assert.equal(socket.state, 'waiting');
  await end(socket);
});

test('a page that is offline does not dial when it is shown', async () => {
  const socket = makeOpen();
  await clock.pass(300);
  newest().end();
  const dials = sockets.length;
  navigator.onLine = false;
  page.tell('visibilitychange');
  await clock.pass(DELAY);
  assert.equal(sockets.length, dials);
  navigator.onLine = true;
  view.tell('online');
  assert.equal(sockets.length, dials + 1);
  await end(socket);
});

test('after close nothing of this dials', async () => {
  const socket = make();
  socket.close();
  await settle();
  const dials = sockets.length;
  for (const type of ['visibilitychange', 'resume', 'freeze']) page.tell(type);
  for (const type of ['online', 'offline', 'pageshow', 'pagehide']) view.tell(type, { persisted: true });
  await clock.pass(60_000);
  assert.equal(sockets.length, dials);
});

test('a constructor that throws leaves no listeners', () => {
  class Denied {
    constructor() {
      throw new DOMException('mixed content', 'SecurityError');
    }
  }
  assert.throws(() => make({ WebSocket: Denied }), { name: 'SecurityError' });
  assert.equal(view.listeners.size + page.listeners.size, 0);
});

test('all sockets share one set of listeners, and the last that ends takes them away', async () => {
  assert.equal(view.listeners.size + page.listeners.size, 0);
  const first = make();
  const listener = view.listeners.get('online');
  const second = make();
  assert.equal(view.listeners.get('online'), listener);
  first.close();
  assert.equal(view.listeners.size + page.listeners.size, 7);
  second.close();
  assert.equal(view.listeners.size + page.listeners.size, 0);
  await clock.pass(300);
  second.reconnect();
  assert.equal(view.listeners.size + page.listeners.size, 7);
  second.close();
  await settle();
});
