import { Injectable, InjectionToken, type OnDestroy, inject, signal } from '@angular/core';
import { HeartlineSocket, type HeartbeatOptions, type Link, type State } from 'heartline';
import { Observable, type Subscriber, share } from 'rxjs';

export const URL_OF_SERVER = new InjectionToken<string>('where subscriptions are made');
export const HEARTBEAT = new InjectionToken<HeartbeatOptions>('when to send a heartbeat');

const say = (type: 'sub' | 'unsub' | 'HEART_BEAT', service: string) => JSON.stringify({ type, service });

/** One socket for all services: `of('业务1')` gives what the server pushes for one, and subscribes to it. */
@Injectable()
export class Feed implements OnDestroy {
  readonly state = signal<State>('connecting');
  readonly nextTry = signal<Date | null>(null);
  readonly unreadable = signal(0);
  private readonly services = new Map<string, Observable<unknown>>();
  private readonly subscribers = new Map<string, Subscriber<unknown>>();
  private link?: Link<string, string>;
  private readonly socket = new HeartlineSocket<string, string>(inject(URL_OF_SERVER), null, {
    greeting: (link) => {
      this.link = link;
      for (const service of this.subscribers.keys()) void link.send(say('sub', service));
    },
    ping: say('HEART_BEAT', '业务'),
    heartbeat: inject(HEARTBEAT),
  });

  constructor() {
    this.socket.onmessage = ({ data }) => this.received(data);
    this.socket.onstate = ({ to }) => this.state.set(to);
    this.socket.onretry = ({ delay }) => this.nextTry.set(new Date(Date.now() + delay));
  }

  /** Subscribed to for as long as somebody listens, and once, however many listen. */
  of(service: string): Observable<unknown> {
    const known = this.services.get(service) ?? this.subscription(service).pipe(share());
    this.services.set(service, known);
    return known;
  }

  private subscription(service: string) {
    return new Observable<unknown>((subscriber) => {
      this.subscribers.set(service, subscriber);
      void this.link?.send(say('sub', service)); // A later connection begins with it.
      return () => {
        this.subscribers.delete(service);
        void this.link?.send(say('unsub', service));
      };
    });
  }

  private received(message: string) {
    try {
      const { service, data } = JSON.parse(message);
      this.subscribers.get(service)?.next(data);
    } catch {
      this.unreadable.update((count) => count + 1);
    }
  }

  ngOnDestroy() {
    this.socket.close();
    for (const subscriber of this.subscribers.values()) subscriber.complete();
  }
}
