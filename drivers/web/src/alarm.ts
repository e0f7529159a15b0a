// The one timer of a socket.
import { now } from './clock.js';

/** The longest delay of a timer, in ms. */
const LONGEST = 2 ** 31 - 1;
/** A timer that comes so many ms late lets go first what has arrived. */
const LATE = 50;
/** One that should have come so many ms ago may have slept. */
const SLEPT = 1000;

export class Alarm<O = any> {
  readonly #owner: O;
  readonly #due: (owner: O) => void;
  readonly #tolerance: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When it comes. */
  #at = Infinity;

  /** `tolerance` is the lateness from which on the machine forgives, in ms. */
  constructor(owner: O, due: (owner: O) => void, tolerance: number) {
    this.#owner = owner;
    this.#due = due;
    this.#tolerance = tolerance;
  }

  /** Once, at that time or before. `Infinity` is never. */
  set(at: number): void {
    const time = now();
    // One that comes too early does no harm; most deadlines only move away.
    if (at >= this.#at && this.#at > time - SLEPT && at < Infinity) return;
    clearTimeout(this.#timer);
    this.#at = at;
    if (at < Infinity) this.#timer = setTimeout(Alarm.#rings, Math.min(Math.max(0, Math.ceil(at - time)), LONGEST), this);
  }

  static #rings(alarm: Alarm): void {
    const at = alarm.#at;
    const late = now() - at;
    alarm.#at = Infinity;
    if (late <= LATE || late > alarm.#tolerance) return alarm.#due(alarm.#owner);
    // The thread was busy, or stood still: what arrived meanwhile was in time. If it moved the deadline, that has its own turn.
    afterArrivals(() => {
      if (alarm.#at <= at || alarm.#at === Infinity) alarm.#due(alarm.#owner);
    });
  }
}

/** Once what has arrived by now was told. In node a timer could come sooner than that. */
function afterArrivals(next: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (next: () => void) => void };
  if (setImmediate) setImmediate(next);
  else setTimeout(next, 10);
}
