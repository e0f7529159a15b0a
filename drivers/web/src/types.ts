/** What a `WebSocket` sends. */
export type Sendable = string | ArrayBufferLike | ArrayBufferView | Blob;

/**
 * What is used of a `WebSocket`: the browser's, node's and that of `ws` are such.
 */
export interface NativeSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  readonly extensions: any;
  binaryType: any;
  onopen: any;
  onmessage: any;
  onerror: any;
  onclose: any;
  send(data: any): void;
  close(code?: number, reason?: string): void;
  /** That of `ws` has it: ends the connection without a close handshake. */
  terminate?(): void;
}

type Awaitable<T> = T | Promise<T>;

/** A dial, that is one attempt to connect, which is about to be made. */
export interface Dial {
  /** Which retry this is since a connection was last stable; 0 if it is not a retry. */
  readonly attempt: number;
  /** How the connection or dial before was lost; `null` for the first, and after an end that was asked for. */
  readonly lastLoss: Loss | null;
  /** The server refused the credentials (close code 3000 or 4401 by default): fetch new ones. */
  readonly renew: boolean;
  /** Aborted when this dial is given up, or its connection has ended. */
  readonly signal: AbortSignal;
}

/** The URL, or a function that is called at each dial. If it throws or rejects, that is a failed dial, which is retried. */
export type UrlSource = string | URL | ((dial: Dial) => Awaitable<string | URL>);

/** The subprotocols to offer, in the order of preference, or a function that is called at each dial. */
export type ProtocolsSource = string | readonly string[] | ((dial: Dial) => Awaitable<string | readonly string[]>);

/** Where in its life a socket is; `idle` only before its first dial. */
export type State = 'idle' | 'waiting' | 'connecting' | 'greeting' | 'open' | 'closing' | 'closed';

/** Why the state changed. */
export type Cause =
  | 'requested' | 'opened' | 'ready' | 'retry-due' | 'network-changed'
  | 'lost' | 'stopped' | 'exhausted'
  | 'drained' | 'drain-timeout' | 'close-timeout';

/** How a connection, or an attempt at one, ended. */
export interface Loss {
  /**
   * `close`: the connection ended; 1006 is all that a browser says of a failed handshake or a broken network.
   * `application`: the greeting, or `drop`, ended it. `connect`: a function for the URL or the protocols, or the constructor of the
   * socket, threw. `address`: the URL or a protocol is invalid. The others are time limits.
   */
  readonly kind:
    | 'close' | 'application' | 'address' | 'connect'
    | 'connect-timeout' | 'greeting-timeout' | 'heartbeat-timeout' | 'ack-timeout';
  /** The close code, for `close` and `application`. */
  readonly code: number | null;
}

/** What became of a message that was sent. */
export type Outcome =
  /** Handed to the connection, which may still lose it. */
  | 'transmitted'
  /** The server acknowledged it. */
  | 'acked'
  /** Never transmitted. */
  | 'returned'
  /** Transmitted at least once and not acknowledged: the server may have it or not. */
  | 'unconfirmed'
  /** Not accepted. */
  | 'refused';

/** Why a message was not transmitted, acknowledged or accepted. */
export type Reason =
  | 'expired' | 'evicted' | 'cancelled' | 'rejected' | 'abandoned' | 'connection-ended' | 'max-losses'
  | 'full' | 'too-large' | 'not-connected' | 'closed';

/** What a promise of `send` resolves to. */
export type Receipt =
  | { readonly outcome: 'transmitted' | 'acked'; readonly reason: null; /** As `encode` saw it. */ readonly id: number }
  | { readonly outcome: 'returned' | 'unconfirmed'; readonly reason: Reason; readonly id: number }
  | { readonly outcome: 'refused'; readonly reason: Reason; readonly id: null };

/** How one message is sent. */
export interface SendOptions {
  /**
   * Transmit it again on every new connection until `ack` or `acked` names its id. Default `false`: at most once. Without acknowledgements
   * each `ackTimeout` loses the connection.
   */
  atLeastOnce?: boolean;
  /** Milliseconds from now after which it is neither transmitted nor waited for. Default: none. */
  ttl?: number;
  /** Cancels it. */
  signal?: AbortSignal;
}

/** A connection that is open and not yet ready, for `greeting`. */
export interface Link<Out = Sendable, In = any> {
  /** Sends before everything that was queued, `encode`d as that is. Resolves as `socket.send` does, `returned` if this connection ends first. */
  send(data: Out): Promise<Receipt>;
  /**
   * Takes the next message, which is then no `message` event. What `isPong` or `ack` takes is not among them; messages that are not
   * taken become events when the greeting is over. Rejects when the connection ends.
   */
  receive(): Promise<In>;
  /** Ends this connection; whether another is dialled depends on the code (`retry`), 1000 to 4999. */
  drop(code: number, reason?: string): void;
  /** The dial that led to it: `dial.renew` says whether to log in with new credentials. */
  readonly dial: Dial;
  /** Aborted when this connection ends. */
  readonly signal: AbortSignal;
  /** The subprotocol that the server chose. */
  readonly protocol: string;
}

