// A TCP proxy on loopback that can fall silent, as a network does that is gone without a word.
import { connect, createServer } from 'node:net';

/** Stands between the browser and `target`, which has a `port`. */
export class Link {
  #pairs = new Set();
  #silent = false;
  #tcp;

  static async to(target) {
    const link = new Link();
    link.#tcp = createServer({ pauseOnConnect: true }, (near) => link.#join(near, target.port));
    await new Promise((resolve, reject) => link.#tcp.once('error', reject).listen(0, '127.0.0.1', resolve));
    return link;
  }

  get port() {
    return this.#tcp.address().port;
  }

  get url() {
    return `ws://127.0.0.1:${this.port}/`;
  }

  #join(near, port) {
    const pair = { near, far: null, lost: false };
    this.#pairs.add(pair);
    near.on('error', () => {}).on('close', () => this.#part(pair, near));
    if (this.#silent) return void (pair.lost = true);
    pair.far = connect(port, '127.0.0.1');
    pair.far.on('error', () => {}).on('close', () => this.#part(pair, pair.far));
    this.#pump(near, pair.far, pair);
    this.#pump(pair.far, near, pair);
    near.resume();
  }

  #pump(from, to, pair) {
    from.on('data', (chunk) => pair.lost || to.write(chunk) || (from.pause(), to.once('drain', () => from.resume())));
    from.on('end', () => pair.lost || to.end());
  }

  // On a silent link neither end learns that the other is gone.
  #part(pair, gone) {
    if (pair.lost && gone === pair.far) return;
    this.#pairs.delete(pair);
    pair.near.destroy();
    pair.far?.destroy();
  }

  /** How many connections were made while it was silent. */
  get unanswered() {
    return [...this.#pairs].filter(({ far }) => far === null).length;
  }

  /** From now on nothing passes on any connection, old or new, and nobody is told. */
  silence() {
    this.#silent = true;
    for (const pair of this.#pairs) pair.lost = true;
  }

  /** New connections pass; those that were silent stay so, as after a change of the network. */
  heal() {
    this.#silent = false;
  }

  /** Destroys all connections, both ways. */
  cut() {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far?.destroy();
    }
    this.#pairs.clear();
  }

  async close() {
    const closed = new Promise((resolve) => this.#tcp.close(resolve));
    this.cut();
    await closed;
  }
}
