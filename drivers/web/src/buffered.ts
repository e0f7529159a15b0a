// What lies in the socket: no event says that it has become less.

/** How soon to look again, in ms: at first, for a connection that is fast, and at last. */
const SOON = 4;
const LATER = 50;

export class Buffered {
  /** Somebody waits for `bufferedamountlow`. */
  watched = false;
  /** More is buffered than the threshold. */
  above = false;
  #seen = 0;
  #pause = SOON;

  /** Whether what is buffered has fallen to the threshold. */
  fell(amount: number, threshold: number): boolean {
    const above = this.watched && amount > threshold;
    const fell = this.above && !above;
    this.above = above;
    return fell;
  }

  /** In how many ms to look again, with so many bytes in the socket. */
  pause(bytes: number): number {
    this.#pause = bytes < this.#seen ? SOON : Math.min(LATER, 2 * this.#pause);
    this.#seen = bytes;
    return this.#pause;
  }
}
