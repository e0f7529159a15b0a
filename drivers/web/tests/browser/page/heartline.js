// For pages and workers: the class, and sockets that are watched.
import { HeartlineSocket } from '/dist/index.js';

globalThis.HeartlineSocket = HeartlineSocket;

/** Every native socket that a heartline dialled. */
globalThis.dialled = [];

class Counted extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols);
    dialled.push(this);
  }
}

/** No retry of its own accord: a dial within ten minutes was asked for. */
export const RARELY = { base: 600_000, min: 600_000, max: 600_000, jitter: 'none' };

/** Retries come after a twentieth of a second. */
export const SOON = { base: 50, min: 50, max: 50, jitter: 'none' };

/** A ping only when somebody asks for one, and its answer. */
export const PINGS = { ping: 'ping', isPong: (data) => data === 'pong', heartbeat: { interval: 3_600_000, timeout: 600_000 } };

Object.assign(globalThis, { RARELY, SOON, PINGS });

/** `globalThis.socket`, watched; `receipts` are what became of what `post` sent. */
globalThis.dial = (url, options = {}, protocols = undefined) => {
  globalThis.socket = watch(new HeartlineSocket(url, protocols, { WebSocket: Counted, minDialGap: 1, ...options }));
};

globalThis.receipts = [];
globalThis.post = (data, options) => {
  socket.send(data, options).then(({ outcome, reason }) => receipts.push([data, outcome, reason]));
};
