// Options as the machine takes them.
import { HeartbeatMode, Jitter, Overflow, Setting, Verdict } from './machine.js';
import type { Pointer } from './machine.js';
import type { Machine } from './realm.js';
import type { Options } from './types.js';

/** Where the options of the record's settings are, in the order of `Setting`; some are treated apart. */
const PATHS = /* @__PURE__ */ (
  '- heartbeat.interval heartbeat.timeout heartbeat.slowAfter heartbeat.lateTolerance connectTimeout greetingTimeout closeTimeout ' +
  'backoff.base backoff.min backoff.max backoff.jitter minDialGap stableAfter maxRetries maxRetryAfter ' +
  'outbox.maxMessages outbox.maxBytes outbox.overflow outbox.maxConnectionMessages outbox.maxConnectionBytes ' +
  'outbox.ackWindow outbox.ackTimeout outbox.maxLosses'
).split(' ');

/** The numbers of values that are words. */
const WORDS: Record<string, number> = {
  'when-idle': HeartbeatMode.WhenIdle, periodic: HeartbeatMode.Periodic,
  full: Jitter.Full, none: Jitter.None, equal: Jitter.Equal, decorrelated: Jitter.Decorrelated,
  refuse: Overflow.Refuse, 'evict-oldest': Overflow.EvictOldest,
  retry: Verdict.Retry, renew: Verdict.Renew, stop: Verdict.Stop,
};

/** In the order of `Pattern`. */
const PATTERNS = /* @__PURE__ */ 'close application address connect timeout any'.split(' ');

const outOfRange = (name: string) => new RangeError(`${name} is out of its range`);

/** `undefined` is the default, `null` is none. */
function number(name: string, value: any): number | undefined {
  if (value === undefined) return value;
  const number = WORDS[value] ?? +value;
  if (!(number >= 0)) throw outOfRange(name);
  return value === null ? -1 : number;
}

function mode({ ping, listen, heartbeat }: Options<never, never>): number | undefined {
  if (listen === undefined) return ping === undefined ? HeartbeatMode.Off : number('heartbeat.mode', heartbeat?.mode ?? 'when-idle');
  if (ping !== undefined) throw new TypeError('listen excludes ping');
  return HeartbeatMode.Listen;
}

function toRule(rule: any) {
  const kind = PATTERNS.findIndex((name) => name in rule);
  const [low, high = low] = [rule[PATTERNS[kind]!]].flat();
  const verdict = WORDS[rule.then] ?? Verdict.RetryAfter;
  if (kind < 0 || (verdict === Verdict.RetryAfter && !(rule.then >= 0))) throw outOfRange('retry');
  return [kind, low, high, verdict, rule.then] as const;
}

/** The option that sets what the crate calls so. */
function nameOf(field: string, { listen }: Options<never, never>): string {
  const name = field.replace('.mode', '').replace(/^retry.*/, 'retry').replace(/_./g, (at) => at[1]!.toUpperCase());
  return listen !== undefined && name === 'heartbeat.timeout' ? 'listen' : name;
}

/** A session with these options. */
export function open(machine: Machine, options: Options<never, never>): Pointer {
  const settings = PATHS.map((path) => number(path, path.split('.').reduce<any>((value, key) => value?.[key], options)));
  if ((settings[Setting.HeartbeatMode] = mode(options)) === HeartbeatMode.Periodic) {
    settings[Setting.HeartbeatTimeout] ??= Math.min(1e4, settings[Setting.HeartbeatInterval] ?? 1e4);
  }
  settings[Setting.HeartbeatTimeout] = number('listen', options.listen) ?? settings[Setting.HeartbeatTimeout];
  // 10 s where there is a greeting, none where there is not.
  settings[Setting.GreetingTimeout] = options.greeting ? settings[Setting.GreetingTimeout] ?? 1e4 : -1;
  const firstId = options.firstId ?? Math.floor(Math.random() * 2 ** 52) + 1;
  if (!(Number.isSafeInteger(firstId) && firstId > 0)) throw outOfRange('firstId');
  if (!((options.highWaterMark ?? 1) >= 1)) throw outOfRange('highWaterMark');
  const lines = (options.retry ?? []).map(toRule);
  const rules = machine.rules();
  settings.forEach((value, i) => (machine.record()[i] = value ?? machine.record()[i]!));
  for (const line of lines) machine.rule(rules, ...line);
  const session = machine.open(rules, Math.random(), firstId);
  const [address, length] = machine.record() as unknown as [number, number];
  if (!session) throw outOfRange(nameOf(machine.text(address, length), options));
  return session;
}
