// Texts and binaries both ways, and the only backpressure that a page has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bed } from './bed.mjs';

const { heartline, server: serve } = bed();

const MIB = 2 ** 20;

async function connected(options) {
  const server = await serve(options);
  const page = await heartline();
  await page.evaluate((url) => dial(url, { outbox: { maxBytes: 64 * 2 ** 20 } }), server.url);
  await page.until(() => socket.readyState === 1);
  return { page, server };
}

test('texts go both ways, and their event has the socket as target and the origin of the server', async () => {
  const { page, server } = await connected();
  const event = await page.evaluate(() => new Promise((resolve) => {
    socket.onmessage = (event) => resolve({
      data: event.data, origin: event.origin, isMessage: event instanceof MessageEvent,
      isTarget: event.target === socket, isCurrent: event.currentTarget === socket,
    });
    socket.send('grüße 👋');
  }));
  assert.deepEqual(event, {
    data: 'grüße 👋', origin: server.url.slice(0, -1), isMessage: true, isTarget: true, isCurrent: true,
  });
});

test('Blobs, buffers and views go both ways, as the binaryType says', async () => {
  const { page, server } = await connected();
  const round = (type, kind) => page.evaluate((type, kind) => new Promise((resolve) => {
    const bytes = new Uint8Array([0, 1, 2, 3, 255]);
    const values = { blob: new Blob([bytes]), buffer: bytes.buffer, view: bytes.subarray(1, 4), data: new DataView(bytes.buffer, 3) };
    socket.binaryType = type;
    socket.onmessage = async ({ data }) => {
      const buffer = data instanceof Blob ? await data.arrayBuffer() : data;
      resolve([data.constructor.name, ...new Uint8Array(buffer)]);
    };
    socket.send(values[kind]);
  }), type, kind);
  assert.equal(await page.evaluate('socket.binaryType'), 'blob');
  assert.deepEqual(await round('blob', 'blob'), ['Blob', 0, 1, 2, 3, 255]);
  assert.deepEqual(await round('arraybuffer', 'buffer'), ['ArrayBuffer', 0, 1, 2, 3, 255]);
  assert.deepEqual(await round('arraybuffer', 'blob'), ['ArrayBuffer', 0, 1, 2, 3, 255]);
  assert.deepEqual(await round('blob', 'view'), ['Blob', 1, 2, 3]);
  assert.deepEqual(await round('arraybuffer', 'data'), ['ArrayBuffer', 3, 255]);
  server.last.kill();
  await page.until(() => saw('open').length === 2);
  assert.deepEqual(await round('arraybuffer', 'buffer'), ['ArrayBuffer', 0, 1, 2, 3, 255], 'also after a reconnect');
});

test('what is queued for a later connection is what it was when it was sent', async () => {
  const server = await serve({ upgrade: 'hold' });
  const page = await heartline();
  await page.evaluate((url) => {
    dial(url, { backoff: SOON, connectTimeout: 2000 });
    const bytes = new Uint8Array([7, 7, 7]);
    post(bytes);
    bytes.fill(0);
  }, server.url);
  await server.until('it has the first handshake', ({ handshakes }) => handshakes > 0);
  server.upgrade = 'accept';
  await server.until('the message is there', ({ received }) => received.length === 1);
  assert.ok(server.handshakes > 1, 'by a later connection');
  assert.deepEqual([...server.received[0]], [7, 7, 7]);
});

test('a server that does not read is not fed: what waits is held, counted, and refused when it is too much', async () => {
  const { page, server } = await connected({ answer: () => undefined });
  server.last.pause();
  await page.evaluate((size) => {
    globalThis.block = new Uint8Array(size);
    for (let count = 0; count < 64; count++) post(block.slice());
  }, MIB);
  const [buffered, native] = await page.evaluate('[socket.bufferedAmount, dialled[0].bufferedAmount]');
  assert.ok(native <= 2 * MIB, `${native} bytes lie in the socket`);
  assert.ok(buffered > 16 * MIB && buffered <= 64 * MIB, `${buffered} bytes are held or lie in the socket`);
  await page.evaluate(() => {
    for (let count = 0; count < 64; count++) post(block);
  });
  const refused = await page.until(() => {
    const reasons = receipts.filter(([, outcome]) => outcome === 'refused').map(([, , reason]) => reason);
    return reasons.length > 0 && reasons;
  });
  assert.deepEqual([...new Set(refused)], ['full']);
  server.last.resume();
  await page.until('saw("bufferedamountlow").length === 1 && socket.bufferedAmount === 0');
  assert.equal(await page.evaluate(() => receipts.filter(([, outcome]) => outcome === 'transmitted').length), 128 - refused.length);
  await server.until('all is there', ({ received }) => received.length === 128 - refused.length);
});
