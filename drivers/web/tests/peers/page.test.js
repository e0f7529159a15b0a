import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { FileServer, launch, SocketServer } from '../chromium/index.mjs';
import { NAMES } from './peers.js';

const HOUR = 3_600_000;

/** The packages as `sockets` of a page, each on its own server, with an hour to wait between two dials. */
async function pageWith(servers) {
  const urls = Object.fromEntries(NAMES.map((name, index) => [name, servers[index].url]));
  const source = `
    import { peer } from './peers.js';
    globalThis.sockets = {};
    for (const [name, url] of Object.entries(${JSON.stringify(urls)})) {
      peer(name).then(({ open }) => { sockets[name] = open(url, undefined, { min: ${HOUR}, max: ${HOUR}, grow: 1 }); });
    }`;
  const { outputFiles: [bundle] } = await build({
    stdin: { contents: source, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true, format: 'iife', charset: 'utf8', write: false, logLevel: 'error',
  });
  const page = '<!doctype html><meta charset="utf-8"><title>peers</title><script src="/page.js"></script>';
  const files = await FileServer.start({ routes: { '/index.html': page, '/page.js': bundle.text } });
  after(() => files.close());
  const browser = await launch();
  after(() => browser.close());
  return browser.page(files.url('/'));
}

test('a network that comes back ends the wait of heartline; the others sit out their hour', async () => {
  const servers = await Promise.all(NAMES.map(() => SocketServer.start()));
  after(() => Promise.all(servers.map((server) => server.close())));
  const page = await pageWith(servers);
  await page.until((count) => Object.values(globalThis.sockets).filter(({ readyState }) => readyState === 1).length === count,
    NAMES.length);
  await Promise.all(servers.map((server) => server.stop()));
  await page.until(() => Object.values(globalThis.sockets).every(({ readyState }) => readyState !== 1));
  await page.offline(true);
  await Promise.all(servers.map((server) => server.listen()));
  await page.offline(false);
  await page.until(() => globalThis.sockets.heartline.readyState === 1);
  const open = await page.evaluate(() =>
    Object.keys(globalThis.sockets).filter((name) => globalThis.sockets[name].readyState === 1));
  assert.deepEqual(open, ['heartline']);
  assert.deepEqual(page.errors, []);
});
