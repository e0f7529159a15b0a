// A Chromium of its own: started, asked for pages and workers, suspended, ended.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from './connection.mjs';
import { Page } from './page.mjs';
import { inTime } from './patience.mjs';
import { Worker } from './worker.mjs';

const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage',
  '--no-first-run', '--no-default-browser-check', '--disable-default-apps', '--disable-extensions',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-domain-reliability',
  '--metrics-recording-only', '--no-proxy-server', '--mute-audio', '--password-store=basic', '--use-mock-keychain',
  '--remote-debugging-pipe',
  // The pop-ups of the address bar, which are a renderer more for each window: a third of the time of tests with many.
  '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup',
];

/** The feature that throttles timers of pages hidden for `graceSeconds` to one wake-up a minute (5 minutes else). */
export const intensiveThrottling = (graceSeconds) => `IntensiveWakeUpThrottling:grace_period_seconds/${graceSeconds}`;

/**
 * Starts a browser. `features` are added to `--enable-features`, `flags` to the command line;
 * `CHROMIUM` in the environment names another program than /usr/bin/chromium.
 */
export async function launch({ features = [], flags = [], program = process.env.CHROMIUM ?? '/usr/bin/chromium' } = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'heartline-chromium-'));
  const all = [...FLAGS, `--user-data-dir=${profile}`, ...flags];
  if (features.length) all.push(`--enable-features=${features.join(',')}`);
  // Its own process group, so that the whole of it can be stopped and ended; it also ends with the pipe.
  const child = spawn(program, [...all, 'about:blank'], { detached: true, stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
  const browser = new Browser(child, profile);
  try {
    await browser.ready();
  } catch (error) {
    await browser.close();
    throw error;
  }
  return browser;
}

export class Browser {
  #child;
  #profile;
  #connection;
  #exited;
  #stderr = '';

  constructor(child, profile) {
    this.#child = child;
    this.#profile = profile;
    child.stderr.on('data', (chunk) => { this.#stderr = (this.#stderr + chunk).slice(-4000); });
    this.#exited = new Promise((resolve) => {
      child.once('exit', resolve);
      child.once('error', (error) => { this.#stderr += error; resolve(); });
    });
    this.#exited.then(() => this.#connection.end(`the browser is gone: ${this.#stderr}`));
    this.#connection = new Connection(child.stdio[3], child.stdio[4]);
    process.once('exit', this.#removeProfile);
  }

  #removeProfile = () => rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });

  /** The DevTools session of the browser itself. */
  get devtools() {
    return this.#connection.browser;
  }

  async ready() {
    this.version = (await this.devtools.call('Browser.getVersion')).product;
    await this.devtools.call('Target.setDiscoverTargets', { discover: true });
  }

  /** A page in a window and with a profile of its own, at `url`. */
  async page(url = 'about:blank') {
    const { browserContextId } = await this.devtools.call('Target.createBrowserContext');
    return Page.open(this, { browserContextId, newWindow: true }, url);
  }

  /** Attached to a target; its session. */
  async attach(targetId) {
    const { sessionId } = await this.devtools.call('Target.attachToTarget', { targetId, flatten: true });
    return this.#connection.session(sessionId);
  }

  /** The shared worker whose script's URL ends in `suffix`. */
  async sharedWorker(suffix) {
    const { targetInfos } = await this.devtools.call('Target.getTargets', { filter: [{ type: 'shared_worker' }] });
    const info = targetInfos.find(({ url }) => url.endsWith(suffix));
    if (!info) throw new Error(`no shared worker ${suffix} among ${targetInfos.map(({ url }) => url)}`);
    return Worker.of(await this.attach(info.targetId), info);
  }

  /** All processes of the browser stand still, as on a computer that sleeps: `resume` wakes them. */
  suspend() {
    process.kill(-this.#child.pid, 'SIGSTOP');
  }

  resume() {
    process.kill(-this.#child.pid, 'SIGCONT');
  }

  async close() {
    if (this.#child.pid && this.#child.exitCode === null) {
      this.resume();
      this.devtools.call('Browser.close').catch(() => {});
      await inTime('the browser to end', this.#exited, 5000).catch(() => process.kill(-this.#child.pid, 'SIGKILL'));
    }
    await this.#exited;
    process.off('exit', this.#removeProfile);
    this.#removeProfile();
  }
}
