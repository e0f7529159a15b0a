// The names of the machine's numbers.
import type { Cause, Loss, State } from './types.js';

export const words = <W extends string>(text: string) => text.split(' ') as W[];

export const STATES = /* @__PURE__ */ words<State>('idle waiting connecting greeting open closing closed');
export const CAUSES = /* @__PURE__ */ words<Cause>(
  'requested opened ready retry-due network-changed lost stopped exhausted drained drain-timeout close-timeout',
);
const LOSSES = /* @__PURE__ */ words<Loss['kind']>(
  'close application address connect connect-timeout greeting-timeout heartbeat-timeout ack-timeout',
);
/** In the order of `Look`, from `Dials` on. */
export const STATS = /* @__PURE__ */ words(
  'dials ready lostToClose lostToApplication lostToTransport lostToConnectTimeout lostToGreetingTimeout lostToHeartbeat' +
    ' lostToAckTimeout pings pongs stale ignored evictions redeliveries dropped',
);

export const lossOf = (kind: number, code: number): Loss | null =>
  kind < 0 ? null : { kind: LOSSES[kind]!, code: code < 0 ? null : code };
