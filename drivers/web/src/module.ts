import type { HeartlineSocket } from './index.js';
import { realm } from './realm.js';
import { BaseSocket } from './socket.js';
import type { Options, ProtocolsSource, Sendable, UrlSource } from './types.js';

export type * from './types.js';
export type { HeartlineSocket } from './index.js';

/** `HeartlineSocket` on a compiled `heartline.wasm`, for places that forbid compiling it. */
export function withModule(module: WebAssembly.Module): typeof HeartlineSocket {
  const given = realm(() => module);
  return class HeartlineSocket<Out = Sendable, In = any> extends BaseSocket<Out, In> {
    constructor(url: UrlSource, protocols?: ProtocolsSource | null, options?: Options<Out, In>) {
      super(given, url, protocols, options);
    }
  };
}
