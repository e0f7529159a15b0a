// `offline` and `online` of the browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pong } from '../chromium/index.mjs';
import { bed } from './bed.mjs';

const { heartline, server: serve } = bed();

const delivered = (server, text) => server.until(`${text} is there`, ({ received }) => received.includes(text));

test('offline alone ends no living connection: what was sent passes when the network is back', async () => {
  const server = await serve({ answer: pong });
  const page = await heartline();
  await page.evaluate((url) => dial(url, { ...PINGS, backoff: RARELY }), server.url);
  await page.until(() => socket.readyState === 1);
  await page.offline(true);
  await page.evaluate(() => post('while offline'));
  assert.equal(await page.evaluate('socket.readyState'), 1);
  await page.offline(false);
  await delivered(server, 'while offline');
  await server.until('the link is probed', ({ received }) => received.includes('ping'));
  assert.deepEqual(await page.evaluate(() => saw('disconnect', 'error', 'close')), []);
  assert.equal(server.connections.length, 1);
});

test('offline stops the dialling and keeps the queue, online dials at once', async () => {
  const server = await serve({ answer: pong, upgrade: 503 });
  const page = await heartline();
  await page.evaluate((url) => {
    dial(url, { ...PINGS, backoff: SOON });
    post('queued');
  }, server.url);
  await page.until(() => dialled.length >= 3);
  await page.offline(true);
  await page.until(() => socket.state === 'waiting' && saw('retry').at(-1).delay > 60_000);
  assert.equal(await page.evaluate('socket.readyState'), 0);
  server.upgrade = 'accept';
  await page.offline(false);
  await delivered(server, 'queued');
  assert.deepEqual(await page.evaluate('receipts'), [['queued', 'transmitted', null]]);
});

test('a page that is shown again while offline does not dial', async () => {
  const server = await serve();
  await server.stop();
  const page = await heartline();
  await page.evaluate((url) => dial(url, { ...PINGS, backoff: RARELY }), server.url);
  await page.until(() => socket.state === 'waiting');
  await page.offline(true);
  await page.hide();
  await page.show();
  assert.deepEqual(await page.evaluate('[socket.state, dialled.length]'), ['waiting', 1]);
  await server.listen();
  await page.offline(false);
  await page.until(() => socket.readyState === 1);
});

test('a page that resumes offline has lost its connection and does not dial', async () => {
  const server = await serve({ answer: pong });
  const page = await heartline();
  await page.evaluate((url) => dial(url, { ...PINGS, backoff: RARELY }), server.url);
  await page.until(() => socket.readyState === 1);
  await page.hide();
  await page.freeze();
  await page.offline(true);
  await page.resume();
  await page.until(() => saw('disconnect').length === 1);
  assert.deepEqual(await page.evaluate('[socket.state, dialled.length]'), ['waiting', 1]);
  await page.offline(false);
  await page.until(() => socket.readyState === 1);
});

test('a socket that is made while offline dials, and again at once when the network is there', async () => {
  const server = await serve();
  const page = await heartline();
  await page.offline(true);
  await page.evaluate((url) => dial(url, { backoff: RARELY }), server.url);
  await page.until(() => socket.state === 'waiting');
  await page.offline(false);
  await page.until(() => socket.readyState === 1);
  assert.equal(server.connections.length, 1);
});
