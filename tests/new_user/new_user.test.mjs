// The package as npm packs it, its README's examples word for word, a bundler: the server is killed, and comes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../front_ends/stage.mjs';

const PING = '{"type":"ping"}';
const LOGIN = '{"type":"login","token":"secret"}';

/** Does what the README's server does; everything else is echoed. */
function answer(message) {
  if (message === PING) return '{"type":"pong"}';
  return message === LOGIN ? '{"type":"welcome"}' : `echo: ${message}`;
}

const open = (t, kind) => Stage.set(t, { folder: '../new_user/dist', path: `/${kind}.html`, answer, query: ({ url }) => ({ url }) });

async function comesBack(stage, live, lost) {
  await stage.says(live);
  stage.server.broadcast('before');
  await stage.page.sees('ol', 'before');
  await stage.server.stop();
  await stage.says(lost);
  await stage.server.listen();
  await stage.says(live);
  stage.server.broadcast('after');
  await stage.page.sees('ol', 'before\nafter');
}

test('the first example logs in, says hello, tells that it is lost, logs in again, and ends', async (t) => {
  const stage = await open(t, 'plain');
  await stage.page.sees('ol', 'echo: hello');
  await stage.page.evaluate(() => document.querySelector('ol').replaceChildren());
  await comesBack(stage, 'connected', 'lost (1006)');
  assert.deepEqual(stage.server.connections.map(({ received }) => received), [[LOGIN, 'hello'], [LOGIN]]);
  await stage.page.click('#toggle');
  await stage.says('over (1005)');
  assert.deepEqual(stage.page.errors, []);
});

for (const [kind, name] of [['react', 'the React hook'], ['vue', 'the Vue composable']]) {
  test(`${name} comes back with the server, queues meanwhile, and hangs up when unmounted`, async (t) => {
    const stage = await open(t, kind);
    await comesBack(stage, 'open', 'waiting');
    await stage.server.stop();
    await stage.says('waiting');
    await stage.page.click('#send');
    await stage.server.listen();
    await stage.page.sees('ol', 'echo: hello');
    await stage.page.click('#toggle');
    await stage.server.until('it has hung up', ({ open }) => open.length === 0);
    await stage.page.until(() => window.waitingTimers.size === 0);
    await stage.page.click('#toggle');
    await stage.says('open');
    assert.deepEqual(stage.page.errors, []);
  });
}
