// The life of a page: hidden, shown, frozen, put away and brought back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pong } from '../chromium/index.mjs';
import { bed } from './bed.mjs';

const { heartline, server: serve, link: through } = bed();

const isOpen = () => socket.readyState === 1;
const opens = (page, count) => page.until((count) => saw('open').length === count && socket.readyState === 1, count);

/** An open socket that pings and retries only when it is told that something changed. */
async function connected(through = (server) => server) {
  const server = await serve({ answer: pong });
  const way = await through(server);
  const page = await heartline();
  await page.evaluate((url) => dial(url, { ...PINGS, backoff: RARELY }), way.url);
  await page.until(isOpen);
  return { page, server, way };
}

/** A socket that waits for a retry that is ten minutes away, with a message queued; its server would take it now. */
async function waiting() {
  const server = await serve({ answer: pong });
  const page = await heartline();
  await server.stop();
  await page.evaluate((url) => dial(url, { ...PINGS, backoff: RARELY }), server.url);
  await page.until(() => socket.state === 'waiting');
  await page.evaluate(() => post('queued'));
  await server.listen();
  return { page, server };
}

const delivered = (server) => server.until('the queued message is there', ({ received }) => received.includes('queued'));

test('a page that is shown again pings the connection it has', async () => {
  const { page, server } = await connected();
  await page.hide();
  assert.deepEqual(server.received, []);
  await page.show();
  await server.until('it is pinged', ({ received }) => received.includes('ping'));
  await page.until(() => socket.stats.pongs === 1);
  assert.deepEqual(await page.evaluate(() => saw('disconnect')), []);
});

test('a page that is shown again finds a link dead that fell silent meanwhile', async () => {
  const server = await serve({ answer: pong });
  const link = await through(server);
  const page = await heartline();
  const heartbeat = { interval: 3_600_000, timeout: 1000 };
  await page.evaluate((url, heartbeat) => dial(url, { ...PINGS, heartbeat, backoff: SOON }), link.url, heartbeat);
  await page.until(isOpen);
  await page.hide();
  link.silence();
  await page.evaluate(() => post('into the void'));
  link.heal();
  await page.show();
  await opens(page, 2);
  assert.deepEqual((await page.evaluate(() => saw('disconnect')[0].loss)).kind, 'heartbeat-timeout');
});

test('a page that is shown again dials at once', async () => {
  const { page, server } = await waiting();
  await page.hide();
  assert.equal(await page.evaluate('socket.state'), 'waiting');
  await page.show();
  await delivered(server);
});

test('a frozen page does not dial, keeps its queue, and dials at once when it resumes', async () => {
  const { page, server } = await waiting();
  await page.hide();
  await page.freeze();
  const before = server.dials;
  await page.evaluate(() => post('sent while frozen'));
  assert.equal(await page.evaluate('socket.state'), 'waiting');
  assert.equal(server.dials, before);
  await page.resume();
  await delivered(server);
  await server.until('both are there', ({ received }) => received.includes('sent while frozen'));
  assert.equal(await page.evaluate('document.visibilityState'), 'hidden');
});

test('a connection that was lost in a freeze is replaced at once, hidden or not', async () => {
  const { page, server } = await connected();
  await page.hide();
  await page.freeze();
  await page.resume();
  await opens(page, 2);
  assert.equal(server.connections.length, 2);
  assert.equal(server.open.length, 1);
  const told = await page.evaluate(() => saw('resume', 'disconnect', 'open', 'error', 'close').map(({ type, code }) => [type, code ?? null]));
  assert.deepEqual(told, [['open', null], ['resume', null], ['disconnect', 1006], ['open', null]]);
});

test('a page in the back-forward cache has closed its connection, and dials when it is brought back', async () => {
  const { page, server } = await connected();
  await page.evaluate(() => post('before'));
  await page.navigate(page.url.replace('heartline.html', 'elsewhere.html'));
  await server.until('the connection is closed', ({ last }) => last.closed);
  assert.equal(server.last.closed.code, 1005);
  await page.travel(-1);
  await opens(page, 2);
  await page.evaluate(() => post('after'));
  await server.until('both messages are there', ({ received }) => received.includes('after'));
  const told = await page.evaluate(() => saw('pagehide', 'pageshow', 'disconnect', 'error', 'close').map(({ type, persisted }) => [type, persisted ?? null]));
  assert.deepEqual(told.slice(-3), [['pagehide', true], ['disconnect', null], ['pageshow', true]]);
  assert.equal(server.connections.length, 2);
});

test('the late 1006 of a frozen socket does not touch the one after it', async () => {
  const { page, server } = await connected();
  // What the browser tells the old socket on return comes when the new one is open already.
  await page.evaluate(() => {
    const [old] = dialled;
    const { onclose, onerror } = old;
    globalThis.late = () => {
      onerror?.call(old, new Event('error'));
      onclose?.call(old, new CloseEvent('close', { code: 1006 }));
      old.dispatchEvent(new CloseEvent('close', { code: 1006 }));
    };
  });
  await page.hide();
  await page.freeze();
  await page.resume();
  await opens(page, 2);
  await page.evaluate(() => late());
  await page.evaluate(() => post('still here'));
  await server.until('the message is there', ({ received }) => received.includes('still here'));
  assert.equal(await page.evaluate(() => saw('disconnect').length), 1);
  assert.equal(server.connections.length, 2);
});

test('after close() nothing of the page dials again', async () => {
  const { page, server } = await connected();
  await page.evaluate(() => socket.close(1000, 'done'));
  await page.until(() => saw('close').length === 1);
  await page.hide();
  await page.freeze();
  await page.resume();
  await page.show();
  await page.offline(true);
  await page.offline(false);
  await page.navigate(page.url.replace('heartline.html', 'elsewhere.html'));
  await page.travel(-1);
  const happened = ['visibilitychange', 'freeze', 'resume', 'offline', 'online', 'pagehide', 'pageshow'];
  await page.until((happened) => happened.every((type) => saw(type).length > 0), happened);
  assert.deepEqual(await page.evaluate('[dialled.length, socket.readyState, saw("close").length]'), [1, 3, 1]);
  assert.deepEqual(await page.evaluate(() => saw('disconnect', 'error')), []);
  assert.equal(server.dials, 1);
});

test('close() while it waits for a retry is the end as well', async () => {
  const { page, server } = await waiting();
  await page.evaluate(() => socket.close());
  await page.until(() => saw('close').length === 1);
  const before = server.dials;
  await page.hide();
  await page.show();
  await page.offline(true);
  await page.offline(false);
  assert.deepEqual(await page.evaluate('[dialled.length, socket.readyState, receipts]'), [1, 3, [['queued', 'returned', 'abandoned']]]);
  assert.equal(server.dials, before);
});
