// What happens when a connection ends.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clock, DELAY, make, makeOpen, newest, settle, sockets } from './fakes.js';

test('a lost connection is dialled again, and open comes at every one', async () => {
  const socket = makeOpen();
  newest().end();
  assert.equal(socket.readyState, 0);
  assert.deepEqual(socket.log, [['open', null], ['disconnect', 1006], ['retry', 1]]);
  const dials = sockets.length;
  await clock.pass(DELAY - 1);
  assert.equal(sockets.length, dials);
  await clock.pass(1);
  assert.equal(sockets.length, dials + 1);
  newest().accept();
  assert.deepEqual(socket.log.at(-1), ['open', null]);
  assert.equal(socket.readyState, 1);
});

test('disconnect says how the connection ended, retry when the next dial is', () => {
  const socket = makeOpen();
  const events = [];
  socket.ondisconnect = socket.onretry = (event) => events.push(event);
  newest().end(1011, 'oops', true);
  const [disconnect, retry] = events;
  const { code, reason, wasClean, loss } = disconnect;
  assert.deepEqual({ code, reason, wasClean, loss },
    { code: 1011, reason: 'oops', wasClean: true, loss: { kind: 'close', code: 1011 } });
  assert.deepEqual([retry.attempt, retry.delay], [1, DELAY]);
});

test('state tells every change with its cause', async () => {
  const socket = make();
  const states = [];
  socket.onstate = ({ from, to, cause, loss }) => states.push([from, to, cause, loss?.kind ?? null]);
  await settle();
  newest().accept();
  newest().end();
  await clock.pass(DELAY);
  newest().accept();
  socket.close();
  await settle();
  newest().end(1005, '', true);
  assert.deepEqual(states, [
    ['idle', 'connecting', 'requested', null],
    ['connecting', 'open', 'opened', null],
    ['open', 'waiting', 'lost', 'close'],
    ['waiting', 'connecting', 'retry-due', null],
    ['connecting', 'open', 'opened', null],
    ['open', 'closing', 'requested', null],
    ['closing', 'closed', 'lost', 'close'],
  ]);
  assert.equal(socket.state, 'closed');
});

test('a close that will not change ends it: a clean one without error, another with one before it', () => {
  const clean = makeOpen();
  newest().end(1008, 'policy', true);
  assert.deepEqual(clean.log, [['open', null], ['close', 1008]]);
  const unclean = makeOpen();
  newest().end(4403, '', false);
  assert.deepEqual(unclean.log, [['open', null], ['error', null], ['close', 4403]]);
});

test('after maxRetries it gives up, with one error and one close', async () => {
  const socket = make({ maxRetries: 1 });
  newest().end();
  await clock.pass(DELAY);
  newest().end();
  await clock.pass(DELAY);
  assert.deepEqual(socket.log, [['disconnect', 1006], ['retry', 1], ['error', null], ['close', 1006]]);
  assert.equal(socket.state, 'closed');
  assert.equal(socket.readyState, 3);
});

test('what comes late from a socket that was given up changes nothing', async () => {
  const socket = make({ connectTimeout: 1000 });
  const old = newest();
  const { onopen, onmessage, onclose } = old;
  await clock.pass(1000);
  assert.notEqual(old.closed, null);
  assert.deepEqual(socket.log, [['disconnect', 1006], ['retry', 1]]);
  const { stats } = socket;
  old.accept().say('late');
  old.end(1008);
  await clock.pass(DELAY);
  newest().accept();
  // Even called by themselves.
  onopen(new Event('open'));
  onmessage(new MessageEvent('message', { data: 'late' }));
  onclose(Object.assign(new Event('close'), { code: 1008 }));
  assert.deepEqual(socket.log, [['disconnect', 1006], ['retry', 1], ['open', null]]);
  assert.equal(stats.lostToConnectTimeout, 1);
});

