// Events: what they are made of, when they are told, and which come of a change of the state.
import { State } from './machine.js';
import { CAUSES, STATES } from './names.js';
import type { Loss } from './types.js';

/** How a connection ended, as a `CloseEvent` says it. */
export interface End {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** A connection that ended without a close frame. */
export const BROKEN: End = { code: 1006, reason: '', wasClean: false };

export const makeEvent = (type: string, fields?: object): Event => Object.assign(new Event(type), fields);

/** Node 20 has neither `CloseEvent` nor `ErrorEvent`. */
const make = (name: 'CloseEvent' | 'ErrorEvent', type: string, init: object): Event => {
  const constructor = globalThis[name] as (new (type: string, init: object) => Event) | undefined;
  return constructor ? new constructor(type, init) : makeEvent(type, init);
};

const closeEvent = (end: End) => make('CloseEvent', 'close', end);

/** Dispatches one event after the other, never one within another. */
export class Events {
  /** The end was told, or waits to be. */
  over = false;
  /** How the connection ended that the machine is about to hear of. */
  end: End | undefined;
  /** What the dial, the socket, the greeting or the machine threw or reported last. */
  error: unknown;
  readonly #target: EventTarget;
  readonly #waiting: Event[] = [];
  /** The first event of the end, while it waits. */
  #end: Event | undefined;
  #busy = false;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get ending(): boolean {
    return !!this.#end;
  }

  push(event: Event, end?: boolean): void {
    if (end) this.#end = event;
    this.#waiting.push(event);
  }

  message({ data, origin }: MessageEvent): void {
    this.push(new MessageEvent('message', { data, origin }));
  }

  flush(): void {
    if (this.#busy) return;
    this.#busy = true;
    for (let next; (next = this.#waiting.shift()); ) {
      if (next === this.#end) this.#end = undefined;
      this.#target.dispatchEvent(next);
    }
    // Else an array that has held something keeps its room.
    this.#waiting.length = 0;
    this.#busy = false;
  }

  /** For what a call of the application led to. */
  flushLater(): void {
    if (this.#waiting.length) queueMicrotask(() => this.flush());
  }

  /** `asked` is what `close` was given. Whether a connection or dial was lost that another may follow. */
  changed(from: State, to: State, cause: number, loss: Loss | null, asked: Partial<End> = {}, closeEachTime = false): boolean {
    this.push(makeEvent('state', { from: STATES[from], to: STATES[to], cause: CAUSES[cause], loss }));
    if (to === State.Open) {
      this.error = undefined;
      this.push(makeEvent('open'));
    } else if (to === State.Closed) {
      // Without a connection, or with one that is given up, the end is what was asked for.
      const { code = 1005, reason = '' } = asked;
      this.finish(loss || CAUSES[cause] === 'close-timeout' ? this.#ended() : { code, reason, wasClean: true }, loss?.kind);
    } else if (to !== State.Closing && (loss || from >= State.Greeting) && from !== State.Closed) {
      const ended = this.#ended();
      this.push(makeEvent('disconnect', { ...ended, loss, error: this.error }));
      if (closeEachTime) this.push(closeEvent(ended));
      return true;
    }
    return false;
  }

  /** Tells of the end, once. */
  finish(end: End, why = 'closed'): void {
    if (this.over) return;
    this.over = true;
    if (!end.wasClean) this.push(make('ErrorEvent', 'error', { message: end.reason || why, error: this.error }), true);
    this.push(closeEvent(end), end.wasClean);
  }

  #ended(): End {
    const end = this.end ?? BROKEN;
    this.end = undefined;
    return end;
  }
}
