// A page has no ping frames: a text and its answer, or listening.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced, pause, pong, silence } from '../chromium/index.mjs';
import { bed } from './bed.mjs';

const { heartline, server: serve, link: through } = bed();

const fast = (url, timeout) => dial(url, {
  backoff: SOON, ping: 'ping', isPong: (data) => data === 'pong', heartbeat: { interval: 200, timeout, slowAfter: 500 },
});

test('a text ping is answered, and neither shows as a message', async () => {
  const server = await serve({ answer: pong });
  const page = await heartline();
  await page.evaluate(fast, server.url, paced(10_000));
  await server.until('it was pinged three times', ({ received }) => received.length >= 3);
  await page.until(() => socket.rtt !== null);
  assert.deepEqual([...new Set(server.received)], ['ping']);
  assert.deepEqual(await page.evaluate(() => saw('message', 'disconnect')), []);
  assert.equal(server.connections.length, 1);
});

test('a ping that carries its number has its answer recognised by it', async () => {
  const server = await serve({ answer: (text) => text.replace('ping', 'pong') });
  const page = await heartline();
  await page.evaluate((url, timeout) => dial(url, {
    ping: (token) => JSON.stringify(['ping', token]),
    isPong: (data) => data.startsWith('["pong"') && JSON.parse(data)[1],
    heartbeat: { interval: 100, timeout },
  }), server.url, paced(10_000));
  await page.until(() => socket.stats.pongs >= 2);
  assert.deepEqual(await page.evaluate(() => saw('message')), []);
  assert.equal(new Set(server.received).size, server.received.length);
});

test('a link that falls silent is degraded, found dead and replaced', async () => {
  const server = await serve({ answer: pong });
  const link = await through(server);
  const page = await heartline();
  await page.evaluate(fast, link.url, paced(2000));
  await page.until(() => socket.stats.pongs >= 1);
  link.silence();
  await page.until(() => saw('disconnect').length > 0);
  link.heal();
  await page.until(() => saw('open').length > 1);
  const told = await page.evaluate(() => saw('degraded', 'recovered', 'disconnect'));
  const death = told.findIndex(({ type }) => type === 'disconnect');
  assert.deepEqual(told.slice(death - 1, death + 1), [
    { type: 'degraded' },
    { type: 'disconnect', code: 1006, reason: '', wasClean: false, loss: { kind: 'heartbeat-timeout', code: null } },
  ]);
});

test('with listen nothing is pinged, a server that speaks is alive, and one that is silent is dead', async () => {
  const server = await serve({ answer: silence });
  const page = await heartline();
  const listen = paced(2000);
  await page.evaluate((url, listen) => dial(url, { backoff: SOON, listen }), server.url, listen);
  await page.until(() => socket.readyState === 1);
  const [first] = server.connections;
  const end = performance.now() + 1.5 * listen;
  for (let count = 0; performance.now() < end; count++) {
    first.send(`${count}`);
    await page.until((count) => saw('message').length > count, count);
    await pause(100);
  }
  assert.deepEqual(await page.evaluate(() => saw('disconnect')), []);
  await page.until(() => saw('open').length > 1);
  assert.deepEqual((await page.evaluate(() => saw('disconnect')[0].loss)), { kind: 'heartbeat-timeout', code: null });
  assert.deepEqual(server.received, []);
});
