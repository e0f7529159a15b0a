// What nobody does on purpose: floods, faults in the middle of something else, many sockets, and all of it again and again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pong, silence } from '../chromium/index.mjs';
import { bed } from './bed.mjs';

const { heartline, server: serve } = bed();

const FLOOD = 20_000;

test('20,000 messages arrive in their order while the page sends 200', async () => {
  const server = await serve({ answer: silence });
  const page = await heartline();
  await page.evaluate((url) => {
    globalThis.count = { came: 0, wrong: 0 };
    socket = new HeartlineSocket(url, [], { ...PINGS, outbox: { maxMessages: 2000 } });
    socket.onmessage = ({ data }) => {
      if (Number(data) !== count.came++) count.wrong += 1;
      if (count.came % 100 === 0) post(`got ${count.came}`);
    };
  }, server.url);
  await page.until(() => socket.readyState === 1);
  for (let nth = 0; nth < FLOOD; nth++) server.last.send(`${nth}`);
  await page.until((all) => count.came === all, FLOOD);
  await server.until('all that the page sent', ({ received }) => received.length === FLOOD / 100);
  assert.deepEqual(server.received, Array.from({ length: FLOOD / 100 }, (_, nth) => `got ${100 * (nth + 1)}`));
  assert.deepEqual(await page.evaluate('[count.wrong, new Set(receipts.map(([, outcome]) => outcome)).size, socket.readyState]'), [0, 1, 1]);
});

test('60 sockets in a page open, echo, survive their server and end', async () => {
  const server = await serve();
  const page = await heartline();
  await page.evaluate((url) => {
    globalThis.all = Array.from({ length: 60 }, (_, nth) => {
      const each = new HeartlineSocket(`${url}?${nth}`, [], { backoff: SOON, minDialGap: 1, connectTimeout: 60_000 });
      each.opens = 0;
      each.onopen = () => { each.opens += 1; };
      each.onmessage = ({ data }) => { each.got = data; };
      void each.send(`of ${nth}`);
      return each;
    });
  }, server.url);
  await page.until(() => all.every(({ got }, nth) => got === `of ${nth}`));
  server.kill();
  await page.until(() => all.every(({ opens, readyState }) => opens >= 2 && readyState === 1));
  await page.evaluate(() => all.forEach((each) => each.close()));
  await page.until(() => all.every(({ readyState }) => readyState === 3));
  await server.until('all are closed', ({ open }) => open.length === 0);
  assert.deepEqual(page.errors, []);
});

/** Bytes of the heap, after what nobody holds was thrown away. */
async function heap(page) {
  // What a finalizer lets go of goes with the next collection.
  for (let count = 0; count < 3; count++) {
    await page.devtools.call('HeapProfiler.collectGarbage');
    await page.evaluate(() => new Promise((resolve) => { setTimeout(resolve, 50); }));
  }
  return (await page.devtools.call('Runtime.getHeapUsage')).usedSize;
}

test('300 components that mount and unmount leave no memory behind', async () => {
  const server = await serve();
  const page = await heartline();
  const mounts = (count) => page.evaluate(async (url, count) => {
    for (let nth = 0; nth < count; nth++) {
      const each = new HeartlineSocket(url, [], PINGS);
      const closed = new Promise((resolve) => { each.onclose = resolve; });
      // Some unmount while they dial.
      if (nth % 3) await each.send('x'.repeat(1000));
      each.close();
      await closed;
      dialled.length = 0;
    }
  }, server.url, count);
  await mounts(100);
  const before = await heap(page);
  for (let nth = 0; nth < 3; nth++) await mounts(100);
  const grown = (await heap(page)) - before;
  // A socket that stayed would count for 600 bytes at least.
  assert.ok(grown < 100_000, `the heap has grown by ${grown} bytes`);
});

test('a network that comes and goes a hundred times costs neither the connection nor a message', async () => {
  const server = await serve({ answer: pong });
  const page = await heartline();
  await page.evaluate((url) => dial(url, { ...PINGS, minDialGap: 250 }), server.url);
  await page.until(() => socket.readyState === 1);
  for (let nth = 0; nth < 100; nth++) {
    await page.offline(nth % 2 === 0);
    await page.evaluate((nth) => post(`${nth}`), nth);
  }
  await server.until('all messages', ({ received }) => received.filter((text) => text !== 'ping').length === 100);
  assert.deepEqual(server.received.filter((text) => text !== 'ping'), Array.from({ length: 100 }, (_, nth) => `${nth}`));
  assert.deepEqual(await page.evaluate(() => saw('disconnect', 'error', 'close')), []);
  assert.equal(server.dials, 1);
});
