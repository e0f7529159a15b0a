// What the users of every front end see before, during and after a fault.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { paced, pause, until } from '../../drivers/web/tests/chromium/index.mjs';
import { Stage } from './stage.mjs';

/** Milliseconds of a heartbeat: whose link lives throughout, and whose link dies and is replaced. */
const LIVES = paced(3000);
const DIES = paced(2000);

/** Milliseconds: both limits of such a heartbeat, and more than the tolerance for late timers, which is 5 s. */
const sleep = (heart) => 2 * heart + 6000;

/**
 * Registers the tests of a front end: its `name`, the `folder` of its page, `query(link, heart)` for the page's address with a
 * heartbeat of that many milliseconds, the server's `answer` or how to `serve`, whether a connection was `greeted`, `push(server, n)` and
 * where the page then shows it, `shows(n)`; what its status line says: `live`, `lost`.
 */
export function everyFrontEnd(frontEnd) {
  // Most of the time each waits.
  describe(`every front end: ${frontEnd.name}`, { concurrency: 3 }, () => tests(frontEnd));
}

function tests(frontEnd) {
  const { live, lost } = frontEnd.words;

  async function opened(t, heart = 30_000, options = {}) {
    const stage = await Stage.set(t, { ...frontEnd, ...options, query: (link) => frontEnd.query(link, heart) });
    await works(stage, 1);
    return stage;
  }

  // The page says that it is connected, its server knows who it is, and what the server pushes is shown.
  async function works(stage, n) {
    await stage.says(live);
    await stage.server.until('the page is connected and has greeted', ({ last }) => last?.open && frontEnd.greeted(last));
    await frontEnd.push(stage.server, n);
    await stage.page.sees(...frontEnd.shows(n));
    assert.deepEqual(stage.page.errors, []);
  }

  test('it tells of a server that is killed, keeps what it has shown, and is back with the server', async (t) => {
    const stage = await opened(t);
    await stage.picture(`${frontEnd.name}-1-live`);
    await stage.server.stop();
    await stage.says(lost);
    await stage.says('Next try at');
    await stage.page.sees(...frontEnd.shows(1));
    await stage.picture(`${frontEnd.name}-2-lost`);
    await stage.picture(`${frontEnd.name}-2-narrow`, { width: 360, height: 640 });
    await stage.server.listen();
    await works(stage, 2);
    await stage.picture(`${frontEnd.name}-3-back`);
  });

  test('each loss is followed by one connection, time after time', async (t) => {
    const stage = await opened(t);
    for (const n of [2, 3]) {
      await stage.server.stop();
      await stage.server.listen();
      await stage.server.until('the page has dialled', ({ handshakes }) => handshakes === n);
      await works(stage, n);
    }
    await stage.page.click('#toggle');
    await nothingIsLeft(stage, 3);
  });

  test('it finds a link that is dead without a word, and a new one when there is one', async (t) => {
    const stage = await opened(t, DIES);
    stage.link.silence();
    await stage.says(lost);
    stage.link.heal();
    await works(stage, 2);
  });

  test('a page that was hidden while its server restarted is back in front of its user', async (t) => {
    const stage = await opened(t);
    await stage.page.hide();
    await stage.server.stop();
    await stage.server.listen();
    await stage.page.show();
    await works(stage, 2);
  });

  test('a page that was hidden while its link died without a word is back in front of its user', async (t) => {
    const stage = await opened(t, DIES);
    await stage.page.hide();
    stage.link.silence();
    await stage.page.show();
    await stage.says(lost);
    stage.link.heal();
    await works(stage, 2);
  });

  test('a page that was frozen is back', async (t) => {
    const stage = await opened(t);
    await stage.page.hide();
    await stage.page.freeze();
    stage.link.cut();
    await stage.page.resume();
    await stage.page.show();
    await works(stage, 2);
  });

  test('after a sleep of the computer a link that lives goes on', async (t) => {
    const stage = await opened(t, LIVES, { alone: true });
    stage.browser.suspend();
    await pause(sleep(LIVES));
    stage.browser.resume();
    await works(stage, 2);
    assert.equal(stage.server.handshakes, 1);
  });

  test('after a sleep of the computer a link that died meanwhile is replaced', async (t) => {
    const stage = await opened(t, DIES, { alone: true });
    stage.browser.suspend();
    stage.link.silence();
    await pause(sleep(DIES));
    stage.browser.resume();
    await stage.says(lost);
    stage.link.heal();
    await works(stage, 2);
  });

  test('without a network it says so and waits, and is back with the network', async (t) => {
    const stage = await opened(t, DIES); // Such a link may end without a word.
    await stage.page.offline(true);
    stage.link.cut();
    await stage.says('This computer is offline.');
    await stage.picture(`${frontEnd.name}-4-offline`);
    await stage.page.offline(false);
    await works(stage, 2);
  });

  test('who goes back in the history finds it at work', async (t) => {
    const stage = await opened(t);
    await stage.page.navigate(stage.files.url('/elsewhere.html'));
    await stage.page.travel(-1);
    await works(stage, 2);
  });

  test('loaded anew it has one connection', async (t) => {
    const stage = await opened(t);
    await stage.page.reload();
    await stage.server.until('the page of before has hung up', ({ connections }) => connections.length === 2 && !connections[0].open);
    await works(stage, 2);
  });

  // What makes a socket dial or probe at once.
  async function rouse({ page }) {
    await page.offline(true);
    await page.offline(false);
    await page.hide();
    await page.show();
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  }

  async function nothingIsLeft(stage, handshakes) {
    await rouse(stage);
    await stage.page.until(() => window.waitingTimers.size === 0);
    await stage.server.until('nobody else has come', (server) => server.handshakes === handshakes);
    assert.deepEqual(stage.page.errors, []);
  }

  test('once unmounted it has hung up and dials no more; mounted again it has one connection', async (t) => {
    const stage = await opened(t);
    const { handshakes } = stage.server;
    await stage.page.click('#toggle');
    await stage.server.until('the page has hung up', ({ last }) => last.closed !== null);
    assert.notEqual(stage.server.last.closed.code, 1006);
    await nothingIsLeft(stage, handshakes);
    await stage.page.click('#toggle');
    await works(stage, 2);
  });

  test('unmounted while it dials, it dials no more', async (t) => {
    const stage = await opened(t);
    await stage.page.click('#toggle');
    stage.link.silence();
    await stage.page.click('#toggle');
    await until('the page dials', () => stage.link.unanswered === 1);
    await stage.page.click('#toggle');
    stage.link.heal();
    await nothingIsLeft(stage, 1);
  });

  test('unmounted while it waits for the next dial, it dials no more', async (t) => {
    const stage = await opened(t);
    await stage.server.stop();
    await stage.says(lost);
    await stage.page.click('#toggle');
    const { handshakes } = stage.server;
    await stage.server.listen();
    await nothingIsLeft(stage, handshakes);
  });
}
