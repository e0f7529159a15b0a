// One dial, the socket that comes of it, its greeting, and what that has not taken yet.
import { known, resolveUrl } from './errors.js';
import { BROKEN } from './events.js';
import type { End } from './events.js';
import { Input, Loss } from './machine.js';
import { refused } from './outbox.js';
import { size } from './size.js';
import type { Dial, Link, NativeSocket, Options, ProtocolsSource, Receipt, UrlSource } from './types.js';

/** So many messages may wait for a greeting to take them, and so many bytes. */
const INBOX = 1024;
const INBOX_BYTES = 1 << 20;

const ignore = () => {};

/** What a connection tells, until it has ended. */
export interface Host<O> {
  tell(owner: O, input: Input.Opened | Input.Ready, connection: Connection): void;
  received(owner: O, message: MessageEvent, connection: Connection): void;
  lost(owner: O, kind: Loss, end: End): void;
  /** The greeting sends. */
  send(owner: O, data: unknown): Promise<Receipt>;
  /** The greeting has enough. */
  drop(owner: O, code: number, reason?: string): void;
}

type Greeting = Options<any, any>['greeting'];

export class Connection {
  /** From the dial to its end. */
  socket: NativeSocket | undefined;
  /** What the dial, the socket or the greeting threw or reported. */
  error: unknown;
  readonly #owner: any;
  readonly #host: Host<any>;
  readonly #inbox: MessageEvent[] = [];
  #inboxBytes = 0;
  readonly #takers: [take: (data: unknown) => void, fail: (error: unknown) => void][] = [];
  #dial: Dial | undefined;
  #abort: AbortController | undefined;
  #ended = false;

  /** While there is a greeting, messages are its. */
  constructor(readonly id: number, public greeting: Greeting, owner: unknown, host: Host<any>) {
    this.#owner = owner;
    this.#host = host;
  }

  /** Aborted at the end. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#ended) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Without a function for the address all of it happens at once. */
  async dial(
    url: UrlSource,
    protocols: ProtocolsSource,
    about: Dial,
    make: (url: string, protocols: string[]) => NativeSocket,
  ): Promise<void> {
    let asked = false;
    this.#dial = about;
    try {
      if (typeof url === 'function') url = await url(about);
      if (typeof protocols === 'function') protocols = await protocols(about);
      asked = true;
      if (!this.#ended) this.#listen(make(resolveUrl(url), [protocols].flat() as string[]));
    } catch (error) {
      this.error = error;
      this.#lose(asked && Object(error).name === 'SyntaxError' ? Loss.Address : Loss.Connect, BROKEN);
    }
  }

  /** Whatever the socket still says changes nothing. */
  end(code?: number, reason?: string): void {
    const { socket } = this;
    this.#ended = true;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      // In node an error that nobody listens for ends the process.
      socket.onerror = ignore;
      socket.close(code, reason);
    }
    this.greeted();
    this.#abort?.abort();
  }

  /** After its end: does not wait for the other end, where the socket can do that. That of `ws` waits for 30 s else. */
  abort(): void {
    this.socket?.terminate?.();
  }

  /** A message for the greeting. False if too much waits already. */
  keep(message: MessageEvent): boolean {
    const taker = this.#takers.shift();
    if (taker) {
      taker[0](message.data);
    } else {
      this.#inbox.push(message);
      this.#inboxBytes += size(message.data);
    }
    return this.#inbox.length <= INBOX && this.#inboxBytes <= INBOX_BYTES;
  }

  /** Ends the greeting: the messages that it did not take. */
  greeted(): MessageEvent[] {
    this.greeting = undefined;
    for (const [, fail] of this.#takers.splice(0)) fail(over());
    return this.#inbox.splice(0);
  }

  #listen(socket: NativeSocket): void {
    const host = this.#host;
    this.socket = socket;
    socket.onmessage = (message: MessageEvent) => host.received(this.#owner, message, this);
    // One function for three: there may be many sockets that do nothing.
    socket.onopen = socket.onerror = socket.onclose = (event: Event) => this.#heard(event as any);
  }

  #heard({ type, error, code, reason, wasClean }: ErrorEvent & CloseEvent): void {
    if (type === 'open') {
      this.#host.tell(this.#owner, Input.Opened, this);
      if (this.greeting) void this.#greet(this.greeting, this.socket!.protocol);
    } else if (type === 'error') {
      this.error = error;
      // `close` follows at once, but in Chromium not if a content security policy forbids the connection.
      if (this.socket!.readyState === 3) setTimeout(() => this.#lose(Loss.Close, BROKEN));
    } else {
      this.#lose(Loss.Close, { code, reason, wasClean });
    }
  }

  async #greet(greeting: NonNullable<Greeting>, protocol: string): Promise<void> {
    const host = this.#host;
    const link: Link<any, any> = {
      send: (data) => (this.#ended ? refused('not-connected') : host.send(this.#owner, data)),
      receive: () => this.#receive(),
      drop: (code, reason) => {
        if (!this.#ended) host.drop(this.#owner, code, reason);
      },
      dial: this.#dial!,
      signal: this.signal,
      protocol,
    };
    try {
      await greeting(link);
      host.tell(this.#owner, Input.Ready, this);
    } catch (error) {
      // What it throws because it was cut short is no failure of its own.
      if (!this.greeting) return;
      const { code } = Object(error);
      this.error = error;
      this.#lose(Loss.Application, { ...BROKEN, code: known(code) ? code : 1011 });
    }
  }

  #lose(kind: Loss, end: End): void {
    if (!this.#ended) this.#host.lost(this.#owner, kind, end);
  }

  /** The next message, for the greeting. */
  #receive(): Promise<any> {
    const taken = new Promise<unknown>((take, fail) => {
      const next = this.#inbox.shift();
      if (next) {
        this.#inboxBytes -= size(next.data);
        take(next.data);
      }
      else if (this.greeting) this.#takers.push([take, fail]);
      else fail(over());
    });
    // A greeting that no longer waits for it has no error to handle.
    taken.catch(ignore);
    return taken;
  }
}

const over = () => new DOMException('the greeting is over', 'AbortError');
