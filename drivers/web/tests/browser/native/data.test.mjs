// What Chromium's own WebSocket does with texts, binaries and a server that does not read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bed } from '../bed.mjs';

const { page: open, server: serve } = bed();

async function connected(options) {
  const server = await serve(options);
  const page = await open();
  await page.evaluate((url) => { globalThis.socket = watch(new WebSocket(url)); }, server.url);
  await page.until(() => socket.readyState === 1);
  return { page, server };
}

test('a binary message is a Blob by default, and an ArrayBuffer when that is asked for', async () => {
  const { page, server } = await connected();
  const came = () => page.until(() => globalThis.got);
  await page.evaluate(() => {
    socket.onmessage = async ({ data }) => {
      const buffer = data instanceof Blob ? await data.arrayBuffer() : data;
      globalThis.got = [data.constructor.name, ...new Uint8Array(buffer)];
    };
    socket.send(new Blob([new Uint8Array([1, 2, 3])]));
  });
  assert.deepEqual(await came(), ['Blob', 1, 2, 3]);
  await page.evaluate(() => {
    globalThis.got = null;
    socket.binaryType = 'arraybuffer';
    socket.send(new Uint8Array([4, 5]).buffer);
  });
  assert.deepEqual(await came(), ['ArrayBuffer', 4, 5]);
  assert.deepEqual(server.received.map((data) => [...data]), [[1, 2, 3], [4, 5]]);
});

test('bufferedAmount grows while a server reads nothing, without an event, and falls when it reads', async () => {
  const { page, server } = await connected({ answer: () => undefined });
  server.last.pause();
  const total = await page.evaluate(() => {
    const block = new Uint8Array(2 ** 20);
    for (let count = 0; count < 32; count++) socket.send(block);
    return 32 * block.length;
  });
  const held = await page.evaluate('socket.bufferedAmount');
  assert.ok(held > total / 4, `${held} of ${total} bytes are held`);
  server.last.resume();
  await page.until('socket.bufferedAmount === 0');
  // At 0 the page has handed over all bytes; the last of them are still on their way.
  await server.until('all is there', ({ received }) => received.length === 32);
});
