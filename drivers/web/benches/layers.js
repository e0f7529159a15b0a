// What is measured, alike in node and in a page: ways to have one socket with a heartbeat, above a `WebSocket` that does nothing.
import { HeartlineSocket } from 'heartline';
import { WebSocket as PartySocket } from 'partysocket';
import ReconnectingWebSocket from 'reconnecting-websocket';

const INTERVAL = 30_000;

/** Open at once. What it delivers it dispatches as a browser does: an event for each message, to an `EventTarget`. */
export class Fake extends EventTarget {
  static CLOSING = 2;
  static last;
  readyState = 1;
  bufferedAmount = 0;
  extensions = '';
  protocol = '';
  binaryType = 'blob';

  constructor() {
    super();
    Fake.last = this;
    queueMicrotask(() => this.dispatchEvent(new Event('open')));
  }

  set onopen(handler) {
    this.#handle('open', handler);
  }

  set onmessage(handler) {
    this.#handle('message', handler);
  }

  set onerror(handler) {
    this.#handle('error', handler);
  }

  set onclose(handler) {
    this.#handle('close', handler);
  }

  #handle(type, handler) {
    this.addEventListener(type, handler);
  }

  deliver(data) {
    this.dispatchEvent(new MessageEvent('message', { data, origin: 'ws://bench.example' }));
  }

  send() {}
  close() {}
}

/** The least that any layer does which is a target of events itself. */
class Redispatching extends EventTarget {
  constructor(WebSocket, url) {
    super();
    this.socket = new WebSocket(url);
    this.socket.onmessage = ({ data, origin }) => this.dispatchEvent(new MessageEvent('message', { data, origin }));
  }

  get readyState() {
    return this.socket.readyState;
  }

  send(data) {
    this.socket.send(data);
  }

  close() {
    this.socket.close();
  }
}

/** The heartbeat that front ends write around a socket: started anew by every message. */
class Heartbeat {
  #ping;
  #verdict;

  constructor(socket) {
    this.socket = socket;
    this.restart();
  }

  restart() {
    clearTimeout(this.#ping);
    clearTimeout(this.#verdict);
    this.#ping = setTimeout(() => {
      this.socket.send('ping');
      this.#verdict = setTimeout(() => this.socket.close(), INTERVAL);
    }, INTERVAL);
  }
}

function withHeartbeat(socket, onMessage) {
  const heartbeat = new Heartbeat(socket);
  socket.onmessage = (event) => {
    heartbeat.restart();
    if (event.data !== 'pong') onMessage(event);
  };
  return socket;
}

const HEARTBEAT = {
  ping: 'ping',
  isPong: (data) => data === 'pong',
  heartbeat: { interval: INTERVAL, timeout: INTERVAL },
};

const BARE = 'bare `WebSocket`';
const REDISPATCHED = 'an `EventTarget` that dispatches its messages again';
const HEARTLINE = 'heartline, its heartbeat included';

/** Each makes a socket that tells its messages to `onMessage`. */
const LAYERS = {
  [BARE]: (WebSocket, url, onMessage) => Object.assign(new WebSocket(url), { onmessage: onMessage }),
  [REDISPATCHED]: (WebSocket, url, onMessage) => {
    const socket = new Redispatching(WebSocket, url);
    socket.addEventListener('message', onMessage);
    return socket;
  },
  [HEARTLINE]: (WebSocket, url, onMessage) =>
    Object.assign(new HeartlineSocket(url, [], { WebSocket, ...HEARTBEAT }), { onmessage: onMessage }),
  'reconnecting-websocket and a heartbeat by hand': (WebSocket, url, onMessage) =>
    withHeartbeat(new ReconnectingWebSocket(url, [], { WebSocket }), onMessage),
  'partysocket and a heartbeat by hand': (WebSocket, url, onMessage) =>
    withHeartbeat(new PartySocket(url, [], { WebSocket }), onMessage),
};

export const NAMES = Object.keys(LAYERS);

/** What the others are compared with. */
export const names = { bare: BARE, redispatched: REDISPATCHED, heartline: HEARTLINE };

export const layer = (name, WebSocket, url, onMessage) => LAYERS[name](WebSocket, url, onMessage);
