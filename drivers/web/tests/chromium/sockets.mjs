// A WebSocket server on loopback that does as it is told, also wrong, and takes down what it saw.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { pause, until } from './patience.mjs';

/**
 * The port stays the same for life. What comes is answered by `answer(message, connection)` unless that gives `undefined`;
 * texts are strings, binaries Buffers. `upgrade` says what becomes of a handshake:
 * 'accept', 'hold' (never answered), 'cut' (the connection is destroyed), a number (that HTTP status), or
 * `{ after: ms }` (accepted late).
 */
export class SocketServer {
  /** Every connection that was accepted, in order; `handshakes` counts requests, `dials` TCP connections. */
  connections = [];
  handshakes = 0;
  dials = 0;
  upgrade = 'accept';
  #http = null;
  #tcp = new Set();
  #port = 0;
  #ws;

  static async start({ answer = echo, upgrade = 'accept', protocols = undefined, port = 0 } = {}) {
    const server = new SocketServer();
    Object.assign(server, { answer, upgrade });
    server.#port = port;
    server.#ws = new WebSocketServer({ noServer: true, handleProtocols: protocols && choose(protocols), maxPayload: 2 ** 30 });
    await server.listen();
    return server;
  }

  get port() {
    return this.#port;
  }

  get url() {
    return `ws://127.0.0.1:${this.#port}/`;
  }

  /** The connections that are open now. */
  get open() {
    return this.connections.filter((connection) => connection.open);
  }

  get last() {
    return this.connections.at(-1);
  }

  /** All messages of all connections, in order. */
  get received() {
    return this.connections.flatMap(({ received }) => received);
  }

  /** Listens, again at the same port after `stop`. */
  async listen() {
    this.#http = createServer((_, response) => response.writeHead(426).end());
    this.#http.on('connection', (tcp) => {
      this.dials += 1;
      this.#tcp.add(tcp.once('close', () => this.#tcp.delete(tcp)));
    });
    this.#http.on('upgrade', (request, tcp, head) => this.#upgraded(request, tcp, head));
    await new Promise((resolve, reject) => this.#http.once('error', reject).listen(this.#port, '127.0.0.1', resolve));
    this.#port = this.#http.address().port;
  }

  async #upgraded(request, tcp, head) {
    this.handshakes += 1;
    tcp.on('error', () => {});
    const { upgrade } = this;
    if (upgrade === 'hold') return;
    if (upgrade === 'cut') return void tcp.destroy();
    if (typeof upgrade === 'number') return void tcp.end(`HTTP/1.1 ${upgrade} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    if (upgrade.after) await pause(upgrade.after);
    if (tcp.destroyed) return;
    this.#ws.handleUpgrade(request, tcp, head, (socket) => this.connections.push(new Connection(socket, request, tcp, this)));
  }

  broadcast(message) {
    for (const connection of this.open) connection.send(message);
  }

  /** Destroys every TCP connection, without a close frame. */
  kill() {
    for (const tcp of this.#tcp) tcp.destroy();
  }

  /** Dials are refused from now on, and connections destroyed. */
  async stop() {
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.kill();
    await closed;
  }

  /** Waits until `condition(server)` is true. */
  until(what, condition) {
    return until(`the server: ${what}`, () => condition(this), { context: () => this.story() });
  }

  story() {
    const lines = this.connections.map((each, at) => `  ${at}: ${each.open ? 'open' : JSON.stringify(each.closed)}, ${each.received.length} received`);
    return `\n  ${this.dials} dials, ${this.handshakes} handshakes\n${lines.join('\n')}`;
  }

  async close() {
    if (this.#http.listening) await this.stop();
  }
}

/** One accepted connection. */
class Connection {
  received = [];
  /** `{ code, reason }` as the browser ended it: 1006 without a close frame, 1005 with one that names none. `null` while open. */
  closed = null;
  #socket;
  #tcp;

  constructor(socket, request, tcp, server) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.protocol = socket.protocol;
    this.headers = request.headers;
    this.path = request.url;
    socket.on('error', () => {});
    socket.on('close', (code, reason) => { this.closed = { code, reason: String(reason) }; });
    socket.on('message', (data, isBinary) => {
      const message = isBinary ? data : String(data);
      this.received.push(message);
      const reply = server.answer(message, this);
      if (reply !== undefined) this.send(reply);
    });
  }

  get open() {
    return this.#socket.readyState === 1;
  }

  /** A string as a text, anything else as a binary. */
  send(message) {
    this.#socket.send(message);
  }

  /** A close frame, and the browser's answer awaited. */
  close(code, reason) {
    this.#socket.close(code, reason);
  }

  /** The TCP connection is gone, without a close frame. */
  kill() {
    this.#tcp.destroy();
  }

  /** Reads nothing from now on: what the browser sends fills the buffers between. */
  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  /** Bytes that are no frame. */
  garbage(bytes = Buffer.alloc(16, 0xff)) {
    this.#tcp.write(bytes);
  }
}

/** Each message back. */
export const echo = (message) => message;

/** `ping` is answered by `pong`; everything else is taken without a word. */
export const pong = (message) => (message === 'ping' ? 'pong' : undefined);

/** Nothing is answered. */
export const silence = () => undefined;

const choose = (known) => (offered) => known.find((protocol) => offered.has(protocol)) ?? false;
