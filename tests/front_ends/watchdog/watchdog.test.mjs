// The watchdog: the page only listens, and tells its user when it reconnects.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { paced, pause } from '../../../drivers/web/tests/chromium/index.mjs';
import { Documents } from '../documents.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { Stage } from '../stage.mjs';

const page = {
  folder: 'watchdog',
  serve: () => Documents.start('ws', ['--every', '200']),
  query: (link, t = 30_000) => ({ server: `127.0.0.1:${link.port}`, t }),
};

everyFrontEnd({
  ...page,
  name: 'watchdog',
  words: { live: 'Connected', lost: 'Connection lost.' },
  greeted: () => true,
  push: (server, n) => server.push(`message ${n}`),
  shows: (n) => ['ol', `message ${n}`],
});

/** The server's period as the page knows it, in ms; it says something every 200 ms. */
const T = paced(2000);
const banner = ({ page }) => page.evaluate(() => !document.querySelector('#banner').hidden);

// Most of the time each waits.
describe('the watch', { concurrency: true }, () => {
  test('silence of twice the time is a dead link: a banner says so until there is another, and nothing is ever sent', async (t) => {
    const stage = await Stage.set(t, { ...page, query: (link) => page.query(link, T) });
    await stage.says('Connected');
    assert.equal(await banner(stage), false);
    stage.server.suspend(); // A process that hangs.
    await stage.page.until(() => !document.querySelector('#banner').hidden);
    await stage.picture('watchdog-5-banner');
    stage.server.resume();
    await stage.says('Connected');
    assert.equal(await banner(stage), false);
    await stage.server.until('both connections are known', ({ connections }) => connections.length >= 2);
    assert.deepEqual(stage.server.connections.flatMap(({ received }) => received), []);
  });

  test('a server that speaks often enough is not left, whatever it says', async (t) => {
    const stage = await Stage.set(t, { ...page, query: (link) => page.query(link, T) });
    await stage.says('Connected');
    await pause(3 * T);
    await stage.server.until('one connection', ({ handshakes }) => handshakes === 1);
  });
});
