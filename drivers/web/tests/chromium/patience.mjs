// Waiting for conditions: how long, and what a wait that fails says.

/**
 * Milliseconds for a machine that is as many times slower as `HEARTLINE_PACE` says: the limits after which a socket gives its
 * connection up, where a test is about one that lives.
 */
export const paced = (ms) => ms * Number(process.env.HEARTLINE_PACE ?? 1);

/** Milliseconds that anything may take before a test gives up on it. */
export const PATIENCE = paced(30_000);

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Polls `condition`, which may be async, until it gives something true, and returns that.
 * `what` names it in the error; `context()` adds what helps to understand one.
 */
export async function until(what, condition, { within = PATIENCE, every = 25, context = () => '' } = {}) {
  const end = performance.now() + within;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) {
      throw new Error(`waited ${within} ms for ${what}; it is ${print(value)} ${await context()}`);
    }
    await pause(every);
  }
}

/** `promise`, or an error that names `what` after `within` milliseconds. */
export function inTime(what, promise, within = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${within} ms for ${what}`)), within);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A value for a person, on one line. */
export function print(value) {
  const text = typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value) ?? String(value);
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
}
