// What Chromium's own WebSocket says of how connections end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bed } from '../bed.mjs';

const { page: open, server: serve } = bed();

const ended = () => saw('close')[0];

async function dialled(page, url) {
  await page.evaluate((url) => { globalThis.socket = watch(new WebSocket(url)); }, url);
}

const LOST = { type: 'close', code: 1006, reason: '', wasClean: false };

for (const upgrade of [401, 403, 404, 429, 503, 'cut']) {
  test(`a handshake that is answered with ${upgrade} is 1006 to the page, and nothing more`, async () => {
    const server = await serve({ upgrade });
    const page = await open();
    await dialled(page, server.url);
    assert.deepEqual(await page.until(ended), LOST);
    assert.deepEqual(await page.evaluate(() => saw().map(({ type }) => type).filter((type) => type !== 'pageshow')), ['error', 'close']);
    assert.equal(server.handshakes, 1);
  });
}

test('a dial that is refused is 1006 to the page', async () => {
  const server = await serve();
  await server.stop();
  const page = await open();
  await dialled(page, server.url);
  assert.deepEqual(await page.until(ended), LOST);
});

test('a connection that breaks, or brings what is no frame, is 1006 to the page', async () => {
  const server = await serve();
  const page = await open();
  for (const end of [(connection) => connection.kill(), (connection) => connection.garbage()]) {
    await dialled(page, server.url);
    await page.until(() => socket.readyState === 1);
    end(server.last);
    assert.deepEqual(await page.until(ended), LOST);
    await page.evaluate(() => { seen.length = 0; });
  }
});

test('a close frame of the server comes with its code and reason, and is clean', async () => {
  const server = await serve();
  const page = await open();
  for (const code of [1000, 1001, 1011, 1012, 3000, 4401]) {
    await dialled(page, server.url);
    await page.until(() => socket.readyState === 1);
    server.last.close(code, `why ${code}`);
    assert.deepEqual(await page.until(ended), { type: 'close', code, reason: `why ${code}`, wasClean: true });
    await page.evaluate(() => { seen.length = 0; });
  }
});

test('close() takes 1000 and 3000 to 4999, and a reason of 123 bytes', async () => {
  const server = await serve();
  const page = await open();
  await dialled(page, server.url);
  await page.until(() => socket.readyState === 1);
  const thrown = await page.evaluate(() => {
    const attempt = (...args) => {
      try {
        socket.close(...args);
        return null;
      } catch (error) {
        return error.name;
      }
    };
    return [999, 1001, 1005, 1006, 1011, 1012, 2999, 5000].map((code) => attempt(code)).concat(attempt(4000, 'é'.repeat(62)));
  });
  assert.deepEqual(thrown, [...Array(8).fill('InvalidAccessError'), 'SyntaxError']);
  await page.evaluate(() => socket.close(4999, 'x'.repeat(123)));
  await page.until(ended);
  await server.until('it has the close frame', ({ last }) => last.closed);
  assert.deepEqual(server.last.closed, { code: 4999, reason: 'x'.repeat(123) });
});
