// The end that the application asks for.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clock, DELAY, make, makeOpen, newest, outcome, receipt, settle, sockets } from './fakes.js';

test('close hands over everything that waits, however full the socket is', async () => {
  const socket = makeOpen({ highWaterMark: 10 });
  newest().bufferedAmount = 10;
  const promises = [socket.send('1'), socket.send('2')];
  socket.close(1000, 'done');
  assert.deepEqual(newest().sent, ['1', '2']);
  assert.deepEqual(newest().closed, [1000, 'done']);
  assert.deepEqual(await outcome(promises[1]), receipt('transmitted'));
});

test('close without a code sends none', () => {
  const socket = makeOpen();
  socket.close();
  assert.deepEqual(newest().closed, [undefined, undefined]);
});

test('after close nothing is dialled any more, and messages are refused and counted', async () => {
  const socket = makeOpen();
  socket.close();
  assert.deepEqual(await outcome(socket.send('late')), receipt('refused', 'closed'));
  assert.equal(socket.bufferedAmount, 4);
  newest().end();
  const dials = sockets.length;
  await clock.pass(3_600_000);
  assert.equal(sockets.length, dials);
  socket.send('later');
  assert.equal(socket.bufferedAmount, 9);
});

test('close while waiting or connecting is the end at once; what waited is returned', async () => {
  for (const lose of [false, true]) {
    const socket = make();
    if (lose) newest().end();
    const promise = socket.send('text');
    socket.log.length = 0;
    socket.close(3333, 'no more');
    assert.deepEqual(await outcome(promise), receipt('returned', 'abandoned'));
    assert.deepEqual(socket.log, [['close', 3333]]);
    if (!lose) assert.notEqual(newest().closed, null);
  }
});

test('a second close changes nothing', async () => {
  const socket = makeOpen();
  socket.close(3001);
  socket.close(3002);
  await clock.pass(0);
  assert.deepEqual(newest().closed, [3001, '']);
  assert.equal(socket.state, 'closing');
  newest().end(3001);
  socket.close();
  await settle();
  assert.deepEqual(socket.log, [['open', null], ['close', 3001]]);
});

test('messages are delivered until the other side has closed', () => {
  const socket = makeOpen();
  socket.close();
  newest().say('last');
  assert.deepEqual(socket.log.at(-1), ['message', 'last']);
});

test('a close that is not answered ends after closeTimeout, as unclean', async () => {
  const socket = makeOpen({ closeTimeout: 1000 });
  socket.close(3001);
  await clock.pass(1000);
  assert.deepEqual(socket.log, [['open', null], ['error', null], ['close', 1006]]);
});

test('with `within` what waits is sent first, reconnecting meanwhile', async () => {
  const socket = makeOpen();
  newest().end();
  const promise = socket.send('text');
  socket.close(3001, 'bye', { within: 10_000 });
  assert.equal(socket.readyState, 2);
  await clock.pass(DELAY);
  newest().accept();
  assert.deepEqual(newest().sent, ['text']);
  assert.deepEqual(newest().closed, [3001, 'bye']);
  assert.deepEqual(await outcome(promise), receipt('transmitted'));
});

test('an at-least-once message is waited for `within`, and then given up', async () => {
  const socket = makeOpen();
  const promise = socket.send('text', { atLeastOnce: true });
  socket.close(undefined, '', { within: 1000 });
  await clock.pass(999);
  assert.equal(socket.state, 'open');
  await clock.pass(1);
  assert.deepEqual(await outcome(promise), receipt('unconfirmed', 'abandoned'));
  assert.equal(socket.state, 'closing');
  newest().end(1005);
});

test('a signal closes the socket', async () => {
  const controller = new AbortController();
  const socket = makeOpen({ signal: controller.signal });
  controller.abort();
  assert.deepEqual(newest().closed, [undefined, undefined]);
  newest().end(1005);
  assert.deepEqual(socket.log, [['open', null], ['close', 1005]]);
});

test('a signal that is aborted already closes before anything is dialled', async () => {
  const dials = sockets.length;
  const socket = make({ signal: AbortSignal.abort() });
  await settle();
  assert.equal(sockets.length, dials);
  assert.deepEqual(socket.log, [['close', 1005]]);
});

test('a socket whose signal is aborted does not start anew', async () => {
  const controller = new AbortController();
  const socket = makeOpen({ signal: controller.signal });
  controller.abort();
  await settle();
  newest().end(1005);
  const dials = sockets.length;
  socket.reconnect();
  await clock.pass(DELAY);
  assert.equal(sockets.length, dials);
  assert.equal(socket.readyState, 3);
});

test('a socket that has ended lets go of its signal', () => {
  const listeners = new Set();
  const signal = {
    aborted: false,
    addEventListener: (type, listener) => listeners.add(listener),
    removeEventListener: (type, listener) => listeners.delete(listener),
  };
  makeOpen({ signal });
  assert.equal(listeners.size, 1);
  newest().end(1000);
  assert.equal(listeners.size, 0);
});

test('close and reconnect in one breath are told both', async () => {
  const socket = make();
  socket.close();
  await clock.pass(300);
  socket.reconnect();
  newest().accept();
  await settle();
  assert.deepEqual(socket.log, [['close', 1005], ['open', null]]);
  assert.equal(socket.readyState, 1);
  socket.log.length = 0;
  newest().end();
  socket.close();
  socket.reconnect();
  await settle();
  assert.equal(socket.readyState, 0);
  assert.deepEqual(socket.log.filter(([type]) => type === 'close').length, 1);
});
