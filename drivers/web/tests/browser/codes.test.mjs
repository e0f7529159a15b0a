// A page sees 1006 of what a handshake was refused with, and cannot send every close code.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bed } from './bed.mjs';

const { heartline, server: serve } = bed();

const closes = (page) => page.until(() => saw('close').length && saw('disconnect', 'error', 'close'));

test('a refused handshake is a loss by 1006, which is retried', async () => {
  const server = await serve({ upgrade: 401 });
  const page = await heartline();
  await page.evaluate((url) => dial(url, { backoff: SOON }), server.url);
  await server.until('it was dialled three times', ({ handshakes }) => handshakes >= 3);
  const lost = await page.evaluate(() => saw('disconnect')[0]);
  assert.deepEqual(lost, { type: 'disconnect', code: 1006, reason: '', wasClean: false, loss: { kind: 'close', code: 1006 } });
  server.upgrade = 'accept';
  await page.until(() => socket.readyState === 1);
  assert.deepEqual(await page.evaluate(() => saw('error', 'close')), []);
});

test('a rule for 1006 decides about refused handshakes', async () => {
  const server = await serve({ upgrade: 503 });
  const page = await heartline();
  await page.evaluate((url) => dial(url, { retry: [{ close: 1006, then: 'stop' }] }), server.url);
  const ends = await closes(page);
  assert.deepEqual(ends.map(({ type }) => type).slice(-2), ['error', 'close']);
  assert.deepEqual(ends.at(-1), { type: 'close', code: 1006, reason: '', wasClean: false });
  assert.equal(await page.evaluate('socket.readyState'), 3);
  assert.equal(server.handshakes, 1);
});

test('a close code that is final ends it, with the code and the reason of the server', async () => {
  const server = await serve();
  const page = await heartline();
  await page.evaluate((url) => dial(url, { backoff: SOON }), server.url);
  await page.until(() => socket.readyState === 1);
  server.last.close(4403, 'not for you');
  const ends = await closes(page);
  assert.deepEqual(ends.at(-1), { type: 'close', code: 4403, reason: 'not for you', wasClean: true });
  assert.deepEqual(ends.filter(({ type }) => type === 'error'), []);
  assert.deepEqual(await page.evaluate('[socket.readyState, socket.state, dialled.length]'), [3, 'closed', 1]);
});

test('a close code that is not final is told as a disconnect, and dialled again', async () => {
  const server = await serve();
  const page = await heartline();
  await page.evaluate((url) => dial(url, { backoff: SOON }), server.url);
  await page.until(() => socket.readyState === 1);
  server.last.close(1001, 'restart');
  await page.until(() => saw('open').length === 2);
  const lost = await page.evaluate(() => saw('disconnect'));
  assert.deepEqual(lost, [{ type: 'disconnect', code: 1001, reason: 'restart', wasClean: true, loss: { kind: 'close', code: 1001 } }]);
  assert.deepEqual(await page.evaluate(() => saw('error', 'close')), []);
});

test('4401 asks the function for the address to renew', async () => {
  const server = await serve();
  const page = await heartline();
  await page.evaluate((url) => {
    globalThis.asked = [];
    dial(({ renew, attempt, lastLoss }) => {
      asked.push({ renew, attempt, code: lastLoss?.code ?? null });
      return `${url}?${asked.length}`;
    }, { backoff: SOON });
  }, server.url);
  await page.until(() => socket.readyState === 1);
  server.last.close(4401, 'expired');
  await server.until('it was dialled again', ({ open, connections }) => connections.length === 2 && open.length === 1);
  assert.deepEqual(await page.evaluate('asked'), [{ renew: false, attempt: 0, code: null }, { renew: true, attempt: 1, code: 4401 }]);
  assert.equal(server.last.path, '/?2');
});

test('close() takes the codes that a WebSocket takes, and the server hears them', async () => {
  const server = await serve();
  const page = await heartline();
  await page.evaluate((url) => dial(url), server.url);
  await page.until(() => socket.readyState === 1);
  const thrown = await page.evaluate(() => [999, 1001, 1005, 1006, 1011, 1012, 2999, 5000].map((code) => {
    try {
      socket.close(code);
      return null;
    } catch (error) {
      return error.name;
    }
  }));
  assert.deepEqual(thrown, Array(8).fill('InvalidAccessError'));
  await page.evaluate(() => socket.close(4999, 'x'.repeat(123)));
  assert.deepEqual((await closes(page)).at(-1), { type: 'close', code: 4999, reason: 'x'.repeat(123), wasClean: true });
  await server.until('it has the close frame', ({ last }) => last.closed);
  assert.deepEqual(server.last.closed, { code: 4999, reason: 'x'.repeat(123) });
});

test('drop() with a code that a page cannot send ends the connection without one, and tells the application', async () => {
  const server = await serve();
  const page = await heartline();
  await page.evaluate((url) => dial(url, { backoff: SOON }), server.url);
  await page.until(() => socket.readyState === 1);
  await page.evaluate(() => socket.drop(1011, 'broken'));
  await page.until(() => saw('open').length === 2);
  const lost = await page.evaluate(() => saw('disconnect'));
  assert.deepEqual(lost, [{ type: 'disconnect', code: 1011, reason: 'broken', wasClean: false, loss: { kind: 'application', code: 1011 } }]);
  await server.until('the first is closed', ({ connections }) => connections[0].closed);
  assert.equal(server.connections[0].closed.code, 1005);
  await page.evaluate(() => socket.drop(4000, 'move'));
  await server.until('the second is closed', ({ connections }) => connections[1].closed);
  assert.deepEqual(server.connections[1].closed, { code: 4000, reason: 'move' });
});

test('what can never be dialled throws at once', async () => {
  const page = await heartline();
  const thrown = await page.evaluate(() => {
    const attempt = (...args) => {
      try {
        new HeartlineSocket(...args);
        return null;
      } catch (error) {
        return [error.name, error instanceof DOMException];
      }
    };
    return [attempt('foo://x'), attempt('ws://h/#part'), attempt('ws://127.0.0.1:9/', ['a', 'a']), attempt('ws://127.0.0.1:9/', ['a b'])];
  });
  assert.deepEqual(thrown, Array(4).fill(['SyntaxError', true]));
});

test('a server that knows none of the subprotocols is 1006, one that chooses is told', async () => {
  const server = await serve({ protocols: ['echo-protocol'] });
  const page = await heartline();
  await page.evaluate((url) => dial(url, { backoff: SOON }, ['other', 'echo-protocol']), server.url);
  await page.until(() => socket.readyState === 1);
  assert.equal(await page.evaluate('socket.protocol'), 'echo-protocol');
  assert.equal(server.last.protocol, 'echo-protocol');
  await page.evaluate((url) => {
    seen.length = 0;
    dial(url, { backoff: RARELY }, ['other']);
  }, server.url);
  assert.equal((await page.until(() => saw('disconnect')[0])).code, 1006);
});
