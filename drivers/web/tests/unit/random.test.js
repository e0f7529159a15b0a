// Whatever is called and happens, in whatever order.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clock, FakeWebSocket, settle, sockets } from './fakes.js';

const memories = [];
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(module) {
    super(module);
    memories.push(this.exports.memory);
  }
};

/** The events of a window, of which all sockets hear. */
const listeners = new Map();
globalThis.addEventListener = (type, listener) => listeners.set(type, listener);
globalThis.removeEventListener = (type) => listeners.delete(type);
const { HeartlineSocket } = await import('../../dist/index.js');

const fail = () => {
  throw new Error('on purpose');
};

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What each event must find; `seen` is what came before it. */
const LEGAL = {
  state(seen, { from, to }) {
    assert.equal(from, seen.state);
    if (from === 'closed') Object.assign(seen, { closed: false, error: false });
    seen.state = to;
  },
  open: ({ state }) => assert.equal(state, 'open'),
  message: ({ state }) => assert(['open', 'closing'].includes(state), state),
  disconnect: ({ state }) => assert(['waiting', 'connecting', 'closing'].includes(state), state),
  retry: ({ state }) => assert.equal(state, 'waiting'),
  degraded() {},
  recovered() {},
  bufferedamountlow() {},
  error(seen) {
    assert(!seen.error);
    assert.equal(seen.state, 'closed');
    seen.error = true;
  },
  close(seen, { wasClean }) {
    if (seen.closeEachTime && seen.state !== 'closed') return;
    assert.equal(seen.state, 'closed');
    assert.equal(seen.error, !wasClean);
    seen.closed = true;
  },
};

function watch(socket, seen, react) {
  let busy = false;
  for (const [type, check] of Object.entries(LEGAL)) {
    socket.addEventListener(type, (event) => {
      assert.equal(event.target, socket);
      assert(!busy, 'an event within another');
      seen.log.push(type === 'state' ? `${event.from}>${event.to}` : type);
      // Nothing stands between an error and its close, and nothing but a new beginning behind a close.
      if (seen.error && !seen.closed) assert.equal(type, 'close');
      if (seen.closed) assert.equal(type === 'state' && event.from, 'closed');
      check(seen, event);
      busy = true;
      react();
      busy = false;
    });
  }
}

/** One socket with random options, to which random things happen. */
class Life {
  seen = { state: 'idle', log: [], closed: false, error: false, closeEachTime: false };
  sends = [];
  settled = 0;
  /** How many dials there may be, after the end. */
  most = Infinity;

  constructor(seed) {
    this.random = generator(seed);
    this.seen.closeEachTime = this.chance(0.2);
    const url = this.chance(0.3) ? async () => (this.chance(0.1) ? fail() : 'ws://server/') : 'ws://server/';
    this.socket = new HeartlineSocket(url, [], {
      WebSocket: FakeWebSocket,
      closeEachTime: this.seen.closeEachTime,
      ...this.pick({ ping: 'ping', isPong: (data) => data === 'pong' }, { listen: 15_000 }, {}),
      ...(this.chance(0.4) && { greeting: (link) => this.greet(link) }),
      ...(this.chance(0.2) && { maxRetries: 3 }),
      ...(this.chance(0.3) && { encode: (data) => (this.chance(0.1) ? fail() : data) }),
      ack: ({ ids }) => ids,
      outbox: { maxMessages: 20, overflow: this.pick('refuse', 'evict-oldest') },
      highWaterMark: 100,
    });
    // The constructor's own events come later. Now and then a listener calls, too, or a message comes meanwhile.
    const meanwhile = [...CALLS, (life) => say(life, 'nested')];
    watch(this.socket, this.seen, () => this.chance(0.1) && this.pick(...meanwhile)(this));
  }

  chance = (share) => this.random() < share;
  pick = (...all) => all[Math.floor(this.random() * all.length)];

  get native() {
    return sockets.at(-1) ?? { end() {} };
  }

  keep(promise) {
    this.sends.push(promise);
    promise.then(() => this.settled++);
  }

  async greet(link) {
    if (this.chance(0.5)) this.keep(link.send('hello'));
    if (this.chance(0.5)) await link.receive();
    if (this.chance(0.1)) link.drop(this.pick(1011, 4000));
    if (this.chance(0.1)) fail();
  }
}

