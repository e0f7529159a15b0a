// A computer that sleeps: every process of the browser stands still, or only its clock of the day has gone on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced, pause, pong } from '../chromium/index.mjs';
import { bed } from './bed.mjs';

const beds = bed();
const { heartline, server: serve } = beds;

const HEARTBEAT = { interval: 200, timeout: paced(3000), lateTolerance: 500 };

/** Milliseconds: beyond every deadline of the heartbeat. */
const SLEEP = HEARTBEAT.interval + HEARTBEAT.timeout + HEARTBEAT.lateTolerance + 1000;

/** An open socket that pings. */
async function connected() {
  const server = await serve({ answer: pong });
  const page = await heartline();
  await page.evaluate((url, heartbeat) => dial(url, { ...PINGS, heartbeat, backoff: SOON }), server.url, HEARTBEAT);
  await page.until(() => socket.stats.pongs > 0);
  return { page, server };
}

/** All that the browser runs stands still, and meanwhile something may happen. */
async function sleep(meanwhile = () => {}) {
  beds.browser.suspend();
  try {
    meanwhile();
    await pause(SLEEP);
  } finally {
    beds.browser.resume();
  }
}

test('a browser that stood still for longer than every deadline keeps a connection that lives', async () => {
  const { page, server } = await connected();
  const pinged = server.received.length;
  await sleep();
  await server.until('it is pinged again', ({ received }) => received.length > pinged + 2);
  assert.deepEqual(await page.evaluate(() => saw('disconnect')), []);
  assert.equal(server.connections.length, 1);
});

test('one whose connection was ended meanwhile dials again', async () => {
  const { page, server } = await connected();
  await sleep(() => server.kill());
  await page.until(() => saw('open').length === 2 && socket.readyState === 1);
  assert.equal(server.connections.length, 2);
});

test('a clock that jumps by an hour ends no connection that lives', async () => {
  const { page, server } = await connected();
  const pinged = server.received.length;
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
  });
  await server.until('it is pinged again', ({ received }) => received.length > pinged + 2);
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() - 7_200_000;
  });
  const later = server.received.length;
  await server.until('it is pinged after a jump back', ({ received }) => received.length > later + 2);
  assert.deepEqual(await page.evaluate(() => saw('disconnect')), []);
  assert.equal(server.connections.length, 1);
});

test('a message whose time to live passed while the computer slept is not sent', async () => {
  const server = await serve({ answer: pong });
  const page = await heartline();
  await server.stop();
  await page.evaluate((url) => {
    dial(url, { backoff: RARELY });
    post('old news', { ttl: 600_000 });
    post('still true');
  }, server.url);
  await page.until(() => socket.state === 'waiting');
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
  });
  await server.listen();
  await page.evaluate(() => socket.reconnect());
  await page.until(() => receipts.length === 2);
  assert.deepEqual(await page.evaluate('receipts.sort()'), [['old news', 'returned', 'expired'], ['still true', 'transmitted', null]]);
  await server.until('it has the other', ({ received }) => received.length === 1);
  assert.deepEqual(server.received, ['still true']);
});