test('URL and protocols may be functions, which are asked at each dial', async () => {
  const dials = [];
  let token = 0;
  const url = async ({ attempt, lastLoss, renew }) => {
    dials.push([attempt, lastLoss, renew]);
    return `ws://server/?token=${++token}`;
  };
  const socket = make({}, { url, protocols: () => [`v${token}`] });
  assert.equal(socket.url, '');
  await settle();
  assert.deepEqual([newest().url, newest().protocols], ['ws://server/?token=1', ['v1']]);
  newest().accept().end(4401, '', true);
  await clock.pass(DELAY);
  assert.deepEqual([newest().url, newest().protocols], ['ws://server/?token=2', ['v2']]);
  assert.equal(socket.url, 'ws://server/?token=2');
  assert.deepEqual(dials, [[0, null, false], [1, { kind: 'close', code: 4401 }, true]]);
});

test('a function for the URL that throws is a failed dial, with its error in the event', async () => {
  const error = new SyntaxError('no token'); // As of a login page where JSON should be.
  for (const fail of [() => Promise.reject(error), () => { throw error; }]) {
    const socket = make({}, { url: fail });
    const errors = [];
    socket.ondisconnect = ({ error, loss }) => errors.push([error.message, loss.kind]);
    await settle();
    assert.deepEqual(errors, [['no token', 'connect']]);
    assert.equal(socket.state, 'waiting');
    socket.close();
  }
});

test('a function that gives an impossible URL ends it, unless a rule says otherwise', async () => {
  const socket = make({}, { url: () => 'nonsense' });
  const errors = [];
  socket.onerror = ({ error }) => errors.push(error.name);
  await settle();
  assert.deepEqual(socket.log, [['error', null], ['close', 1006]]);
  assert.deepEqual(errors, ['SyntaxError']);
  const retried = make({ retry: [{ address: true, then: 'retry' }] }, { url: () => 'nonsense' });
  await settle();
  assert.equal(retried.state, 'waiting');
  retried.close();
});

test('the signal of a dial that takes too long is aborted, and its address comes too late', async () => {
  let dial;
  let resolve;
  const url = (given) => {
    dial = given;
    return new Promise((done) => (resolve = done));
  };
  const dials = sockets.length;
  const socket = make({ connectTimeout: 1000 }, { url });
  const { signal } = dial;
  assert.equal(signal.aborted, false);
  await clock.pass(1000);
  assert.equal(signal.aborted, true);
  resolve('ws://server/');
  await settle();
  assert.equal(sockets.length, dials);
  assert.equal(socket.state, 'waiting');
});

test('reconnect replaces a living connection', async () => {
  const socket = makeOpen();
  const old = newest();
  socket.log.length = 0;
  await clock.pass(1000);
  socket.reconnect();
  assert.notEqual(old.closed, null);
  assert.notEqual(newest(), old);
  newest().accept();
  await settle();
  assert.deepEqual(socket.log, [['disconnect', 1006], ['open', null]]);
  assert.equal(socket.readyState, 1);
});

test('reconnect cuts a wait short, and starts anew after any end', async () => {
  const socket = make();
  newest().end();
  assert.equal(socket.state, 'waiting');
  await clock.pass(500);
  socket.reconnect();
  assert.equal(socket.state, 'connecting');
  newest().accept().end(1000);
  assert.equal(socket.readyState, 3);
  await clock.pass(1000);
  socket.reconnect();
  newest().accept();
  socket.close();
  newest().end(1005, '', true);
  assert.equal(socket.readyState, 3);
  await clock.pass(1000);
  socket.reconnect();
  assert.equal(socket.readyState, 0);
  newest().accept();
  assert.equal(socket.readyState, 1);
  await settle();
  assert.deepEqual(socket.log.filter(([type]) => type === 'close'), [['close', 1000], ['close', 1005]]);
});

