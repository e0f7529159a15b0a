import { HeartlineSocket } from 'heartline';

/**
 * Events by their names, as socket.io has them, without its package: `addEventListener(name, listener)` gets `CustomEvent`s whose
 * `detail` is what was emitted; `emit(name, data)` sends.
 */
export class NamedEvents extends EventTarget {
  /** `silence`: pingInterval and pingTimeout of the server together. */
  constructor(address, silence) {
    super();
    this.socket = new HeartlineSocket(`ws://${address}/socket.io/?EIO=4&transport=websocket`, null, {
      greeting: (link) => this.#join(link),
      listen: silence,
    });
    this.socket.onmessage = ({ data }) => this.#received(data);
  }

  async #join(link) {
    this.link = link;
    await link.receive(); // 0{"sid":…}
    void link.send('40');
    await link.receive(); // 40{"sid":…}
  }

  #received(packet) {
    if (packet === '2') void this.link.send('3');
    if (!packet.startsWith('42')) return;
    const [name, detail] = JSON.parse(packet.slice(2));
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  emit(name, data) {
    return this.socket.send(`42${JSON.stringify([name, data])}`);
  }

  close() {
    this.socket.close();
  }
}
