import { Component, type OnDestroy, type OnInit, inject, input, signal } from '@angular/core';
import { type Subscription } from 'rxjs';
import { Feed } from './feed';

/** What a service pushed last. */
@Component({
  selector: 'app-tile',
  template: `
    <div class="tile" [id]="name()">
      <h2>{{ service() }}</h2>
      <p class="latest">{{ latest() ?? '–' }}</p>
      <small>messages: {{ count() }}</small>
    </div>
  `,
})
export class Tile implements OnInit, OnDestroy {
  readonly name = input.required<string>();
  readonly service = input.required<string>();
  readonly latest = signal<unknown>(null);
  readonly count = signal(0);
  private readonly feed = inject(Feed);
  private subscription?: Subscription;

  ngOnInit() {
    this.subscription = this.feed.of(this.service()).subscribe((data) => {
      this.latest.set(data);
      this.count.update((count) => count + 1);
    });
  }

  ngOnDestroy() {
    this.subscription?.unsubscribe();
  }
}
