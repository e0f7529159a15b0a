// The socket: carries out what the machine decides, and tells it what happens.
import { Alarm } from './alarm.js';
import { Buffered } from './buffered.js';
import { atOnce, now } from './clock.js';
import { Connection } from './connection.js';
import type { Host } from './connection.js';
import { ask, checkClose, known, resolveUrl, sendable, syntaxError } from './errors.js';
import { BROKEN, Events, makeEvent } from './events.js';
import type { End } from './events.js';
import { defineHandlers } from './handlers.js';
import { Action, Delivery, Input, Look, Loss, Received, State } from './machine.js';
import { lossOf, STATES, STATS } from './names.js';
import { isOpen, Outbox } from './outbox.js';
import { Change, isOffline, join, leave } from './page.js';
import type { Realm, Session } from './realm.js';
import type * as t from './types.js';

/** A connection that is lost so many ms after the page was away was lost meanwhile. */
const WAKING = 2000;

export interface BaseSocket<Out, In> extends t.Handlers<In> {
  removeEventListener<K extends keyof t.HeartlineSocketEventMap>(
    type: K,
    listener: (this: this, event: t.HeartlineSocketEventMap<In>[K]) => any,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** `HeartlineSocket` on the machine of some realm. */
export class BaseSocket<Out = t.Sendable, In = any> extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;

  static {
    defineHandlers(this.prototype, 'open message error close disconnect retry degraded recovered state bufferedamountlow');
    ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].forEach((name, value) =>
      Object.defineProperty(this.prototype, name, { value, enumerable: true }));
  }

  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  /** An event `bufferedamountlow` is due when `bufferedAmount` falls to this. */
  bufferedAmountLowThreshold = 0;

  readonly #realm: Realm;
  readonly #source: t.UrlSource;
  readonly #protocols: t.ProtocolsSource;
  readonly #options: t.Options<Out, In>;
  #session!: Session;
  readonly #events = new Events(this);
  readonly #outbox: Outbox;
  readonly #alarm: Alarm;
  #connection: Connection | undefined;
  /** The machine's name of it. */
  #id = 0;
  /** Whether the machine's actions are being carried out. */
  #running = false;
  /** What `close` was given. */
  #closing: { code: number | undefined; reason: string } | undefined;
  /** When the page was away last. */
  #woke = -Infinity;
  #aborted: (() => void) | undefined;
  readonly #buffered = new Buffered();
  #binaryType: BinaryType = 'blob';
  #url = '';
  /** The one of the last dial. */
  #native: t.NativeSocket | undefined;

  /** @internal */
  constructor(
    realm: Realm,
    url: t.UrlSource,
    protocols: t.ProtocolsSource | null | undefined,
    options: t.Options<Out, In> = {},
  ) {
    super();
    this.#realm = realm;
    this.#source = typeof url === 'function' ? url : (this.#url = resolveUrl(url));
    this.#protocols = protocols ?? [];
    this.#options = options;
    this.#outbox = new Outbox(options, this, BaseSocket.#sends);
    this.#alarm = new Alarm(this, BaseSocket.#due, options.heartbeat?.lateTolerance ?? 5000);
    this.#start();
    if (options.signal?.aborted) this.close();
    else this.#begin(Input.Connect);
    const error = this.#events.error as Error | undefined;
    if (error && typeof url !== 'function' && typeof protocols !== 'function') this.#refuse(error);
  }

  // ---- what WebSocket has

  get readyState(): 0 | 1 | 2 | 3 {
    const state = this.#session.see(Look.State);
    if (state === State.Idle || state === State.Closed) return this.#events.ending ? 2 : 3;
    return this.#closing ? 2 : state === State.Open ? 1 : 0;
  }

