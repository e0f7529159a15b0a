// Pages that have been hidden for long: Chromium wakes their timers once a minute. Takes about two minutes, mostly waiting.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PATIENCE, intensiveThrottling, paced, pong, until } from '../chromium/index.mjs';
import { bed } from './bed.mjs';

const { heartline, server: serve, link: through } = bed({ features: [intensiveThrottling(2)], atOnce: true });

/** Timers that are as far apart come from a throttled page. */
const THROTTLED = 20_000;

const within = 120_000 + PATIENCE;

/**
 * A hidden page with a timer of half a second. `still(what, measure, by)` waits until `measure()` has grown by so much while the page
 * answered and the timer never came, `quiet()` for three seconds of that; `wakes(count)` until it has come as often after a long pause.
 */
async function throttled(page) {
  await page.evaluate(() => {
    globalThis.ticks = [performance.now()];
    setInterval(() => ticks.push(performance.now()), 500);
  });
  await page.hide();
  const still = async (what, measure, by) => {
    let [ticks, from] = [0, 0];
    await until(what, async () => {
      const now = await page.evaluate('ticks.length');
      if (now !== ticks) [ticks, from] = [now, measure()];
      return measure() - from >= by;
    }, { within, every: 100 });
  };
  let answers = 0;
  const late = (pause) => ticks.filter((at, index) => index > 0 && at - ticks[index - 1] > pause).length;
  return {
    still,
    quiet: () => still('a throttled timer', () => (answers += 1), 30),
    wakes: (count) => until(`${count} late timers`, async () => await page.evaluate(late, THROTTLED) >= count, { within }),
  };
}

describe('timers once a minute', { concurrency: true }, () => {
  test('Chromium still hands messages to the page meanwhile, and the deadlines are looked at with each', async () => {
    const server = await serve({ answer: pong });
    const page = await heartline();
    const heartbeat = { mode: 'periodic', interval: paced(2000), timeout: paced(2000) };
    await page.evaluate((url, heartbeat) => dial(url, { ...PINGS, heartbeat }), server.url, heartbeat);
    await page.until(() => socket.readyState === 1);
    const { still } = await throttled(page);
    const feed = setInterval(() => server.broadcast('price'), 200);
    try {
      await still('three pings while no timer comes', () => server.received.length, 3);
      assert.equal(server.connections.length, 1);
    } finally {
      clearInterval(feed);
    }
  });

  test('a timer that comes a minute late gives no false verdict', async () => {
    const server = await serve({ answer: pong });
    const page = await heartline();
    // Less than a minute, so that the timers for it come late.
    const heartbeat = { interval: 1000, timeout: paced(5000) };
    await page.evaluate((url, heartbeat) => dial(url, { ...PINGS, heartbeat }), server.url, heartbeat);
    await page.until(() => socket.readyState === 1);
    const { quiet, wakes } = await throttled(page);
    await quiet();
    const sent = server.received.length;
    await wakes(2);
    await server.until('it is still pinged', ({ received }) => received.length > sent);
    assert.deepEqual(await page.evaluate(() => saw('disconnect')), []);
    assert.equal(server.connections.length, 1);
  });

  test('a link that fell silent is found dead as soon as the page is shown', async () => {
    const server = await serve({ answer: pong });
    const link = await through(server);
    const page = await heartline();
    const heartbeat = { interval: 1000, timeout: paced(1000) };
    await page.evaluate((url, heartbeat) => dial(url, { ...PINGS, heartbeat, backoff: SOON }), link.url, heartbeat);
    await page.until(() => socket.readyState === 1);
    const { quiet } = await throttled(page);
    await quiet();
    const { length } = server.connections;
    link.silence();
    link.heal();
    await page.show();
    await server.until('it is dialled again', ({ connections }) => connections.length > length);
    await page.until(() => socket.readyState === 1);
  });
});