/** Milliseconds throughout. */
export interface HeartbeatOptions {
  /**
   * `when-idle`: a ping after `interval` without an inbound message. `periodic`: a ping every `interval`, whatever
   * arrives, for a server that counts what the client sends. Default `when-idle`.
   */
  mode?: 'when-idle' | 'periodic';
  /** 1 to a day. Default 20,000. */
  interval?: number;
  /**
   * How long a ping may stay unanswered: 1 to a day, with `periodic` at most `interval`. `null`, with `periodic` only: no answer
   * is expected. Default 10,000, with `periodic` no more than `interval`.
   */
  timeout?: number | null;
  /** How long a ping is unanswered before `degraded`: 1 to a day, or `null` for never. Default 3,000. */
  slowAfter?: number | null;
  /** By how much a timer may be late before that is taken for a suspended page: 0 to a day. Default 5,000. */
  lateTolerance?: number;
}

/** The delays between dials, in milliseconds: by default those of RFC 6455 §7.2.3, up to 30 s. */
export interface BackoffOptions {
  /** The ceiling of the first retry: 1 to a year; with jitter above `min`. More than `max` is `max`. Default 5,000. */
  base?: number;
  /** No delay is shorter: up to `max`. Default 0. */
  min?: number;
  /** No delay is longer: 1 to a year. Default 30,000. */
  max?: number;
  /** How a delay is drawn below its ceiling `base · 2ⁿ`. Default `full`. */
  jitter?: 'none' | 'equal' | 'full' | 'decorrelated';
}

/** A code, or both ends of a range. */
export type Codes = number | readonly [low: number, high: number];

/** A line of the retry policy. The first that fits decides; behind them stands the table of the crate. */
export type RetryRule = (
  | { close: Codes } | { application: Codes } | { timeout: true } | { address: true } | { connect: true } | { any: true }
) & {
  /** `renew`: retry with `renew` in `Dial`, and stop if that fails the same way. A number: retry after so many ms and the backoff. */
  then: 'retry' | 'renew' | 'stop' | number;
};

/** Bounds of what waits to be sent. */
export interface OutboxOptions {
  /** 1 to 1,048,576. Default 1,024. */
  maxMessages?: number;
  /** UTF-8 bytes of texts and bytes of binaries: 1 to 1 GiB. Default 1 MiB. */
  maxBytes?: number;
  /** Whether a message beyond that is refused, or the oldest that were never transmitted make room. Default `refuse`. */
  overflow?: 'refuse' | 'evict-oldest';
  /** The same for what a greeting sends. Default 64. */
  maxConnectionMessages?: number;
  /** The same for what a greeting sends. Default 64 KiB. */
  maxConnectionBytes?: number;
  /** How many at-least-once messages may be unacknowledged. Default 64. */
  ackWindow?: number;
  /** How long an acknowledgement may take before the connection is lost, in ms; `null`: as long as it lives. Default 30,000. */
  ackTimeout?: number | null;
  /** How many lost connections may be charged to an at-least-once message: 1 to 65,535. Default 5. */
  maxLosses?: number;
}

/** What can be set; times are milliseconds. A value out of its range makes the constructor throw a `RangeError`. */
export interface Options<Out = Sendable, In = any> {
  /** Closes the socket, as `close()` does. */
  signal?: AbortSignal;
  /**
   * Called on each connection, before anything that is queued and before `open`: login, subscriptions. One that throws loses
   * the connection, with the code of an error that has one (`error.code`, 1000 to 4999), else 1011, which is retried.
   */
  greeting?: (link: Link<Out, In>) => Awaitable<void>;
  /** How long a greeting may take: 1 to a day. Default 10,000. */
  greetingTimeout?: number;

  /** The ping of the application's protocol, since a page cannot send WebSocket pings; not `encode`d. Without it there is none. */
  ping?: Sendable | ((token: number) => Sendable);
  /** Whether a message answers a ping: it is then no `message` event. A number is the token of that ping. */
  isPong?: (data: In) => boolean | number;
  /** When to ping, and how long to wait for a sign of life. Of use with `ping`; with `listen` only `lateTolerance` is. */
  heartbeat?: HeartbeatOptions;
  /** Never ping; silence of as many milliseconds is death: 1 to a day. For servers that send regularly. Excludes `ping`. */
  listen?: number;

  /** Called at each transmission of a message, those of a greeting included. What it throws resolves the message as `rejected`. */
  encode?: (data: Out, about: { readonly id: number; readonly redelivery: boolean }) => Sendable;
  /**
   * Which messages this one acknowledges, by their ids: it is then no `message` event. Else `undefined`. What it throws is an uncaught
   * error, and the message is delivered.
   */
  ack?: (data: In) => number | readonly number[] | undefined | null;

