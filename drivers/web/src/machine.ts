/** The machine's exports, and the numbers on both sides of them: `../machine/src/lib.rs` is the other side of this file. */

/** An address in the machine's memory. */
export type Pointer = number;

/** Times are milliseconds of one clock, ids whole numbers. */
export interface Exports extends WebAssembly.Exports {
  readonly memory: WebAssembly.Memory;
  /** The address of the record: 32 numbers, for what does not fit into arguments and results. */
  record(): Pointer;
  /** Begins the rules of the next session, and writes the default settings into the record, in the order of `Setting`. */
  rules(): Pointer;
  /** Adds a rule: `low` and `high` are codes of the first two patterns, `wait` is for the verdict `RetryAfter`. */
  rule(rules: Pointer, pattern: Pattern, low: number, high: number, verdict: Verdict, wait: number): void;
  /** A session of the settings in the record. 0: one is out of its range, the record has address and length of its name. */
  open(rules: Pointer, seed: number, firstId: number): Pointer;
  free(session: Pointer): void;
  /** What it leads to is owed: see `next`. */
  input(session: Pointer, now: number, input: Input, conn?: number, a?: number, b?: number, c?: number): void;
  /** A message arrived: a sum of `Received`. */
  received(session: Pointer, now: number, conn: number): number;
  /** The next action that is owed, its fields in the record. */
  next(session: Pointer): Action;
  /** The id of a message of `size` bytes; negative for a `Refusal`. `ttl` is -1 for none. */
  send(session: Pointer, now: number, size: number, delivery: Delivery, ttl: number): number;
  /** The id of the message to write now, or 0; the record has 1 for a redelivery. */
  transmit(session: Pointer, now: number): number;
  sent(session: Pointer, now: number, id: number): void;
  rejected(session: Pointer, now: number, id: number): void;
  /** When `Timer` is due, `Infinity` for never. */
  deadline(session: Pointer): number;
  /** Writes into the record what can be seen, in the order of `Look`. */
  look(session: Pointer): void;
}

/** The settings in the record. Where there may be none, -1 is none. */
export const enum Setting {
  HeartbeatMode, HeartbeatInterval, HeartbeatTimeout, SlowAfter, LateTolerance,
  ConnectTimeout, GreetingTimeout, CloseTimeout,
  BackoffBase, BackoffMin, BackoffMax, BackoffJitter,
  MinDialGap, StableAfter, MaxRetries, MaxRetryAfter,
  MaxMessages, MaxBytes, Overflow, MaxConnectionMessages, MaxConnectionBytes, AckWindow, AckTimeout, MaxLosses,
}

export const enum HeartbeatMode { Off, WhenIdle, Periodic, Listen }
export const enum Jitter { Full, None, Equal, Decorrelated }
export const enum Overflow { Refuse, EvictOldest }

export const enum Pattern { Close, Application, Address, Connect, Timeout, Any }
export const enum Verdict { Retry, Renew, Stop, RetryAfter }

/** With what goes into `a`, `b` and `c`. */
export const enum Input {
  Connect, Reconnect, Opened, Ready,
  /** The token of the ping, or -1. */
  Pong,
  Alive,
  /** A loss, its code, and for how many milliseconds the server asks to stay away. */
  Closed,
  /** The id of a message. */
  Acked,
  /** The id of a message. */
  Cancel,
  Timer, NetworkChanged, NetworkLost,
  /** A code, and how many milliseconds sending the rest may take. */
  Close,
}

/** With the fields in the record. A loss is its kind, or -1, and its code. */
export const enum Action {
  None,
  /** conn */
  Abort,
  /** conn, attempt, kind and code of the last loss, 1 to renew credentials */
  Connect,
  /** conn, token */
  Ping,
  /** conn, code */
  Close,
  /** from, to, cause, kind and code of its loss */
  StateChanged,
  Degraded,
  Recovered,
  Slept,
  Other,
  /** attempt, when it is due */
  ScheduleReconnect,
  /** id, outcome, reason */
  Outcome,
}

export const enum Loss {
  Close, Application, Address, Connect, ConnectTimeout, GreetingTimeout, HeartbeatTimeout, AckTimeout,
}

export const enum State { Idle, Waiting, Connecting, Greeting, Open, Closing, Closed }
/** Whether the message is to be delivered, and whether `Timer` is due or something is owed. */
export const enum Received { Delivered = 1, Due = 2 }
export const enum Delivery { ThisConnection, AtMostOnce, AtLeastOnce }
export const enum Outcome { Transmitted, Acked, Returned, Unconfirmed }
export const enum Refusal { Full = -1, TooLarge = -2, NotConnected = -3, Closed = -4 }

/** What `look` writes. From `Dials` on these are the counters, in this order. */
export const enum Look {
  State, Queued, HeldBytes,
  /** -1 before the first. */
  Rtt, SmoothedRtt,
  Dials, Ready, LostToClose, LostToApplication, LostToTransport, LostToConnectTimeout, LostToGreetingTimeout,
  LostToHeartbeat, LostToAckTimeout, Pings, Pongs, Stale, Ignored, Evictions, Redeliveries, Dropped,
}
