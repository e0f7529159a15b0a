// What Chromium itself does with the WebSocket of a page that is hidden, frozen, left and come back to, or offline.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bed } from '../bed.mjs';

const { page: open, server: serve } = bed();

/** A page with an open `socket`, and the server's end of it. */
async function connected() {
  const server = await serve();
  const page = await open();
  await page.evaluate((url) => { globalThis.socket = watch(new WebSocket(url)); }, server.url);
  await page.until(() => socket.readyState === 1);
  return { page, server, connection: server.last };
}

const LOST = { type: 'close', code: 1006, reason: '', wasClean: false };
const types = (page, ...wanted) => page.evaluate((wanted) => saw(...wanted).map(({ type }) => type), wanted);

test('a hidden page keeps its connection, and messages reach it', async () => {
  const { page, connection } = await connected();
  await page.hide();
  connection.send('while hidden');
  await page.until(() => saw('message').some(({ data }) => data === 'while hidden'));
  await page.show();
  assert.equal(await page.evaluate('socket.readyState'), 1);
  const seen = await page.evaluate(() => saw('visibilitychange').map(({ to }) => to));
  assert.deepEqual(seen, ['hidden', 'visible']);
});

test('a minimised window hides its page', async () => {
  const { page } = await connected();
  await page.minimise();
  await page.restore();
  assert.deepEqual(await page.evaluate(() => saw('visibilitychange').map(({ to }) => to)), ['hidden', 'visible']);
});

test('a frozen page keeps its connection as the server sees it, and has lost it when it resumes', async () => {
  const { page, connection } = await connected();
  await page.hide();
  await page.freeze();
  connection.send('while frozen');
  assert.equal(await page.evaluate('socket.readyState'), 1);
  assert.equal(connection.open, true);
  await page.resume();
  assert.deepEqual(await page.until(() => saw('close')[0]), LOST);
  // Whether it still gets the message first is a matter of luck.
  assert.deepEqual(await types(page, 'freeze', 'resume', 'error', 'close'), ['freeze', 'resume', 'error', 'close']);
});

test('a close frame that comes to a frozen page is 1006 to it', async () => {
  const { page, server, connection } = await connected();
  await page.hide();
  await page.freeze();
  connection.close(4001, 'unheard');
  await server.until('the close handshake is over', () => connection.closed);
  await page.resume();
  assert.deepEqual(await page.until(() => saw('close')[0]), LOST);
});

test('a page with a connection enters the back-forward cache, and has lost it when it is shown again', async () => {
  const { page, server, connection } = await connected();
  await page.navigate(page.url.replace(/[^/]*$/, 'elsewhere.html'));
  assert.equal(connection.open, true);
  await page.travel(-1);
  assert.deepEqual(await page.until(() => saw('close')[0]), LOST);
  const order = await page.evaluate(() => saw('pagehide', 'freeze', 'resume', 'pageshow', 'close').map(({ type, persisted }) => [type, persisted ?? null]));
  assert.deepEqual(order.slice(-5), [['pagehide', true], ['freeze', null], ['resume', null], ['pageshow', true], ['close', null]]);
  await server.until('it is told that the page is gone', () => connection.closed);
  assert.equal(connection.closed.code, 1001);
});

test('a socket that is closed on pagehide ends cleanly before the page is put away', async () => {
  const { page, server, connection } = await connected();
  await page.evaluate(() => { addEventListener('pagehide', () => socket.close(1000)); });
  await page.navigate(page.url.replace(/[^/]*$/, 'elsewhere.html'));
  await server.until('it is closed', () => connection.closed);
  assert.equal(connection.closed.code, 1000);
  await page.travel(-1);
  await page.until(() => saw('pageshow').some(({ persisted }) => persisted));
});

test('offline alone does not end a connection: what is sent waits, and passes when the network is back', async () => {
  const { page, connection } = await connected();
  await page.offline(true);
  await page.evaluate(() => socket.send('from the page'));
  connection.send('from the server');
  assert.equal(await page.evaluate('socket.readyState'), 1);
  await page.offline(false);
  await page.until(() => saw('message').length === 2);
  assert.deepEqual(await types(page, 'offline', 'online', 'error', 'close'), ['offline', 'online']);
  assert.deepEqual(connection.received, ['from the page']);
});

test('a dial while offline fails with 1006', async () => {
  const server = await serve();
  const page = await open();
  await page.offline(true);
  await page.evaluate((url) => { watch(new WebSocket(url)); }, server.url);
  assert.deepEqual(await page.until(() => saw('close')[0]), LOST);
  assert.equal(server.dials, 0);
});
