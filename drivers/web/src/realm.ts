// One instance of the machine for all sockets of a realm, and the only place that calls it.
import { now } from './clock.js';
import { ask } from './errors.js';
import { Look, State } from './machine.js';
import type { Exports, Pointer } from './machine.js';
import { open } from './settings.js';
import type { Options } from './types.js';

type Call = (a?: number, b?: number, c?: number, d?: number, e?: number, f?: number, g?: number) => number | undefined;
/** Ends the owner of a session. */
type Trapped<O> = (owner: O, error: unknown) => void;

/** What a session begins with. */
export interface Machine extends Pick<Exports, 'rules' | 'rule' | 'open'> {
  /** 32 numbers, valid until the next call. */
  record(): Float64Array;
  /** Text in the machine's memory. */
  text(address: number, length: number): string;
}

/** An export without the session and the time. */
type Bound<F> = F extends (session: Pointer, now: number, ...rest: infer A) => infer R ? (...rest: A) => R : never;

/** A session: after a trap, which may have left anything behind, its calls do nothing and give `undefined`. */
export type Session = Pick<Machine, 'record'> & {
  readonly [K in 'input' | 'received' | 'send' | 'transmit' | 'sent' | 'rejected']: Bound<Exports[K]>;
} & {
  readonly [K in 'next' | 'deadline']: () => ReturnType<Exports[K]>;
} & {
  readonly dead: boolean;
  see(field: Look): number;
};

/** A session of the realm's machine, which is a new one after a trap. It ends when its owner is gone. */
export type Realm = <O extends object>(options: Options<never, never>, owner: O, trapped: Trapped<O>) => Session;

function instantiate(module: WebAssembly.Module) {
  const exports = new WebAssembly.Instance(module).exports as Exports;
  const owners = new Map<Pointer, readonly [WeakRef<object>, Trapped<any>]>();
  const orphans = new FinalizationRegistry<Pointer>((session) => {
    owners.delete(session);
    machine.free(session);
  });
  let view = new Float64Array(exports.memory.buffer, exports.record(), 32);
  const record = () => {
    // Memory that has grown has a new buffer.
    if (!view.length) view = new Float64Array(exports.memory.buffer, exports.record(), 32);
    return view;
  };
  const machine: any = {};
  const methods: any = {
    get dead() {
      return machine.dead;
    },
    see(field: Look) {
      this.look();
      return machine.dead ? (field === Look.State ? State.Closed : 0) : record()[field];
    },
  };
  let told = false;
  /** Tells the owners, once: later, for there may be no room on the stack now, nor for asking for later. */
  const broken = (machine.broken = (error?: unknown): undefined => {
    if (told) return;
    queueMicrotask(() => {
      for (const [reference, trapped] of owners.values()) {
        const owner = reference.deref();
        if (owner) ask(() => trapped(owner, error), undefined);
      }
    });
    told = true;
  });
  const guard = (call: Call): Call => (a, b, c, d, e, f, g) => {
    if (machine.dead) return broken();
    try {
      return call(a, b, c, d, e, f, g);
    } catch (error) {
      // An argument that is no number, before anything was called.
      if (error instanceof TypeError) throw error;
      machine.dead = true;
      return broken(error);
    }
  };
  for (const name in exports) {
    const call = (machine[name] = guard(exports[name] as Call));
    // Those that take more than the session take the time.
    const timed = (exports[name] as Call).length > 1;
    methods[name] = function (a: number, b: number, c: number, d: number, e: number) {
      return timed ? call(this.session, now(), a, b, c, d, e) : call(this.session);
    };
  }
  methods.record = machine.record = record;
  machine.text = (address: number, length: number) =>
    String.fromCharCode(...new Uint8Array(exports.memory.buffer, address, length));
  machine.begin = <O extends object>(options: Options<never, never>, owner: O, trapped: Trapped<O>) => {
    const session = open(machine, options);
    owners.set(session, [new WeakRef(owner), trapped]);
    orphans.register(owner, session);
    return Object.assign(Object.create(methods), { session });
  };
  return machine;
}

export function realm(compile: () => WebAssembly.Module): Realm {
  let machine: any;
  return (...what) => {
    if (machine?.dead) machine.broken();
    if (!machine || machine.dead) machine = instantiate(compile());
    return machine.begin(...what);
  };
}
