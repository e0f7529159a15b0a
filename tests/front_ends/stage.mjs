// Where a front end is tried: its built page in Chromium, a server, and between them a link that can fall silent.
import { mkdirSync } from 'node:fs';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FileServer, Link, SocketServer, launch } from '../../drivers/web/tests/chromium/index.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** For plain pages what they share, and the package as it is built; and a page to go to. */
const ROUTES = {
  '/plain/': here('plain/'),
  '/heartline/': here('../../drivers/web/dist/'),
  '/elsewhere.html': '<title>Elsewhere</title>',
};

/** One browser for the tests of a file; it ends with them. */
let browser;
after(async () => (await browser)?.close());

// Before anything else of a page: which timers wait.
const WATCH_TIMERS = `{
  const { setTimeout, clearTimeout } = window;
  const waiting = (window.waitingTimers = new Set());
  window.setTimeout = (call, ...rest) => {
    const id = setTimeout.call(window, (...args) => { waiting.delete(id); call(...args); }, ...rest);
    waiting.add(id);
    return id;
  };
  window.clearTimeout = (id) => { waiting.delete(id); clearTimeout.call(window, id); };
}`;

/** A browser window and all that its page needs. Everything ends with the test `t`. */
export class Stage {
  /**
   * `folder` holds the page at `path`, as it is built or plain, `query(link)` is what its address says, `answer` what the server does;
   * or `serve()` starts another one. `before(stage)` comes before the page; `alone` gives it a browser of its own: one
   * that is suspended stands still with all of its pages. `files()` serves the page otherwise than from its folder.
   */
  static async set(t, {
    folder, query, answer, path = '/', before = () => {}, alone = false, serve = () => SocketServer.start({ answer }),
    files = () => FileServer.start({ routes: { ...ROUTES, '/': here(`${folder}/`) } }),
  }) {
    const stage = new Stage();
    stage.server = await serve();
    t.after(() => stage.server.close());
    stage.link = await Link.to(stage.server);
    t.after(() => stage.link.close());
    stage.files = await files();
    t.after(() => stage.files.close());
    stage.browser = await (alone ? launch() : (browser ??= launch()));
    if (alone) t.after(() => stage.browser.close());
    stage.page = await stage.browser.page();
    if (!alone) t.after(() => stage.page.close());
    await stage.page.devtools.call('Page.addScriptToEvaluateOnNewDocument', { source: WATCH_TIMERS });
    await before(stage);
    await stage.page.navigate(stage.files.url(`${path}?${new URLSearchParams(query(stage.link))}`));
    return stage;
  }

  /** For a look at it: screenshots/NAME.png. */
  async picture(name, size = { width: 800, height: 520 }) {
    mkdirSync(here('screenshots'), { recursive: true });
    await this.page.screenshot(here(`screenshots/${name}.png`), size);
  }

  /** Waits until the page's status line says this. */
  says(words) {
    return this.page.sees('[role=status]', words);
  }
}