  /** Bytes held, of which an object for `encode` has none, and bytes that lie in the socket. */
  get bufferedAmount(): number {
    return this.#session.see(Look.HeldBytes) + (this.#connection?.socket?.bufferedAmount ?? 0) + this.#outbox.refused;
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type !== 'blob' && type !== 'arraybuffer') return;
    this.#binaryType = type;
    const socket = this.#connection?.socket;
    if (socket) socket.binaryType = type;
  }

  /** Of the last connection; '' until it is open. */
  get protocol(): string {
    return this.#native?.protocol ?? '';
  }

  get extensions(): string {
    return this.#native?.extensions ?? '';
  }

  get url(): string {
    return this.#url;
  }

  /** Never rejects. Queues while there is no connection. Throws what `WebSocket` throws for a wrong argument. */
  send(data: Out, options: t.SendOptions = {}): Promise<t.Receipt> {
    if (!arguments.length) throw new TypeError('1 argument required');
    return this.#outbox.send(data, options.atLeastOnce ? Delivery.AtLeastOnce : Delivery.AtMostOnce, options);
  }

  /**
   * Ends the socket for good. What waits is sent first if a connection is open, and for up to `within` ms if that is given,
   * reconnecting meanwhile. The code is 1000 or 3000 to 4999, the reason at most 123 bytes, as for `WebSocket`.
   */
  close(code?: number, reason = '', { within = 0 }: { within?: number } = {}): void {
    if (code !== undefined) code = Math.round(code);
    within = +within;
    checkClose(code ?? 1000, (reason = `${reason}`), sendable);
    const state = this.#session.see(Look.State);
    if (this.#closing && state >= State.Closing) return;
    this.#closing ??= { code, reason };
    // Without `within` what waits goes out now or never.
    this.#outbox.pressing = !within;
    this.#run();
    this.#outbox.pressing = false;
    this.#session.input(Input.Close, 0, code ?? 1000, within);
    this.#session.input(Input.Timer);
    this.#called();
  }

  override addEventListener<K extends keyof t.HeartlineSocketEventMap>(
    type: K,
    listener: (this: this, event: t.HeartlineSocketEventMap<In>[K]) => any,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(type: string, listener: any, options?: boolean | AddEventListenerOptions): void {
    if (type === 'bufferedamountlow') this.#buffered.watched = true;
    super.addEventListener(type, listener, options);
  }

  // ---- what it has not

  get state(): t.State {
    return STATES[this.#session.see(Look.State)]!;
  }

  /** The latest round trip of the heartbeat, and one smoothed as in RFC 6298, in ms; `null` before the first. */
  get rtt(): { readonly latest: number; readonly smoothed: number } | null {
    const latest = this.#session.see(Look.Rtt);
    return latest < 0 ? null : { latest, smoothed: this.#session.see(Look.SmoothedRtt) };
  }

  /** Counters of the session. */
  get stats(): t.Stats {
    return Object.fromEntries(STATS.map((name, i) => [name, this.#session.see(Look.Dials + i)])) as unknown as t.Stats;
  }

  /** The server has these messages, as the application learnt. */
  acked(...ids: number[]): void {
    for (const id of ids) this.#session.input(Input.Acked, 0, id);
    this.#called();
  }

  /** A new connection: replaces a living one, cuts short a wait, starts anew after the end. */
  reconnect(): void {
    if (this.#options.signal?.aborted) return;
    this.#closing = undefined;
    this.#events.over = false;
    this.#outbox.refused = 0;
    if (this.#session.dead) this.#start();
    this.#begin(Input.Reconnect);
  }

  /**
   * Ends the current connection; whether it is dialled again depends on the code (`retry`), 1000 to 4999. One that a
   * browser does not send ends it without a code for the server.
   */
  drop(code: number, reason = ''): void {
    checkClose(code, reason, known);
    this.#lose(Loss.Application, { code, reason, wasClean: false });
    this.#called();
  }

  // ---- the machine

  #start(): void {
    this.#session = this.#realm(this.#options as t.Options<never, never>, this, BaseSocket.#trapped);
    this.#outbox.session = this.#session;
  }

  #begin(input: Input): void {
    join(this, BaseSocket.#notify);
    this.#options.signal?.addEventListener('abort', (this.#aborted ??= () => this.close()));
    this.#session.input(input);
    if (isOffline()) this.#session.input(Input.NetworkLost);
    this.#called();
  }

  /** Undoes the constructor, whose dial threw. */
  #refuse(error: Error): never {
    this.#retire();
    this.#alarm.set(Infinity);
    throw error.name === 'SyntaxError' ? syntaxError(error.message) : error;
  }

  /** After a call of the application: what it leads to is told later. */
  #called(): void {
    this.#run();
    this.#events.flushLater();
  }

  #happened(input: Input, conn?: number): void {
    this.#session.input(input, conn);
    this.#live();
  }

  /** After something happened: what it leads to is told now. */
  #live(): void {
    if (this.#running) return;
    this.#run();
    this.#events.flush();
  }

  /** Carries out all that the machine owes, then hands messages to the socket. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      atOnce(() => this.#act());
    } finally {
      this.#running = false;
    }
  }

  #act(): void {
    const session = this.#session;
    const socketOf = () => this.#connection?.socket;
    try {
      do {
        for (let action; (action = session.next()); ) this.#carryOut(action, session.record());
      } while (this.#outbox.transmit(socketOf));
      this.#checkLow();
    } finally {
      this.#arm();
    }
  }

  #carryOut(action: Action, [a, b, c, d, e]: Float64Array): void {
    const current = this.#id === a ? this.#connection : undefined;
    if (action === Action.Abort && current) {
      this.#release();
      current.abort();
    } else if (action === Action.Connect) {
      this.#dial(a!, b!, lossOf(c!, d!), !!e);
    } else if (action === Action.Ping) {
      this.#ping(b!);
    } else if (action === Action.Close) {
      const { code, reason } = this.#closing!;
      current?.socket?.close(code, code === undefined ? code : reason);
    } else if (action === Action.StateChanged) {
      this.#changed(a!, b!, c!, lossOf(d!, e!));
    } else if (action === Action.Degraded || action === Action.Recovered) {
      this.#events.push(makeEvent(action === Action.Degraded ? 'degraded' : 'recovered'));
    } else if (action === Action.ScheduleReconnect) {
      this.#events.push(makeEvent('retry', { attempt: a, delay: Math.max(0, b! - now()) }));
    } else if (action === Action.Outcome) {
      this.#outbox.settle(a!, b!, c!);
    }
  }

  #arm(): void {
    const at = this.#session.deadline() ?? Infinity;
    const bytes = this.#connection?.socket?.bufferedAmount ?? 0;
    const looks = this.#outbox.blocked || (this.#buffered.above && bytes);
    this.#alarm.set(looks ? Math.min(at, now() + this.#buffered.pause(bytes)) : at);
  }

  #checkLow(): void {
    if (this.#events.over || !this.#buffered.fell(this.bufferedAmount, this.bufferedAmountLowThreshold)) return;
    this.#events.push(makeEvent('bufferedamountlow'));
  }

  #changed(from: State, to: State, cause: number, loss: t.Loss | null): void {
    if (to === State.Idle) {
      // Nothing waits for a connection that does not come.
      this.#session.input(Input.Close);
      to = State.Closed;
    } else if (from === State.Idle && this.#events.over) {
      return;
    }
    const lost = this.#events.changed(from, to, cause, loss, this.#closing, this.#options.closeEachTime);
    if (this.#events.over) this.#retire();
    if (lost && from === State.Open && !isOffline() && now() - this.#woke < WAKING) this.#session.input(Input.NetworkChanged);
    if (from === State.Greeting && (to === State.Open || to === State.Closing)) {
      // What the greeting did not take are messages like all others.
      for (const message of this.#connection?.greeted() ?? []) this.#events.message(message);
    }
  }

  /** Nothing outside holds on to the socket any more. */
  #retire(): void {
    leave(this);
    this.#options.signal?.removeEventListener('abort', this.#aborted!);
  }

  // ---- connections

  #dial(id: number, attempt: number, lastLoss: t.Loss | null, renew: boolean): void {
    const connection = new Connection(id, this.#options.greeting, this, BaseSocket.#host);
    this.#connection = connection;
    this.#id = id;
    const dial = { attempt, lastLoss, renew, get signal() { return connection.signal; } };
    void connection.dial(this.#source, this.#protocols, dial, (url, protocols) => {
      const socket = (this.#native = new (this.#options.WebSocket ?? WebSocket)((this.#url = url), protocols));
      socket.binaryType = this.#binaryType;
      return socket;
    });
  }

  #release(code?: number, reason?: string): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#events.error = connection?.error;
    connection?.end(code, reason);
  }

  /** The connection is over, if there is one. */
  #lose(kind: Loss, end: End): void {
    if (!this.#connection) return;
    const { code, reason } = (this.#events.end = end);
    if (kind === Loss.Application && sendable(code)) this.#release(code, reason);
    else this.#release();
    // As servers on heartline, or on the same convention, ask for it: a page does not see the header Retry-After.
    const wait = /^retry-after-ms=(\d+)$/.exec(reason)?.[1];
    this.#session.input(Input.Closed, this.#id, kind, code, +(wait ?? 0));
  }

  #received(connection: Connection, id: number, message: MessageEvent): void {
    const { isPong, ack } = this.#options;
    const data = message.data as In;
    const token = isPong && ask(isPong, data);
    const ids = ack && ask(ack, data);
    let due = this.#outbox.blocked;
    if (token || token === 0) {
      this.#session.input(Input.Pong, id, token === true ? -1 : token);
      due = true;
    } else if (ids !== undefined && ids !== null) {
      this.#session.input(Input.Alive, id);
      for (const acked of [ids].flat()) this.#session.input(Input.Acked, 0, acked);
      due = true;
    } else {
      const received = this.#session.received(id)!;
      due ||= received > Received.Delivered;
      if (received & Received.Delivered) {
        if (!connection.greeting) this.#events.message(message);
        else if (!connection.keep(message)) {
          this.#lose(Loss.Application, { ...BROKEN, code: 1009 });
          due = true;
        }
      }
    }
    // Timers of a hidden page are late, messages are not. What came before its deadline was looked at is in time.
    if (due) {
      this.#session.input(Input.Timer);
      this.#run();
    }
    if (!this.#running) this.#events.flush();
  }

  #ping(token: number): void {
    const socket = this.#connection?.socket;
    const { ping } = this.#options;
    const data = typeof ping === 'function' ? ask(ping, token) : ping;
    if (isOpen(socket) && data !== undefined) ask(() => socket.send(data), undefined);
  }

  // ---- what happens; static, for there may be many sockets that do nothing

  static readonly #host: Host<BaseSocket<any, any>> = {
    tell: (socket, input, { id }) => socket.#happened(input, id),
    received: (socket, message, connection) => socket.#received(connection, connection.id, message),
    lost(socket, kind, end) {
      socket.#lose(kind, end);
      socket.#live();
    },
    send: (socket, data) => socket.#outbox.send(data, Delivery.ThisConnection),
    drop: (socket, code, reason) => socket.drop(code, reason),
  };

  static #due(socket: BaseSocket<any, any>): void {
    socket.#happened(Input.Timer);
  }

  static #sends(socket: BaseSocket<any, any>): void {
    socket.#called();
  }

  static #notify(socket: BaseSocket<any, any>, change: Change): void {
    if (change === Change.Hidden) socket.#lose(Loss.Close, BROKEN);
    if (change === Change.Back) socket.#woke = now();
    socket.#happened(change !== Change.Back || isOffline() ? Input.NetworkLost : Input.NetworkChanged);
  }

  static #trapped(socket: BaseSocket<any, any>, error: unknown): void {
    socket.#release();
    socket.#events.error = error;
    socket.#outbox.abandon();
    socket.#arm();
    socket.#retire();
    socket.#events.finish(BROKEN, 'the WebAssembly instance is broken');
    socket.#events.flushLater();
  }
}
