import { Component, provideZonelessChangeDetection, signal } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { Dashboard } from './dashboard';
import { HEARTBEAT, URL_OF_SERVER } from './feed';

const query = new URLSearchParams(location.search);
const url = query.get('url') ?? `ws://${location.host}/subscribeWebSocket/`;
const interval = Number(query.get('interval') ?? 30_000);
const timeout = query.has('timeout') ? Number(query.get('timeout')) : null;

@Component({
  selector: 'app-page',
  imports: [Dashboard],
  template: `
    <header>
      <h1>Services</h1>
      <button id="toggle" (click)="shown.set(!shown())">{{ shown() ? 'Hide' : 'Show' }}</button>
    </header>
    @if (shown()) { <app-dashboard /> }
  `,
})
class Page {
  protected readonly shown = signal(true);
}

void bootstrapApplication(Page, {
  providers: [
    provideZonelessChangeDetection(),
    { provide: URL_OF_SERVER, useValue: url },
    { provide: HEARTBEAT, useValue: { mode: 'periodic', interval, timeout } },
  ],
});
