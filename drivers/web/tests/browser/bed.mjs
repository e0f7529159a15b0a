// What the tests here share: a browser for the file, a server for its pages, and a WebSocket server for each test.
import { after, afterEach, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FileServer, Link, SocketServer, launch } from '../chromium/index.mjs';

const PAGE = fileURLToPath(new URL('./page/', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

const html = (head) => `<!doctype html><meta charset="utf-8"><title>test</title><script src="/page/record.js"></script>${head}`;

const ROUTES = {
  '/page/': PAGE,
  '/dist/': DIST,
  '/index.html': html(''),
  '/heartline.html': html('<script type="module" src="/page/heartline.js"></script>'),
  '/elsewhere.html': '<!doctype html><title>elsewhere</title>',
};

/** Called at the top of a test file. What it starts ends with the test; where tests run at once, with the file. */
export function bed({ features = [], flags = [], atOnce = false } = {}) {
  let browser;
  let files;
  const ends = [];
  before(async () => {
    browser = await launch({ features, flags });
    files = await FileServer.start({ routes: { ...ROUTES } });
  });
  const clear = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  if (!atOnce) afterEach(clear);
  after(async () => {
    await clear();
    await browser?.close();
    await files?.close();
  });
  const ending = (thing) => {
    ends.push(() => thing.close());
    return thing;
  };

  return {
    get browser() { return browser; },
    get files() { return files; },

    /** A page that has `seen`, `watch(socket)` and `saw(...types)`. */
    async page(path = '/') {
      return ending(await browser.page(files.url(path)));
    },

    /** One with `HeartlineSocket` besides. */
    async heartline() {
      const page = ending(await browser.page(files.url('/heartline.html')));
      await page.until('typeof HeartlineSocket === "function"');
      return page;
    },

    async server(options) {
      return ending(await SocketServer.start(options));
    },

    /** `thing` is closed at the end. */
    ending,

    async link(server) {
      return ending(await Link.to(server));
    },
  };
}
