// Whether the peer is alive.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clock, make, makeOpen, newest, settle, uncaught } from './fakes.js';

const PING = { ping: 'ping', isPong: (data) => data === 'pong', heartbeat: { interval: 1000, timeout: 500, slowAfter: 200 } };

test('without ping there is no heartbeat', async () => {
  const socket = makeOpen();
  await clock.pass(3_600_000);
  assert.equal(socket.readyState, 1);
  assert.deepEqual(newest().sent, []);
});

test('a silent connection is pinged, and its answer is no message', async () => {
  const socket = makeOpen(PING);
  await clock.pass(999);
  assert.deepEqual(newest().sent, []);
  await clock.pass(1);
  assert.deepEqual(newest().sent, ['ping']);
  await clock.pass(100);
  newest().say('pong');
  assert.deepEqual(socket.log, [['open', null]]);
  assert.deepEqual({ ...socket.rtt }, { latest: 100, smoothed: 100 });
  assert.equal(socket.stats.pongs, 1);
  await clock.pass(1000);
  assert.deepEqual(newest().sent, ['ping', 'ping']);
});

test('any message puts the ping off', async () => {
  const socket = makeOpen(PING);
  for (let i = 0; i < 5; i++) {
    await clock.pass(900);
    newest().say('text');
  }
  assert.deepEqual(newest().sent, []);
  await clock.pass(1000);
  assert.deepEqual(newest().sent, ['ping']);
});

test('a ping without an answer ends the connection, at once and without waiting for the socket', async () => {
  const socket = makeOpen(PING);
  const old = newest();
  const losses = [];
  socket.ondisconnect = ({ loss, code, wasClean }) => losses.push([loss.kind, code, wasClean]);
  await clock.pass(1500);
  assert.notEqual(old.closed, null);
  assert.deepEqual(losses, [['heartbeat-timeout', 1006, false]]);
  assert.deepEqual(socket.log, [['open', null], ['degraded', null], ['disconnect', 1006], ['retry', 1]]);
});

test('degraded comes after slowAfter, recovered with the next sign of life', async () => {
  const socket = makeOpen(PING);
  await clock.pass(1199);
  assert.deepEqual(socket.log, [['open', null]]);
  await clock.pass(1);
  newest().say('text');
  assert.deepEqual(socket.log, [['open', null], ['degraded', null], ['message', 'text'], ['recovered', null]]);
});

test('a ping may be made from its number, and answered by it', async () => {
  const isPong = (data) => data.startsWith('pong ') && Number(data.slice(5));
  const socket = makeOpen({ ...PING, ping: (token) => `ping ${token}`, isPong });
  await clock.pass(1000);
  const first = newest().sent[0];
  assert.match(first, /^ping \d+$/);
  await clock.pass(70);
  newest().say(first.replace('ping', 'pong'));
  assert.equal(socket.rtt.latest, 70);
  newest().say('other');
  assert.deepEqual(socket.log.at(-1), ['message', 'other']);
});

test('periodic pings come whatever arrives, and need no answer if timeout is null', async () => {
  const socket = makeOpen({ ping: 'ping', heartbeat: { mode: 'periodic', interval: 1000, timeout: null } });
  for (let i = 0; i < 10; i++) {
    newest().say('text');
    await clock.pass(500);
  }
  assert.equal(socket.readyState, 1);
  assert.equal(newest().sent.length, 6);
});

test('listen never pings, and takes silence for death', async () => {
  const socket = makeOpen({ listen: 1000 });
  const sent = newest().sent;
  await clock.pass(900);
  newest().say('text');
  await clock.pass(999);
  assert.equal(socket.readyState, 1);
  await clock.pass(1);
  assert.equal(socket.readyState, 0);
  assert.deepEqual(sent, []);
});

test('a message that came before its late timer was in time', async () => {
  const socket = makeOpen({ listen: 1000, heartbeat: { lateTolerance: 100 } });
  clock.now += 1080;
  clock.wall += 1080;
  newest().say('just in time');
  await clock.pass(0);
  assert.equal(socket.readyState, 1);
});

test('deadlines are looked at when a message comes, for timers of a hidden page are late', async () => {
  const socket = makeOpen({ ...PING, heartbeat: { mode: 'periodic', interval: 1000, timeout: null } });
  newest().sent.length = 0;
  // No timer comes, messages do.
  for (let i = 0; i < 10; i++) {
    clock.now += 500;
    clock.wall += 500;
    newest().say('text');
  }
  assert.equal(newest().sent.length, 5);
});

