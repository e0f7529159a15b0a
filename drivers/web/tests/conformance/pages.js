// A page for each case, in one browser: what comes on a connection are commands for it, its reports go back.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { FileServer, launch, pause, until } from '../chromium/index.mjs';
import { ABILITIES } from './adapter.js';

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));

const PAGE = `<!doctype html><meta charset="utf-8"><title>conformance</title><script type="module">
  import { HeartlineSocket } from '/dist/index.js';
  import { adapter } from '/conformance/adapter.js';
  globalThis.command = adapter(HeartlineSocket, report);
</script>`;

const ROUTES = { '/index.html': PAGE, '/dist/': folder('../../dist/'), '/conformance/': folder('./') };

/** How long a page works to be found, in ms. */
const WORK = 150;
/** How long it does next to nothing when it is at rest, in ms. */
const REST = 300;

export class Pages {
  #browser;
  #files;
  #tcp = createServer((socket) => void this.#serve(socket).catch((error) => socket.destroy(error)));

  static async start() {
    const pages = new Pages();
    pages.#browser = await launch();
    pages.#files = await FileServer.start({ routes: ROUTES });
    await once(pages.#tcp.listen(0, '127.0.0.1'), 'listening');
    return pages;
  }

  get port() {
    return this.#tcp.address().port;
  }

  /** How much CPU time each process that runs pages has used, in seconds, by their ids. */
  async #renderers() {
    const { processInfo } = await this.#browser.devtools.call('SystemInfo.getProcessInfo');
    return new Map(processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]));
  }

  /** The process that runs the page: DevTools do not say it, but it is the one that works while the page does. */
  #process(page) {
    return until('the process of the page', async () => {
      const before = await this.#renderers();
      await page.evaluate((ms) => { for (const end = performance.now() + ms; performance.now() < end;); }, WORK);
      const after = await this.#renderers();
      const worked = [...after].map(([id, used]) => [used - (before.get(id) ?? 0), id]).sort(([one], [other]) => other - one);
      const [[most, id], [next] = [0]] = worked;
      return most > WORK / 10_000 && most > 3 * next && id;
    });
  }

  /** Whether the process does next to nothing. A page that has just been loaded is at work for a while. */
  async #rests(process) {
    const used = async () => (await this.#renderers()).get(process);
    const before = await used();
    await pause(REST);
    return (await used()) - before < REST / 20_000;
  }

  /** A new page, and the process that runs it. */
  async #open() {
    const page = await this.#browser.page();
    await page.devtools.call('Runtime.addBinding', { name: 'report' });
    await page.navigate(this.#files.url('/'));
    await page.until('typeof command === "function"');
    const process = await this.#process(page);
    await until('the page to come to rest', () => this.#rests(process));
    return { page, process };
  }

  async #serve(socket) {
    const lines = createInterface({ input: socket });
    const [waiting, gone] = [[], once(socket, 'close')];
    let take = (line) => waiting.push(line);
    lines.on('line', (line) => take(line));
    socket.on('error', () => {});
    const { page, process } = await this.#open();
    const report = (line) => socket.write(`${line}\n`);
    page.devtools.on('Runtime.bindingCalled', ({ payload }) => report(payload));
    report(`hello 1 heartline-web-in-a-page ${ABILITIES.join(' ')}`);
    report(`process ${process}`);
    take = (line) => {
      if (line === 'quit') return void socket.end();
      // A page that is stopped, or closed, answers late or never.
      page.devtools.call('Runtime.evaluate', { expression: `command(${JSON.stringify(line)})` }).catch(() => {});
    };
    waiting.splice(0).forEach(take);
    await gone;
    for (const error of page.errors) console.error(error);
    await page.close();
  }

  async close() {
    await new Promise((resolve) => this.#tcp.close(resolve));
    await this.#browser.close();
    await this.#files.close();
  }
}
