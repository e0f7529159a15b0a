// Event handler attributes: `onopen` and the like.

type Handler = (this: EventTarget, event: Event) => unknown;

class Entry {
  constructor(readonly target: EventTarget, public handler: Handler) {}

  handleEvent(event: Event): void {
    this.handler.call(this.target, event);
  }
}

/** Each keeps the place among the listeners that it was first given. */
export function defineHandlers(prototype: EventTarget, types: string): void {
  for (const type of types.split(' ')) {
    const handlers = new WeakMap<EventTarget, Entry>();
    Object.defineProperty(prototype, 'on' + type, {
      configurable: true,
      enumerable: true,
      get(this: EventTarget) {
        return handlers.get(this)?.handler ?? null;
      },
      set(this: EventTarget, handler: unknown) {
        let entry = handlers.get(this);
        if (typeof handler !== 'function') {
          handlers.delete(this);
          if (entry) this.removeEventListener(type, entry);
        } else if (entry) {
          entry.handler = handler as Handler;
        } else {
          handlers.set(this, (entry = new Entry(this, handler as Handler)));
          this.addEventListener(type, entry);
        }
      },
    });
  }
}
