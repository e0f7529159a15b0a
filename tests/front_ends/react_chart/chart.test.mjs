// The chart: a token from a cookie, an opening message for each connection, H&M as heartbeat.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced } from '../../../drivers/web/tests/chromium/index.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { hotReload } from '../hot_reload.mjs';
import { Stage } from '../stage.mjs';

const OPENING = JSON.stringify({ groupId: 12, projectId: 7 });
const page = {
  folder: 'react_chart/dist/production',
  answer: (message) => (message === 'H&M' ? 'H&M' : undefined),
  query: (link, heart = 30_000) => ({ server: `127.0.0.1:${link.port}`, heart }),
  before: (stage) => logIn(stage, 'first'),
};

everyFrontEnd({
  ...page,
  name: 'react_chart',
  words: { live: 'Live', lost: 'No connection.' },
  greeted: ({ received }) => received[0] === OPENING,
  push: (server, n) => [40, 55, 35, 70, 60, 30 + n].forEach((value) => server.broadcast(String(value))),
  shows: (n) => ['figcaption', `${30 + n} % at`],
});

hotReload(page, 'react_chart', { file: 'src/Chart.tsx', before: 'Live', after: 'Live again' });

const logIn = ({ page, files }, token) => page.devtools.call('Network.setCookie', { name: 'access_token', value: token, url: files.origin });
const logOut = ({ page, files }) => page.devtools.call('Network.deleteCookies', { name: 'access_token', url: files.origin });
const tokens = ({ connections }) => connections.map(({ path }) => path.split('=')[1]);

test('each connection is made with the token of the cookie as it is then', async (t) => {
  const stage = await Stage.set(t, page);
  await stage.says('Live');
  await logIn(stage, 'second');
  stage.server.kill();
  await stage.server.until('a second connection', ({ connections }) => connections.length === 2);
  assert.deepEqual(tokens(stage.server), ['first', 'second']);
});

test('a token that is refused is replaced by a new one, and refused again it is for the user to log in', async (t) => {
  const stage = await Stage.set(t, page);
  await stage.says('Live');
  await logIn(stage, 'second');
  stage.server.last.close(4401, 'expired');
  await stage.server.until('a second connection', ({ connections }) => connections.length === 2);
  await stage.says('Live');
  stage.server.last.close(4401, 'expired');
  await stage.says('Not connected. Your login is not accepted.');
  await stage.picture('react_chart-5-refused');
  await logIn(stage, 'third');
  await stage.page.click('section button');
  await stage.says('Live');
  assert.deepEqual(tokens(stage.server), ['first', 'second', 'third']);
});

test('as long as nobody is logged in there is no connection, and afterwards there is', async (t) => {
  const stage = await Stage.set(t, { ...page, before: () => {} });
  await stage.says('No connection. Nobody is logged in. Next try at');
  await logIn(stage, 'first');
  await stage.says('Live');
  await logOut(stage);
  stage.server.kill();
  await stage.says('No connection. Nobody is logged in. Next try at');
  assert.equal(stage.server.handshakes, 1);
  assert.deepEqual(stage.page.errors, []);
});

test('an address that makes the constructor of WebSocket throw is told, and the page stays', async (t) => {
  const stage = await Stage.set(t, { ...page, query: () => ({ server: '127.0.0.1:99999' }) });
  await stage.says('Not connected. The address is invalid.');
  await stage.picture('react_chart-6-address');
  await stage.page.click('section button');
  await stage.says('Not connected. The address is invalid.');
  await stage.page.click('#toggle');
  assert.deepEqual(stage.page.errors, []);
});

test('the heartbeat is no data, and neither is what is no number', async (t) => {
  const stage = await Stage.set(t, { ...page, query: (link) => page.query(link, paced(3000)) });
  await stage.server.until('two heartbeats', ({ received }) => received.filter((text) => text === 'H&M').length >= 2);
  stage.server.broadcast('{"value":');
  await stage.page.sees('figcaption', 'Messages that were no data: 1.');
  await stage.page.sees('figcaption', 'No data yet.');
  stage.server.broadcast('55');
  await stage.page.sees('figcaption', '55 %');
  assert.equal(stage.server.handshakes, 1);
});

test('a server that is slow to answer is told of, and so is its answer', async (t) => {
  const stage = await Stage.set(t, { ...page, answer: () => undefined });
  await stage.says('Live');
  await stage.page.offline(true);
  await stage.page.offline(false); // Another network, perhaps: it asks the server whether it is there.
  await stage.says('The server does not answer.');
  await stage.picture('react_chart-7-slow');
  stage.server.broadcast('H&M');
  await stage.says('Live');
  assert.equal(stage.server.handshakes, 1);
});

test('React may mount it twice: one connection is left, which has said its opening and is shown', async (t) => {
  const stage = await Stage.set(t, { ...page, folder: 'react_chart/dist/development' });
  await stage.says('Live');
  await stage.server.until('one connection is left', ({ open }) => open.length === 1 && open[0].received[0] === OPENING);
  stage.server.broadcast('9');
  await stage.page.sees('figcaption', '9 %');
  await stage.page.click('#toggle');
  await stage.server.until('none is left', ({ open }) => open.length === 0);
  await stage.page.click('#toggle');
  await stage.says('Live');
  await stage.server.until('one is there', ({ open }) => open.length === 1 && open[0].received[0] === OPENING);
  assert.deepEqual(stage.page.errors, []);
});
