// Milliseconds that go on while the computer sleeps, on every system.

/** Wall time that passes by so much faster than the monotonic clock is a sleep in which that stood still, or a clock that was set. */
const JUMP = 1000;

let time = 0;
let lastWall: number | undefined;
let lastMonotonic = 0;
let still = false;

export function now(): number {
  if (still) return time;
  const wall = Date.now();
  const monotonic = globalThis.performance ? performance.now() : wall;
  if (lastWall !== undefined) {
    const step = Math.max(0, monotonic - lastMonotonic);
    const skipped = wall - lastWall - step;
    time += skipped > JUMP ? step + skipped : step;
  }
  lastWall = wall;
  lastMonotonic = monotonic;
  return time;
}

/** All that `work` does happens at one time: a clock is slow to read. */
export function atOnce<T>(work: () => T): T {
  const outer = still;
  now();
  still = true;
  try {
    return work();
  } finally {
    still = outer;
  }
}
