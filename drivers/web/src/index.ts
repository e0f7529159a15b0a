import { CODE, LENGTH, SHIFT } from './wasm.js';
import { realm } from './realm.js';
import { BaseSocket } from './socket.js';
import type { Options, ProtocolsSource, Sendable, UrlSource } from './types.js';

export type * from './types.js';

const inline = /* @__PURE__ */ realm(() => {
  const bytes = new Uint8Array(LENGTH);
  for (let i = 0; i < LENGTH; i++) bytes[i] = CODE.charCodeAt(i) - SHIFT;
  return new WebAssembly.Module(bytes);
});

/** A `WebSocket` that stays: see the package's README. */
export class HeartlineSocket<Out = Sendable, In = any> extends BaseSocket<Out, In> {
  /**
   * Dials at once. Throws `SyntaxError` for a URL or protocols that can never be dialled, `RangeError` for a setting out of
   * its range.
   */
  constructor(url: UrlSource, protocols?: ProtocolsSource | null, options?: Options<Out, In>) {
    super(inline, url, protocols, options);
  }
}