  /** The constructor to use. Default: the global one, looked up at each dial. */
  WebSocket?: new (url: string, protocols?: string[]) => NativeSocket;
  /** Fires `close` at the end of every connection, for libraries that count on it. Default `false`. */
  closeEachTime?: boolean;
  /** While so many bytes lie in the socket, nothing more is handed to it: at least 1. Default 65,536. */
  highWaterMark?: number;
  /**
   * The id of the first message; those after it count up. Default: drawn at random below 2⁵², so that ids of other sockets, or of an
   * earlier page, do not come again.
   */
  firstId?: number;

  /** How long a dial may take, the function for its address included: 1 to a day. Default 10,000. */
  connectTimeout?: number;
  /** How long a close handshake may take: 1 to a day. Default 5,000. */
  closeTimeout?: number;
  backoff?: BackoffOptions;
  /** No two dials are closer together, no matter who asks for them: 1 to a day. Default 250. */
  minDialGap?: number;
  /** How long a connection must have lived, from ready to its last sign of life, for the retry count to start anew. Default 5,000. */
  stableAfter?: number;
  /** How many retries in a row before it gives up; `null` for no end. Default `null`. */
  maxRetries?: number | null;
  /**
   * The longest time that a server's `retry-after-ms`, or a lost network (`offline`, a frozen page), puts a retry off: up to a year.
   * Default 300,000.
   */
  maxRetryAfter?: number;
  /** Which losses are retried. Default: the table of the crate. */
  retry?: readonly RetryRule[];
  outbox?: OutboxOptions;
}

/** The events of a `HeartlineSocket`. */
export interface HeartlineSocketEventMap<In = any> {
  /** At every connection, once it is ready. */
  open: Event;
  message: MessageEvent<In>;
  /** At most once, just before a `close` that is not clean. Its `error` is what was thrown, if anything was. */
  error: ErrorEvent;
  /** The end: no connection follows without `reconnect()`. With `closeEachTime` at the end of every connection. */
  close: CloseEvent;
  /** A connection or dial ended, and another may follow. */
  disconnect: DisconnectEvent;
  /** The next dial was scheduled, or moved. */
  retry: RetryEvent;
  /** A ping has been unanswered for `slowAfter`: what is sent may be late. */
  degraded: Event;
  /** A sign of life after `degraded`. */
  recovered: Event;
  state: StateEvent;
  /** `bufferedAmount` fell to `bufferedAmountLowThreshold` or below. */
  bufferedamountlow: Event;
}

/** How a connection or dial ended: as a `CloseEvent`, and what it was for the session. */
export interface DisconnectEvent extends Event {
  /** 1006 where there was no close frame. */
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  /** `null` if `reconnect` replaced it. */
  readonly loss: Loss | null;
  /** What the function for the address, the greeting or the socket threw or reported, if any. */
  readonly error?: unknown;
}

export interface RetryEvent extends Event {
  /** Which retry it will be; 0 if it is not one. */
  readonly attempt: number;
  /** Milliseconds until then; without a network at most, as `online` dials at once. */
  readonly delay: number;
}

export interface StateEvent extends Event {
  readonly from: State;
  readonly to: State;
  readonly cause: Cause;
  /** For `lost`, `stopped` and `exhausted`. */
  readonly loss: Loss | null;
}

/** An event handler attribute. Its `this` is the socket. */
export type Handler<K extends keyof HeartlineSocketEventMap, In = any> =
  ((this: any, event: HeartlineSocketEventMap<In>[K]) => any) | null;

/** The event handler attributes. */
export interface Handlers<In = any> {
  onopen: Handler<'open'>;
  onmessage: Handler<'message', In>;
  /** The event is an `ErrorEvent`; `WebSocket` calls it an `Event`. */
  onerror: ((this: any, event: any) => any) | null;
  onclose: Handler<'close'>;
  ondisconnect: Handler<'disconnect'>;
  onretry: Handler<'retry'>;
  ondegraded: Handler<'degraded'>;
  onrecovered: Handler<'recovered'>;
  onstate: Handler<'state'>;
  onbufferedamountlow: Handler<'bufferedamountlow'>;
}

/** Counters of the session. */
export interface Stats {
  readonly dials: number;
  /** Connections that became ready. */
  readonly ready: number;
  readonly lostToClose: number;
  readonly lostToApplication: number;
  readonly lostToTransport: number;
  readonly lostToConnectTimeout: number;
  readonly lostToGreetingTimeout: number;
  readonly lostToHeartbeat: number;
  readonly lostToAckTimeout: number;
  readonly pings: number;
  readonly pongs: number;
  /** Reports about a connection that had ended: nothing changed. */
  readonly stale: number;
  /** Reports that made no sense where they came: nothing changed. */
  readonly ignored: number;
  readonly evictions: number;
  readonly redeliveries: number;
  /** Events that were not told in time. */
  readonly dropped: number;
}