test('after a suspension the wait for an answer starts anew', async () => {
  const socket = makeOpen(PING);
  await clock.pass(1000);
  await clock.pass(60_500, 60_000);
  assert.equal(socket.readyState, 1);
  assert(newest().sent.length >= 2);
  newest().say('pong');
  assert.equal(socket.readyState, 1);
});

test('time goes on while the computer sleeps, even where its clock stood still', async () => {
  const socket = makeOpen({ listen: 60_000 });
  clock.sleep(600_000);
  await clock.pass(0);
  const receipt = socket.send('x', { ttl: 1000 });
  assert.equal((await receipt).outcome, 'transmitted');
  newest().end();
  const waiting = socket.send('y', { ttl: 60_000 });
  clock.sleep(120_000);
  await clock.pass(5_000);
  assert.deepEqual((await waiting).reason, 'expired');
});

test('a clock that is set back changes nothing', async () => {
  const socket = makeOpen(PING);
  clock.wall -= 3_600_000;
  await clock.pass(1000);
  assert.deepEqual(newest().sent, ['ping']);
});

test('isPong, ack and ping that throw are reported, and change nothing else', async (t) => {
  const thrown = uncaught(t);
  const fail = (name) => () => {
    throw new Error(name);
  };
  const socket = makeOpen({ ...PING, ping: fail('ping'), isPong: fail('isPong'), ack: fail('ack') });
  newest().say('text');
  await clock.pass(1000);
  assert.deepEqual(thrown, ['isPong', 'ack', 'ping']);
  assert.deepEqual(socket.log, [['open', null], ['message', 'text']]);
});

test('one timer serves a socket, and streams of messages set none', async () => {
  const socket = makeOpen(PING);
  const before = clock.timers.size;
  const { made } = clock;
  for (let i = 0; i < 100; i++) {
    newest().say('text');
    socket.send('text');
  }
  assert.equal(clock.timers.size, before);
  assert.equal(clock.made, made);
  socket.close();
  newest().end(1005);
  await settle();
  assert.equal(clock.timers.size, before - 1);
});

test('a dial that is never answered ends after connectTimeout', async () => {
  const socket = make({ connectTimeout: 1000 });
  await clock.pass(1000);
  assert.equal(socket.stats.lostToConnectTimeout, 1);
  assert.equal(socket.state, 'waiting');
});

/** The thread is busy until the deadline of the only timer has passed by `late` ms, and then finds it due. */
function busy(late) {
  const [[id, { at, callback }]] = clock.timers;
  clock.timers.delete(id);
  clock.wall += at + late - clock.now;
  clock.now = at + late;
  callback();
}

test('what arrived while the thread was busy goes before a deadline that passed meanwhile', async () => {
  const socket = makeOpen({ listen: 1000 });
  busy(300);
  newest().say('in time');
  await clock.pass(999);
  assert.deepEqual(socket.log, [['open', null], ['message', 'in time']]);
  await clock.pass(1);
  assert.deepEqual(socket.log.slice(2), [['disconnect', 1006], ['retry', 1]]);
});

test('a thread that stands still again before its deadline is looked at anew loses nothing either', async () => {
  const socket = makeOpen({ listen: 1000 });
  busy(300);
  newest().say('in time');
  clock.now += 1300;
  clock.wall += 1300;
  await settle();
  const [[id, { callback }]] = clock.timers;
  clock.timers.delete(id);
  callback();
  newest().say('in time again');
  await clock.pass(900);
  assert.deepEqual(socket.log, [['open', null], ['message', 'in time'], ['message', 'in time again']]);
});

test('a late timer gives way once, not for ever', async () => {
  const socket = makeOpen({ listen: 1000 });
  busy(300);
  // Arms the timer anew each time.
  socket.send('a');
  await settle();
  busy(300);
  socket.send('b');
  await settle();
  assert.deepEqual(socket.log, [['open', null], ['disconnect', 1006], ['retry', 1]]);
});

test('a connection that is found dead is terminated where the socket can do that', async () => {
  makeOpen(PING);
  let terminated = 0;
  newest().terminate = () => { terminated += 1; };
  await clock.pass(1499);
  assert.equal(terminated, 0);
  await clock.pass(1);
  assert.equal(terminated, 1);
});

test('a ping that cannot be sent is reported, and is a ping without an answer', async (t) => {
  const thrown = uncaught(t);
  const socket = makeOpen({ ...PING, retry: [{ any: true, then: 'stop' }] });
  newest().send = () => {
    throw new TypeError('no data');
  };
  await clock.pass(1000);
  assert.deepEqual(thrown, ['no data']);
  await clock.pass(500);
  assert.equal(socket.stats.lostToHeartbeat, 1);
});
