// A clock and a network whose answers a case decides: for what takes minutes, or never happens.
import { Clock } from '../fakes/clock.js';
import { FakeWebSocket } from '../fakes/socket.js';


export const MINUTE = 60_000;

/** Its closing handshake succeeds by itself. */
class Wire extends FakeWebSocket {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;

  close(code = 1000, reason = '') {
    if (code !== 1000 && (code < 3000 || code > 4999)) {
      throw new DOMException('no code for a page', 'InvalidAccessError');
    }
    const { readyState } = this;
    super.close(code, reason);
    if (readyState === 0) queueMicrotask(() => this.end());
    if (readyState === 1) queueMicrotask(() => this.end(code, reason, true));
  }
}

/** Replaces clock, timers and `WebSocket` of this realm until `restore`. `onDial(wire, index)` answers a dial. */
export class World extends Clock {
  now = 0;
  /** That of the realm, which a socket of an earlier case may have seen. */
  wall = Date.now();
  wires = [];
  /** When each dial was made, in ms from the start. */
  times = [];
  #kept = globalThis.WebSocket;

  constructor(onDial) {
    super();
    const { wires, times } = this;
    const now = () => this.now;
    globalThis.WebSocket = class extends Wire {
      constructor(url, protocols) {
        super(url, protocols);
        times.push(now());
        const index = wires.push(this) - 1;
        queueMicrotask(() => onDial(this, index));
      }
    };
    this.install();
  }

  restore() {
    super.restore();
    globalThis.WebSocket = this.#kept;
  }
}

export const refuse = (wire) => wire.end();
export const accept = (wire) => wire.accept();
export const silence = () => {};

/** The time between dials, to 10 ms: a timer may come a millisecond late. */
export const differences = (times) => times.slice(1).map((time, index) => Math.round((time - times[index]) / 10) * 10);