const CALLS = [
  (life) => life.keep(life.socket.send(life.pick('text', new Uint8Array(50), 'ä'.repeat(30)))),
  (life) => life.keep(life.socket.send('text', { atLeastOnce: true })),
  (life) => life.keep(life.socket.send('text', { ttl: life.pick(0, 100, 60_000) })),
  (life) => life.keep(life.socket.send('text', { signal: AbortSignal.abort() })),
  (life) => life.keep(life.socket.send('text', { signal: new AbortController().signal })),
  (life) => life.socket.acked(life.pick(1, -1, 1_700_000_000_000_000)),
  (life) => life.socket.drop(life.pick(1000, 1006, 1008, 4000, 4401)),
  (life) => (life.socket.binaryType = life.pick('blob', 'arraybuffer', 'none')),
  (life) => (life.socket.bufferedAmountLowThreshold = life.pick(0, 50)),
  ({ socket }) => [socket.readyState, socket.bufferedAmount, socket.protocol, socket.url],
  ({ socket }) => [socket.rtt, socket.stats, socket.state],
  ({ socket }) => assert.throws(() => socket.send(), TypeError),
  ({ socket }) => assert.throws(() => socket.send('text', { ttl: -1 }), RangeError),
  ({ socket }) => assert.throws(() => socket.close(1001), { name: 'InvalidAccessError' }),
  ({ socket }) => assert.throws(() => socket.drop(4000, 'x'.repeat(124)), { name: 'SyntaxError' }),
];

const ENDS = [
  (life) => {
    life.socket.close(life.pick(undefined, 1000, 3000), 'bye');
    life.most = sockets.length;
  },
  (life) => life.socket.close(1000, '', { within: 5_000 }),
  (life) => {
    life.most = Infinity;
    life.socket.reconnect();
  },
];

const say = (life, data) => life.native.readyState && life.native.readyState < 3 && life.native.say(data);

const HAPPENINGS = [
  ({ native }) => native.readyState === 0 && native.accept('v1'),
  ({ native }) => native.readyState === 0 && native.accept('v1'),
  (life) => say(life, 'message'),
  (life) => say(life, 'pong'),
  (life) => say(life, { ids: life.pick([], 1, 1_700_000_000_000_000) }),
  (life) => life.native.readyState < 3 && life.native.end(life.pick(1006, 1000, 1001, 1013, 4401, 4403)),
  (life) => (life.native.bufferedAmount = life.pick(0, 0, 60, 200)),
  (life) => clock.sleep(life.pick(100, 60_000)),
  (life) => listeners.get(life.pick('online', 'offline'))?.({ type: life.pick('online', 'offline') }),
  (life) => listeners.get('pagehide')?.({ type: life.pick('pagehide', 'pageshow'), persisted: life.chance(0.5) }),
  (life) => clock.pass(life.pick(1, 300, 5_000, 40_000), life.pick(0, 0, 0, 7_000)),
];

async function live(seed, steps) {
  const life = new Life(seed);
  try {
    for (let step = 0; step < steps; step++) {
      await life.pick(...CALLS, ...HAPPENINGS, ...HAPPENINGS, life.pick(...ENDS))(life);
      if (life.chance(0.5)) await settle();
      assert(sockets.length <= life.most, 'dialled after close');
      if (life.socket.readyState === 3) assert(life.seen.closed || life.seen.error);
    }
    life.most = Infinity;
    await settle();
    life.socket.close();
    const dials = sockets.length;
    for (const socket of sockets) if (socket.readyState < 3) socket.end(1005);
    await settle();
    await clock.pass(60_000);
    assert.equal(life.socket.readyState, 3);
    assert.equal(life.socket.state, 'closed');
    assert(life.seen.closed);
    assert.equal(life.settled, life.sends.length);
    assert.equal(sockets.length, dials);
    assert.equal(clock.timers.size, 0);
    assert.equal(listeners.size, 0);
  } catch (error) {
    throw new Error(`seed ${seed}: ${life.seen.log.join(' ')}`, { cause: error });
  }
  sockets.length = 0;
}

test('no order of calls and happenings breaks a promise', async () => {
  for (let seed = 1; seed <= 120; seed++) await live(seed, 80);
});

test('a long life takes no more memory', async () => {
  await live(1, 1000);
  const [{ buffer }] = memories;
  const { byteLength } = buffer;
  for (let seed = 2; seed < 6; seed++) await live(seed, 1000);
  assert.equal(memories.length, 1);
  assert.equal(memories[0].buffer.byteLength, byteLength);
});
