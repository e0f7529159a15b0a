// A socket on a clock and a WebSocket that do what a test says, and what it told.
import { afterEach } from 'node:test';
import { HeartlineSocket } from '../../dist/index.js';
import { Clock, settle } from '../fakes/clock.js';
import { FakeWebSocket as Fake } from '../fakes/socket.js';

export const clock = new Clock().install();

export { settle };

/** Sockets in the order of their dials. */
export const sockets = [];

export class FakeWebSocket extends Fake {
  constructor(url, protocols) {
    super(url, protocols);
    sockets.push(this);
  }
}

export const newest = () => sockets.at(-1);

const TYPES = ['open', 'message', 'error', 'close', 'disconnect', 'retry', 'degraded', 'recovered'];

const made = [];

/** No test leaves anything to the next. */
afterEach(async () => {
  for (const socket of made.splice(0)) socket.close();
  for (const socket of sockets.splice(0)) socket.end();
  await settle();
  clock.timers.clear();
});

/** How long every retry waits. */
export const DELAY = 1_000;

/** A socket on fakes, with its events but `state` and `bufferedamountlow` in `log`, as `[type, detail]`. */
export function make(options = {}, { url = 'ws://server/', protocols } = {}) {
  const socket = new HeartlineSocket(url, protocols, { WebSocket: FakeWebSocket, backoff: { base: DELAY, max: DELAY, jitter: 'none' }, ...options });
  made.push(socket);
  return Object.assign(socket, { log: record(socket) });
}

export function record(socket) {
  const log = [];
  for (const type of TYPES) {
    socket.addEventListener(type, (event) => log.push([type, event.data ?? event.code ?? event.attempt ?? null]));
  }
  return log;
}

/** The same, connected. */
export function makeOpen(options, source) {
  const socket = make(options, source);
  newest().accept();
  return socket;
}

/** What a promise has resolved to, or `undefined`. */
export async function peek(promise) {
  await settle();
  return Promise.race([promise, Promise.resolve(undefined)]);
}

export const receipt = (outcome, reason = null) => ({ outcome, reason });

/** A receipt without its id. */
export async function outcome(promise) {
  const found = await peek(promise);
  return found && { outcome: found.outcome, reason: found.reason };
}

/** The messages of what nobody catches during a test. */
export function uncaught(t) {
  const thrown = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error.message));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  return thrown;
}
