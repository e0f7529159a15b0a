// The life of the page: one set of listeners for all sockets of the realm.

export const enum Change {
  /** The network may be another one, or the page was away. */
  Back,
  /** Dialling is useless. */
  Lost,
  /** The page goes into the back-forward cache. */
  Hidden,
}

type Notify<R> = (resident: R, change: Change) => void;

const residents = new Map<any, Notify<any>>();

function listener({ type, persisted }: Event & { persisted?: boolean }): void {
  if (type === 'visibilitychange' ? document.hidden : /^page/.test(type) && !persisted) return;
  const change = type === 'pagehide' ? Change.Hidden : /^(off|fr)/.test(type) ? Change.Lost : Change.Back;
  for (const [resident, notify] of [...residents]) notify(resident, change);
}

/** Where there are a window or a worker, and a document. */
function listen(method: 'addEventListener' | 'removeEventListener'): void {
  const on = (target: EventTarget | undefined, types: string) => {
    for (const type of types.split(' ')) target?.[method]?.(type, listener);
  };
  on(globalThis as unknown as EventTarget, 'online offline pageshow pagehide');
  on(globalThis.document, 'visibilitychange resume freeze');
}

export function join<R>(resident: R, notify: Notify<R>): void {
  if (!residents.size) listen('addEventListener');
  residents.set(resident, notify);
}

export function leave(resident: unknown): void {
  if (residents.delete(resident) && !residents.size) listen('removeEventListener');
}

/** The browser says that there is no network. */
export const isOffline = () => globalThis.navigator?.onLine === false;
