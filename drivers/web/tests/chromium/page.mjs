// A page: navigation, visibility and lifecycle, network, input, workers, screenshots.
import { writeFileSync } from 'node:fs';
import { until } from './patience.mjs';
import { Realm } from './realm.mjs';
import { Worker } from './worker.mjs';

export class Page extends Realm {
  #browser;
  #target;
  #workers = [];
  #cover = null;

  /** `where`: `browserContextId`, and `newWindow` or `background`. */
  static async open(browser, where, url) {
    const { targetId } = await browser.devtools.call('Target.createTarget', { url: 'about:blank', ...where });
    const page = new Page(await browser.attach(targetId), browser, { targetId, ...where });
    await page.#enable();
    if (url !== 'about:blank') await page.navigate(url);
    return page;
  }

  constructor(session, browser, target) {
    super(session);
    this.#browser = browser;
    this.#target = target;
    session.on('Target.attachedToTarget', async ({ sessionId, targetInfo }) => {
      const worker = await Worker.of(session.attached(sessionId), targetInfo).catch(() => null);
      if (worker) this.#workers.push(worker);
    });
  }

  toString() {
    return `the page ${this.url ?? 'about:blank'}`;
  }

  async #enable() {
    const enabled = ['Page.enable', 'Runtime.enable', 'Log.enable', 'Network.enable'].map((method) => this.devtools.call(method));
    await Promise.all(enabled);
    await this.devtools.call('Page.setLifecycleEventsEnabled', { enabled: true });
    await this.devtools.call('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: true });
  }

  /** Another tab of the same window and profile; it is in front, unless `background`. */
  tab(url = 'about:blank', { background = false } = {}) {
    const { browserContextId } = this.#target;
    return Page.open(this.#browser, { browserContextId, newWindow: false, background }, url);
  }

  /** Loads `url`, and waits for its `load` event. */
  async navigate(url) {
    this.url = url;
    const loaded = this.devtools.next('Page.loadEventFired');
    loaded.catch(() => {});
    const { errorText } = await this.devtools.call('Page.navigate', { url });
    if (errorText) throw new Error(`${this}: ${errorText}`);
    await loaded;
  }

  async reload() {
    const loaded = this.devtools.next('Page.loadEventFired');
    await this.devtools.call('Page.reload');
    await loaded;
  }

  /**
   * Goes `steps` through the history, back if negative, and waits until that page stands there.
   * Whether it came from the back-forward cache is for the page to say (`pageshow` with `persisted`).
   */
  async travel(steps) {
    const { currentIndex, entries } = await this.devtools.call('Page.getNavigationHistory');
    const entry = entries[currentIndex + steps];
    await this.devtools.call('Page.navigateToHistoryEntry', { entryId: entry.id });
    this.url = entry.url;
    await this.until((url) => location.href === url && document.readyState === 'complete', entry.url);
  }

  /** Puts another tab of the window in front, and waits until the page says that it is hidden. */
  async hide() {
    this.#cover ??= await this.tab();
    await this.#cover.devtools.call('Page.bringToFront');
    await this.#becomes('hidden');
  }

  async show() {
    await this.devtools.call('Page.bringToFront');
    await this.#becomes('visible');
  }

  /** The same by the window: minimised, and normal again. */
  async minimise() {
    await this.#window('minimized');
    await this.#becomes('hidden');
  }

  async restore() {
    await this.#window('normal');
    await this.devtools.call('Page.bringToFront');
    await this.#becomes('visible');
  }

  async #window(windowState) {
    const { targetId } = this.#target;
    const { windowId } = await this.#browser.devtools.call('Browser.getWindowForTarget', { targetId });
    await this.#browser.devtools.call('Browser.setWindowBounds', { windowId, bounds: { windowState } });
  }

  #becomes(visibility) {
    return this.until((wanted) => document.visibilityState === wanted, visibility);
  }

  /** A hidden page stands still as the browser freezes one in the background; `resume` thaws it. */
  async freeze() {
    if ((await this.evaluate('document.visibilityState')) !== 'hidden') throw new Error('only a hidden page freezes');
    await this.devtools.call('Page.setWebLifecycleState', { state: 'frozen' });
  }

  async resume() {
    await this.devtools.call('Page.setWebLifecycleState', { state: 'active' });
  }

  /**
   * `navigator.onLine` with its events, and the network: dials fail with 1006, an open WebSocket holds what is sent either way
   * until the page is online again. The page's workers stay online.
   */
  async offline(offline) {
    const conditions = { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.devtools.call('Network.emulateNetworkConditions', conditions);
    await this.until((wanted) => navigator.onLine === wanted, !offline);
  }

  /** The dedicated worker whose script's URL ends in `suffix`. */
  worker(suffix) {
    return until(`the worker ${suffix}`, () => this.#workers.find(({ info }) => info.url.endsWith(suffix)));
  }

  /** Clicks the element that the selector finds first, as `element.click()`. */
  async click(selector) {
    await this.#present(selector);
    await this.evaluate((selector) => document.querySelector(selector).click(), selector);
  }

  /** Sets a field's value as a user would: `input` and `change` events, and the setter that frameworks watch. */
  async fill(selector, value) {
    await this.#present(selector);
    await this.evaluate((selector, value) => {
      const field = document.querySelector(selector);
      field.focus();
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, value);
      field.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertText', data: value }));
      field.dispatchEvent(new Event('change', { bubbles: true }));
    }, selector, value);
  }

  /** Types into what has the focus. */
  async type(text) {
    await this.devtools.call('Input.insertText', { text });
  }

  /** Presses a key with a name of `KeyboardEvent.key`: 'Enter', 'Tab', 'a'. */
  async press(key) {
    const text = key === 'Enter' ? '\r' : key.length === 1 ? key : undefined;
    const windowsVirtualKeyCode = { Enter: 13, Tab: 9, Escape: 27, Backspace: 8 }[key] ?? key.toUpperCase().charCodeAt(0);
    await this.devtools.call('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', key, text, windowsVirtualKeyCode });
    await this.devtools.call('Input.dispatchKeyEvent', { type: 'keyUp', key, windowsVirtualKeyCode });
  }

  /** The text of the element, as the user sees it. */
  async text(selector) {
    await this.#present(selector);
    return this.evaluate((selector) => document.querySelector(selector).innerText, selector);
  }

  /** Waits until the element's text contains `part`. */
  sees(selector, part) {
    return this.until((selector, part) => document.querySelector(selector)?.innerText.includes(part), selector, part);
  }

  #present(selector) {
    return this.until((selector) => document.querySelector(selector) !== null, selector);
  }

  /** A PNG of the page's viewport. */
  async screenshot(file, { width = 1000, height = 700 } = {}) {
    await this.devtools.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    const { data } = await this.devtools.call('Page.captureScreenshot', { format: 'png' });
    writeFileSync(file, Buffer.from(data, 'base64'));
  }

  /** Closes its window with all tabs. */
  async close() {
    await this.#browser.devtools.call('Target.disposeBrowserContext', { browserContextId: this.#target.browserContextId });
  }
}