test('drop ends the connection, and the code decides whether it is dialled again', async () => {
  const socket = makeOpen();
  const old = newest();
  socket.drop(4000, 'stale');
  assert.deepEqual(old.closed, [4000, 'stale']);
  await settle();
  assert.deepEqual(socket.log.slice(1), [['disconnect', 4000], ['retry', 1]]);
  socket.drop(4000);
  await clock.pass(DELAY);
  newest().accept();
  // Browsers do not send this one.
  socket.drop(1011);
  assert.deepEqual(newest().closed, [undefined, undefined]);
  await clock.pass(DELAY);
  newest().accept();
  socket.drop(1000);
  await settle();
  assert.deepEqual(socket.log.slice(-2), [['error', null], ['close', 1000]]);
  assert.throws(() => socket.drop(), { name: 'InvalidAccessError' });
  assert.throws(() => socket.drop(999), { name: 'InvalidAccessError' });
});

test('closeEachTime fires close at the end of every connection and dial', async () => {
  const socket = make({ closeEachTime: true });
  newest().end();
  await clock.pass(DELAY);
  newest().accept().end(1011);
  await clock.pass(DELAY);
  newest().accept().end(1000);
  assert.deepEqual(socket.log.filter(([type]) => type !== 'retry' && type !== 'disconnect'),
    [['close', 1006], ['open', null], ['close', 1011], ['open', null], ['close', 1000]]);
});

test('the rules of retry decide, the first that fits', () => {
  const retry = [{ close: [4000, 4100], then: 'stop' }, { close: 1000, then: 'retry' }, { any: true, then: 60_000 }];
  const stopped = makeOpen({ retry });
  newest().end(4050);
  assert.equal(stopped.readyState, 3);
  const retried = makeOpen({ retry });
  newest().end(1000);
  assert.equal(retried.readyState, 0);
  const later = makeOpen({ retry });
  const delays = [];
  later.onretry = ({ delay }) => delays.push(delay >= 60_000);
  newest().end(1008);
  assert.deepEqual(delays, [true]);
  for (const socket of [retried, later]) socket.close();
});

test('a rule of the application speaks of drop and greetings only', async () => {
  const retry = [{ application: 4403, then: 'retry' }];
  const dropped = makeOpen({ retry });
  dropped.drop(4403);
  assert.equal(dropped.state, 'waiting');
  const closed = makeOpen({ retry });
  newest().end(4403);
  assert.equal(closed.state, 'closed');
  dropped.close();
});

test('a server may ask for a wait, by the reason of its close', async () => {
  makeOpen();
  newest().end(1013, 'retry-after-ms=60000', true);
  const dials = sockets.length;
  await clock.pass(60_000 - 1);
  assert.equal(sockets.length, dials);
  await clock.pass(DELAY + 1);
  assert.equal(sockets.length, dials + 1);
});

test('a dial in forty days is set as far ahead as timers go, and made then', async () => {
  const wait = 40 * 24 * 3_600_000;
  makeOpen({ retry: [{ close: 1006, then: wait }] });
  newest().end();
  const dials = sockets.length;
  await clock.pass(0);
  assert.equal(clock.next, 2 ** 31 - 1);
  await clock.pass(wait - DELAY);
  assert.equal(sockets.length, dials);
  await clock.pass(3 * DELAY);
  assert.equal(sockets.length, dials + 1);
});

test('an error of the socket is in the event, where the socket tells it', () => {
  const socket = make();
  const errors = [];
  socket.ondisconnect = ({ error }) => errors.push(error);
  newest().onerror(Object.assign(new Event('error'), { error: 'ECONNREFUSED' }));
  newest().onclose(Object.assign(new Event('close'), { code: 1006, reason: '', wasClean: false }));
  assert.deepEqual(errors, ['ECONNREFUSED']);
});

test('an error after which no close comes, as of a policy that forbids the connection, is the end of the dial', async () => {
  const socket = make();
  newest().readyState = 3;
  newest().onerror(new Event('error'));
  await clock.pass(0);
  assert.deepEqual(socket.log, [['disconnect', 1006], ['retry', 1]]);
  assert.equal(socket.stats.lostToClose, 1);
});
