// What is sent: the messages that the machine knows by their ids, until each has its outcome.
import { atOnce } from './clock.js';
import { Input, Look } from './machine.js';
import type { Delivery } from './machine.js';
import { words } from './names.js';
import type { Session } from './realm.js';
import { copy, isBinary, size } from './size.js';
import type { NativeSocket, Options, Outcome, Reason, Receipt, SendOptions } from './types.js';

/** In the order of the machine's `Outcome`, and of its reasons. */
const OUTCOMES = /* @__PURE__ */ words<Outcome>('transmitted acked returned unconfirmed');
const REASONS = /* @__PURE__ */ words<Reason>('expired evicted cancelled rejected abandoned connection-ended max-losses');
/** In the order of `Refusal`, from -1 on. */
const REFUSALS = /* @__PURE__ */ words<Reason>('full too-large not-connected closed');

const ABANDONED = 4;

interface Held {
  data: unknown;
  readonly resolve: (receipt: Receipt) => void;
  /** Whether it was ever transmitted. */
  sent?: boolean;
  /** Lets go of the signal that could cancel it. */
  release?: () => void;
}

/** For a message that was not accepted. */
export const refused = (reason: Reason): Promise<Receipt> => Promise.resolve({ outcome: 'refused', reason, id: null });

export class Outbox<O = any> {
  /** The socket is full and messages wait. */
  blocked = false;
  /** What waits goes out regardless of how full the socket is. */
  pressing = false;
  /** Bytes that were refused after `close`. */
  refused = 0;
  /** Set before anything is sent, and anew after a trap. */
  session!: Session;
  readonly #options: Options<any, any>;
  readonly #owner: O;
  readonly #called: (owner: O) => void;
  /** Made for the first message: there may be many sockets that never send. */
  #held: Map<number, Held> | undefined;

  /** `called` carries out what a call of the application leads to. */
  constructor(options: Options<any, any>, owner: O, called: (owner: O) => void) {
    this.#options = options;
    this.#owner = owner;
    this.#called = called;
  }

  send(value: unknown, delivery: Delivery, options?: SendOptions): Promise<Receipt> {
    return atOnce(() => this.#send(value, delivery, options));
  }

  #send(value: unknown, delivery: Delivery, { ttl = Infinity, signal }: SendOptions = {}): Promise<Receipt> {
    const { session } = this;
    const encodes = this.#options.encode;
    const data = encodes || isBinary(value) ? value : `${value}`;
    if (!(ttl >= 0)) throw new RangeError(`ttl: ${ttl} is out of its range`);
    if (signal?.aborted) return refused('cancelled');
    const bytes = size(data);
    const id = session.send(bytes, delivery, ttl < Infinity ? ttl : -1);
    if (!(id > 0)) {
      const reason = REFUSALS[~id] ?? 'closed';
      if (reason === 'closed') this.refused += bytes;
      return refused(reason);
    }
    return new Promise((resolve) => {
      const held: Held = { data, resolve };
      (this.#held ??= new Map()).set(id, held);
      this.#called(this.#owner);
      if (!this.#held?.has(id)) return;
      if (!encodes) held.data = copy(data);
      const cancel = () => {
        session.input(Input.Cancel, 0, id);
        this.#called(this.#owner);
      };
      signal?.addEventListener('abort', cancel);
      held.release = () => signal?.removeEventListener('abort', cancel);
    });
  }

  /** Hands over what waits, as long as the connection's socket is open and not full. Whether anything was. */
  transmit(socketOf: () => NativeSocket | undefined): boolean {
    const { session } = this;
    const { encode, highWaterMark = 65536 } = this.#options;
    let any = false;
    this.blocked = false;
    for (let socket; isOpen((socket = socketOf())); any = true) {
      if (!this.pressing && socket.bufferedAmount >= highWaterMark) {
        this.blocked = session.see(Look.Queued) > 0;
        break;
      }
      const id = session.transmit();
      const held = this.#held?.get(id);
      if (!held) break;
      const redelivery = !!session.record()[0];
      try {
        const data = encode ? encode(held.data, { id, redelivery }) : held.data;
        // What `encode` calls may end the connection, or the message.
        if (encode && session.transmit() !== id) continue;
        socket.send(data);
        held.sent = true;
        session.sent(id);
      } catch {
        session.rejected(id);
      }
    }
    return any;
  }

  settle(id: number, outcome: number, reason: number): void {
    const held = this.#held?.get(id);
    this.#held?.delete(id);
    held?.release?.();
    held?.resolve({ outcome: OUTCOMES[outcome], reason: REASONS[reason] ?? null, id } as Receipt);
  }

  /** The machine is gone. */
  abandon(): void {
    for (const [id, { sent }] of this.#held ?? []) this.settle(id, sent ? 3 : 2, ABANDONED);
  }
}

export const isOpen = (socket: NativeSocket | undefined): socket is NativeSocket => socket?.readyState === 1;
