// A clock that is wound by hand.

/** Whatever is due without a clock: promises and microtasks. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Stands still until it is told otherwise. Replaces the timers and clocks of the realm. */
export class Clock {
  /** Milliseconds of the monotonic clock. */
  now = 1_000;
  /** Milliseconds since 1970. */
  wall = 1_700_000_000_000;
  timers = new Map();
  /** How many timers were ever set. */
  made = 0;
  #replaced = [];

  install() {
    this.#replace(globalThis, 'setTimeout', (callback, delay = 0, ...given) => {
      this.timers.set(++this.made, { at: this.now + delay, callback: () => callback(...given) });
      return this.made;
    });
    this.#replace(globalThis, 'clearTimeout', (id) => this.timers.delete(id));
    this.#replace(globalThis, 'performance', { now: () => this.now });
    this.#replace(Date, 'now', () => this.wall);
    return this;
  }

  #replace(owner, name, value) {
    this.#replaced.push([owner, name, Object.getOwnPropertyDescriptor(owner, name)]);
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  }

  /** The realm has its own timers and clocks again. */
  restore() {
    for (const [owner, name, descriptor] of this.#replaced.splice(0)) Object.defineProperty(owner, name, descriptor);
  }

  /** When the next timer comes, in ms from now. */
  get next() {
    return Math.min(...[...this.timers.values()].map(({ at }) => at)) - this.now;
  }

  /** Lets time go by: timers come when they are due, unless they are late by so much. */
  async pass(ms, late = 0) {
    await settle();
    const end = this.now + ms;
    for (;;) {
      const [id, timer] = [...this.timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!timer || timer.at + late > end) break;
      this.timers.delete(id);
      this.#to(Math.max(this.now, timer.at + late));
      timer.callback();
      await settle();
    }
    this.#to(end);
    await settle();
  }

  /** The computer sleeps, and with it the monotonic clock. */
  sleep(ms) {
    this.wall += ms;
  }

  #to(time) {
    this.wall += time - this.now;
    this.now = time;
  }
}
