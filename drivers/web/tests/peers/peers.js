// The three packages under one set of names. What a package has no setting for is left out.
import WebSocket from 'ws';

/** Quick enough for a test: every delay is the same. */
export const QUICK = { min: 20, max: 20, grow: 1 };

/** The same on a real socket. */
export const REAL = { ...QUICK, WebSocket };

const defined = (settings) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));

const classic = (settings) => defined({
  WebSocket: settings.WebSocket,
  minReconnectionDelay: settings.min,
  maxReconnectionDelay: settings.max,
  reconnectionDelayGrowFactor: settings.grow,
  minUptime: settings.uptime,
  connectionTimeout: settings.dialTimeout,
  maxRetries: settings.retries,
  maxEnqueuedMessages: settings.held,
  startClosed: settings.startClosed,
  debug: settings.debug,
});

const heartline = (settings) => defined({
  WebSocket: settings.WebSocket,
  backoff: settings.min && { base: settings.min, max: settings.max, jitter: 'none' },
  minDialGap: settings.min && 1,
  stableAfter: settings.uptime,
  connectTimeout: settings.dialTimeout,
  maxRetries: settings.retries,
  outbox: settings.held && { maxMessages: settings.held },
});

const PEERS = {
  heartline: async () => {
    const { HeartlineSocket } = await import('heartline');
    return { Socket: HeartlineSocket, options: heartline };
  },
  partysocket: async () => {
    const { WebSocket } = await import('partysocket');
    return { Socket: WebSocket, options: (settings) => ({ ...classic(settings), ...settings.partysocket }) };
  },
  'reconnecting-websocket': async () => {
    const { default: Socket } = await import('reconnecting-websocket');
    return { Socket, options: classic };
  },
};

export const NAMES = Object.keys(PEERS);

/** `open(url, protocols, settings)` makes a socket of this package; `settings.heartline` is for heartline alone. */
export async function peer(name) {
  const { Socket, options } = await PEERS[name]();
  const own = (settings) => (name === 'heartline' ? settings.heartline : undefined);
  return {
    name,
    Socket,
    open: (url, protocols, settings = {}) => new Socket(url, protocols, { ...options(settings), ...own(settings) }),
  };
}
