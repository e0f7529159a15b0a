// Options.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clock, make, makeOpen, newest } from './fakes.js';

test('a setting out of its range throws a RangeError with its name', () => {
  const day = 86_400_000;
  const wrong = {
    'heartbeat.interval': { ping: 'x', heartbeat: { interval: 0 } },
    'heartbeat.timeout': { ping: 'x', heartbeat: { timeout: null } },
    'heartbeat.mode': { ping: 'x', heartbeat: { mode: 'sometimes' } },
    listen: { listen: 0 },
    'listen ': { listen: NaN },
    'heartbeat.slowAfter': { ping: 'x', heartbeat: { slowAfter: 0 } },
    'heartbeat.lateTolerance': { ping: 'x', heartbeat: { lateTolerance: 2 * day } },
    connectTimeout: { connectTimeout: 0 },
    greetingTimeout: { greeting() {}, greetingTimeout: 0 },
    closeTimeout: { closeTimeout: Infinity },
    'backoff.base': { backoff: { base: NaN } },
    'backoff.max': { backoff: { min: 2, max: 1 } },
    'backoff.jitter': { backoff: { jitter: 'some' } },
    minDialGap: { minDialGap: 0 },
    stableAfter: { stableAfter: -1 },
    maxRetries: { maxRetries: 'many' },
    maxRetryAfter: { maxRetryAfter: Infinity },
    'outbox.maxMessages': { outbox: { maxMessages: 0 } },
    'outbox.maxBytes': { outbox: { maxBytes: 2 ** 31 } },
    'outbox.overflow': { outbox: { overflow: 'drop' } },
    'outbox.maxConnectionMessages': { outbox: { maxConnectionMessages: 0 } },
    'outbox.maxConnectionBytes': { outbox: { maxConnectionBytes: 0 } },
    'outbox.ackWindow': { outbox: { ackWindow: 0 } },
    'outbox.ackTimeout': { outbox: { ackTimeout: 0 } },
    'outbox.maxLosses': { outbox: { maxLosses: 0 } },
    firstId: { firstId: 0 },
    highWaterMark: { highWaterMark: 0 },
    'highWaterMark ': { highWaterMark: NaN },
    retry: { retry: [{ close: [2, 1], then: 'retry' }] },
  };
  for (const [name, options] of Object.entries(wrong)) {
    assert.throws(() => make(options), (error) => {
      assert(error instanceof RangeError, `${name}: ${error}`);
      assert.match(error.message, new RegExp(`^${name.trim()} is`));
      return true;
    });
  }
});

test('a rule that is none throws', () => {
  for (const rule of [{}, { close: 1000 }, { clsoe: 1000, then: 'retry' }, { any: true, then: 'try' }, { any: true, then: -1 }]) {
    assert.throws(() => make({ retry: [rule] }), RangeError, JSON.stringify(rule));
  }
});

test('a periodic heartbeat of less than ten seconds needs no timeout of its own', async () => {
  const socket = makeOpen({ ping: 'x', heartbeat: { mode: 'periodic', interval: 1000 } });
  await clock.pass(2500);
  assert.equal(socket.stats.lostToHeartbeat, 1);
});

test('listen excludes ping', () => {
  assert.throws(() => make({ listen: 1000, ping: 'ping' }), TypeError);
});

test('undefined is the default, as if it had not been given', async () => {
  const socket = make({ connectTimeout: undefined, heartbeat: undefined, outbox: { maxBytes: undefined }, backoff: undefined });
  await clock.pass(10_000);
  assert.equal(socket.stats.lostToConnectTimeout, 1);
});

test('by default retries are spread, and idle connections are not pinged', async () => {
  const delays = new Set();
  for (let i = 0; i < 10; i++) {
    const socket = make({ backoff: undefined });
    socket.onretry = ({ delay }) => delays.add(delay);
    newest().end();
    socket.close();
  }
  assert(delays.size > 1);
  for (const delay of delays) assert(delay <= 5_250);
});

test('a wrong argument is thrown, and is no trap: other sockets go on', () => {
  const other = makeOpen();
  const socket = makeOpen();
  for (const wrong of [() => socket.acked(1n), () => socket.send('x', { ttl: 5n }), () => socket.close(1000, '', { within: 5n })]) {
    assert.throws(wrong, TypeError);
  }
  assert.deepEqual([other.readyState, socket.readyState], [1, 1]);
});
