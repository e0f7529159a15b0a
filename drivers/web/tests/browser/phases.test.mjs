// The worst moment: a server killed, a page frozen or put away while it dials, greets, is open, waits or closes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silence } from '../chromium/index.mjs';
import { bed } from './bed.mjs';

const { ending, heartline, server: serve } = bed();

const PROGRAM = fileURLToPath(new URL('./served.mjs', import.meta.url));

/** A server in a process. `upgrade` is that of `SocketServer`; `mute` accepts and answers nothing. */
async function program(upgrade, port = 0) {
  const child = spawn(process.execPath, [PROGRAM, port, upgrade], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  const server = {
    async close() {
      child.kill('SIGKILL');
      await gone;
    },
  };
  ending(server);
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return Object.assign(server, { port: Number(line), url: `ws://127.0.0.1:${Number(line)}/` });
}

/** A socket that says hello on each connection, and counts how often it was welcomed. */
const greets = (url, options = {}) => {
  globalThis.welcomes = 0;
  dial(url, {
    backoff: SOON, closeTimeout: 60_000, connectTimeout: 60_000, greetingTimeout: 60_000,
    ack: (data) => (data.startsWith('ack ') ? Number(data.slice(4)) : undefined),
    encode: (data, { id }) => data.replace('ID', id),
    async greeting(link) {
      void link.send('hello');
      if ((await link.receive()) === 'welcome') welcomes += 1;
    },
    ...options,
  });
};

const isIn = (page, state) => page.until((state) => socket.state === state, state);

/** The first connection in this state; the messages of an open one are not answered. */
async function reach(state, page) {
  const upgrade = { connecting: 'hold', greeting: 'mute', open: 'accept' }[state];
  const server = await program(upgrade);
  await page.evaluate(greets, server.url);
  await isIn(page, state);
  return server;
}

for (const state of ['connecting', 'greeting', 'open']) {
  test(`a server that is killed while the socket is ${state} is dialled until it is back, and what was queued arrives`, async () => {
    const page = await heartline();
    const server = await reach(state, page);
    await server.close();
    await page.until(() => saw('disconnect').length > 0);
    await page.evaluate(() => post('ack me ID', { atLeastOnce: true }));
    await program('accept', server.port);
    await page.until(() => receipts.length === 1);
    assert.deepEqual(await page.evaluate('receipts'), [['ack me ID', 'acked', null]]);
    const welcomes = await page.evaluate('[welcomes, saw("open").length]');
    assert.deepEqual(welcomes, state === 'open' ? [2, 2] : [1, 1]);
    assert.deepEqual(await page.evaluate(() => [saw('error', 'close'), socket.readyState]), [[], 1]);
  });
}

test('a server that is killed during a close that sends the rest is dialled again for it, and then the end is clean', async () => {
  const page = await heartline();
  const server = await program('mute');
  await page.evaluate(greets, server.url, { greeting: null });
  await isIn(page, 'open');
  await page.evaluate(() => {
    post('ack me ID', { atLeastOnce: true });
    socket.close(1000, 'done', { within: 120_000 });
  });
  assert.equal(await page.evaluate('socket.readyState'), 2);
  await server.close();
  await program('accept', server.port);
  await page.until(() => saw('close').length === 1);
  assert.deepEqual(await page.evaluate('receipts'), [['ack me ID', 'acked', null]]);
  assert.deepEqual(await page.evaluate(() => saw('close', 'error')), [{ type: 'close', code: 1000, reason: 'done', wasClean: true }]);
});

test('a server that is killed during the close handshake ends the socket all the same', async () => {
  const page = await heartline();
  const server = await serve({ answer: silence });
  await page.evaluate((url) => dial(url, { closeTimeout: 600_000, backoff: SOON }), server.url);
  await isIn(page, 'open');
  server.last.pause();
  await page.evaluate(() => socket.close(1000));
  await isIn(page, 'closing');
  server.kill();
  await page.until(() => saw('close').length === 1);
  assert.deepEqual(await page.evaluate('[socket.readyState, dialled.length, saw("disconnect").length]'), [3, 1, 0]);
});

async function frozen(page) {
  await page.hide();
  await page.freeze();
  await page.resume();
}

async function away(page) {
  await page.navigate(page.url.replace('heartline.html', 'elsewhere.html'));
  await page.travel(-1);
  assert.ok(await page.evaluate(() => saw('pageshow').some(({ persisted }) => persisted)), 'it was in the cache');
}

for (const [what, happens] of [['frozen', frozen], ['put into the back-forward cache', away]]) {
  for (const state of ['connecting', 'greeting', 'open']) {
    test(`a page that is ${what} while its socket is ${state} has one connection afterwards`, async () => {
      const server = await serve({ answer: (text) => (text === 'hello' && state === 'open' ? 'welcome' : undefined) });
      if (state === 'connecting') server.upgrade = 'hold';
      const page = await heartline();
      await page.evaluate(greets, server.url);
      await isIn(page, state);
      await page.evaluate(() => post('queued'));
      if (state === 'connecting') await server.until('it has the handshake', ({ handshakes }) => handshakes === 1);
      server.upgrade = 'accept';
      server.answer = (text) => (text === 'hello' ? 'welcome' : undefined);
      await happens(page);
      await page.until((opens) => saw('open').length === opens && socket.readyState === 1, state === 'open' ? 2 : 1);
      await server.until('the queued message is there', ({ received }) => received.includes('queued'));
      await server.until('one connection is open', ({ open }) => open.length === 1);
      assert.equal(await page.evaluate('dialled.length'), 2);
      assert.deepEqual(await page.evaluate(() => saw('error', 'close')), []);
    });
  }

  test(`a page that is ${what} while its socket is closing has told the end once, and does not dial`, async () => {
    const server = await serve({ answer: silence });
    const page = await heartline();
    await page.evaluate((url) => dial(url, { closeTimeout: 600_000, backoff: SOON }), server.url);
    await isIn(page, 'open');
    server.last.pause();
    await page.evaluate(() => socket.close(1000));
    await isIn(page, 'closing');
    await happens(page);
    server.last.resume();
    await page.until(() => saw('close').length === 1);
    assert.deepEqual(await page.evaluate('[socket.readyState, dialled.length]'), [3, 1]);
    assert.equal(server.handshakes, 1);
  });
}

test('a page that waits for a retry when it is put into the back-forward cache dials at once when it is back', async () => {
  const server = await serve();
  await server.stop();
  const page = await heartline();
  await page.evaluate((url) => dial(url, { backoff: RARELY }), server.url);
  await isIn(page, 'waiting');
  await server.listen();
  await away(page);
  await page.until(() => socket.readyState === 1);
  assert.equal(server.handshakes, 1);
});

test('what a page sends as it unloads goes out, up to what lies in the socket', async () => {
  const server = await serve({ answer: silence });
  const page = await heartline();
  await page.evaluate((url) => {
    dial(url);
    // A page that listens for it is not put into the cache.
    addEventListener('unload', () => {});
    addEventListener('pagehide', () => socket.send('good bye'));
  }, server.url);
  await isIn(page, 'open');
  await page.navigate(page.url.replace('heartline.html', 'elsewhere.html'));
  await server.until('the connection is closed', ({ last }) => last.closed);
  assert.deepEqual(server.received, ['good bye']);
  assert.equal(server.last.closed.code, 1001);
});
