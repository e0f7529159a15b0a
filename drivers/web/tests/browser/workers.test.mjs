// In dedicated and shared workers: no document, no visibility, the same class.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced, pong } from '../chromium/index.mjs';
import { bed } from './bed.mjs';

const beds = bed();
const { page: open, server: serve } = beds;

async function exercise(worker, server) {
  await worker.until('globalThis.ready');
  await worker.evaluate((url, timeout) => {
    dial(url, { ...PINGS, heartbeat: { interval: 100, timeout }, backoff: SOON });
    post('queued');
  }, server.url, paced(10_000));
  await server.until('the message and a ping are there', ({ received }) => received.includes('queued') && received.includes('ping'));
  server.kill();
  await worker.until(() => saw('open').length === 2 && socket.readyState === 1);
  const told = await worker.evaluate(() => saw('open', 'disconnect', 'close').map(({ type }) => type));
  assert.deepEqual(told, ['open', 'disconnect', 'open']);
  await worker.evaluate(() => socket.close(1000, 'done'));
  await worker.until(() => saw('close').length === 1);
  await server.until('it is closed', ({ last }) => last.closed);
  assert.deepEqual(server.last.closed, { code: 1000, reason: 'done' });
  assert.deepEqual(worker.errors, []);
}

test('a dedicated worker', async () => {
  const server = await serve({ answer: pong });
  const page = await open();
  await page.evaluate(() => { globalThis.worker = new Worker('/page/worker.js', { type: 'module' }); });
  await exercise(await page.worker('/page/worker.js'), server);
});

test('a shared worker, which lives on when the page that started it is gone', async () => {
  const server = await serve({ answer: pong });
  const page = await open();
  const start = () => { globalThis.worker = new SharedWorker('/page/worker.js', { type: 'module' }); };
  await page.evaluate(start);
  const other = await page.tab(page.url);
  await other.evaluate(start);
  const worker = await beds.browser.sharedWorker('/page/worker.js');
  await page.navigate('about:blank');
  await exercise(worker, server);
});

// DevTools change what a worker's navigator says, but send it no event: the test does.
async function becomes(page, worker, offline) {
  const state = { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
  await page.devtools.call('Network.overrideNetworkState', state);
  await worker.until((wanted) => navigator.onLine === wanted, !offline);
  await worker.evaluate((type) => { dispatchEvent(new Event(type)); }, offline ? 'offline' : 'online');
}

test('a worker stops dialling when it is offline, and dials at once when it is online', async () => {
  const server = await serve({ answer: pong, upgrade: 503 });
  const page = await open();
  await page.evaluate(() => { globalThis.worker = new Worker('/page/worker.js', { type: 'module' }); });
  const worker = await page.worker('/page/worker.js');
  await worker.until('globalThis.ready');
  await worker.evaluate((url) => dial(url, { backoff: SOON }), server.url);
  await worker.until(() => dialled.length >= 3);
  await becomes(page, worker, true);
  await worker.until(() => socket.state === 'waiting' && saw('retry').at(-1).delay > 60_000);
  server.upgrade = 'accept';
  await becomes(page, worker, false);
  await worker.until(() => socket.readyState === 1);
  assert.deepEqual(worker.errors, []);
});
