import { DatePipe } from '@angular/common';
import { Component, inject, signal } from '@angular/core';
import { type State } from 'heartline';
import { Feed } from './feed';
import { Tile } from './tile';

const WORDS: Record<State, string> = {
  idle: 'Connecting …',
  waiting: 'No connection, figures may be old.',
  connecting: 'Connecting …',
  greeting: 'Connecting …',
  open: 'Connected',
  closing: 'Leaving …',
  closed: 'The server wants no connection.',
};

@Component({
  selector: 'app-dashboard',
  imports: [DatePipe, Tile],
  providers: [Feed],
  template: `
    <p role="status" [class]="feed.state()">
      {{ words() }}
      @if (feed.state() === 'waiting') {
        @if (online()) { Next try at {{ feed.nextTry() | date: 'mediumTime' }}. } @else { This computer is offline. }
      }
    </p>
    <div class="tiles">
      @for (tile of tiles(); track tile.name) { <app-tile [name]="tile.name" [service]="tile.service" /> }
    </div>
    @if (feed.unreadable(); as count) { <p class="unreadable">Messages that could not be read: {{ count }}.</p> }
    <p><button id="second" (click)="toggle()">{{ tiles().length === 3 ? 'Without' : 'With' }} 业务2</button></p>
  `,
})
export class Dashboard {
  protected readonly feed = inject(Feed);
  protected readonly tiles = signal(ALL);

  protected words() {
    return WORDS[this.feed.state()];
  }

  protected online() {
    return navigator.onLine;
  }

  protected toggle() {
    this.tiles.update((tiles) => (tiles === ALL ? ALL.filter(({ service }) => service !== '业务2') : ALL));
  }
}

const ALL = [
  { name: 'first', service: '业务1' },
  { name: 'other', service: '业务2' },
  { name: 'again', service: '业务1' },
];
