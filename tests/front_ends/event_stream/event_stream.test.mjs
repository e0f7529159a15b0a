// The event stream: points by an EventSource, and beside it a socket, which talks and finds the link dead for both.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced, until } from '../../../drivers/web/tests/chromium/index.mjs';
import { Documents } from '../documents.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { Stage } from '../stage.mjs';

const page = {
  folder: 'event_stream',
  serve: () => Documents.start('all', ['--every', '0']),
  query: (link, heart = 30_000) => ({ server: `127.0.0.1:${link.port}`, heart }),
};
const push = (server, data) => server.push(data, 'events');
const lines = ({ page }) => page.evaluate(() => [...document.querySelectorAll('li')].map((line) => line.textContent));
const streams = (server, expected) => until('the streams', async () => {
  const opened = await server.logOf('events');
  return opened.join() === expected.map((last) => `opened after ${last}`).join();
});

everyFrontEnd({
  ...page,
  name: 'event_stream',
  words: { live: 'Connected', lost: 'Connection lost.' },
  greeted: () => true,
  push: (server, n) => push(server, `message ${n}`),
  shows: (n) => ['ol', `point: message ${n}`],
});

async function showing(t, ...args) {
  const stage = await Stage.set(t, { ...page, query: (link) => page.query(link, ...args) });
  await push(stage.server, 'one');
  await stage.page.sees('ol', 'point: one');
  return stage;
}

test('a stream that ends goes on after the last point, and the socket beside it lives', async (t) => {
  const stage = await showing(t);
  await stage.server.closeAll(1000, '', 'events');
  await push(stage.server, 'two');
  await stage.page.sees('ol', 'point: two');
  await stage.server.closeAll(1000, '', 'events');
  await push(stage.server, 'three');
  await stage.page.sees('ol', 'point: three');
  assert.deepEqual(await lines(stage), ['point: one', 'point: two', 'point: three']);
  await streams(stage.server, [0, 1, 2]);
  await stage.server.until('it is the same connection', ({ handshakes, open }) => handshakes === 1 && open.length === 1);
});

test('points that come while the link is dead are shown once, in order, when there is another', async (t) => {
  const stage = await showing(t, paced(2000));
  stage.link.silence();
  await push(stage.server, 'two');
  await push(stage.server, 'three');
  await stage.says('Connection lost.');
  stage.link.heal();
  await stage.page.sees('ol', 'point: three');
  assert.deepEqual(await lines(stage), ['point: one', 'point: two', 'point: three']);
  await streams(stage.server, [0, 1]);
});

test('a server that begins anew with its numbers leaves no point out', async (t) => {
  const stage = await showing(t);
  await stage.server.stop();
  await stage.server.listen();
  for (const data of ['two', 'three']) await push(stage.server, data);
  await stage.page.sees('ol', 'point: three');
  assert.deepEqual(await lines(stage), ['point: one', 'point: two', 'point: three']);
});

test('what one page says all hear by the socket, and the points come to each by its stream', async (t) => {
  const stage = await showing(t);
  const other = await stage.page.tab(stage.page.url);
  await other.sees('ol', 'point: one');
  await other.fill('#text', 'hello');
  await other.click('form button');
  await other.sees('ol', 'said: hello');
  await stage.page.sees('ol', 'said: hello');
  assert.deepEqual(await lines(stage), ['point: one', 'said: hello']);
});

test('a page that has hung up has no stream', async (t) => {
  const stage = await showing(t);
  await stage.page.click('#toggle');
  await stage.server.until('the page has hung up', ({ last }) => last.closed !== null);
  await stage.server.closeAll(1000, '', 'events'); // An EventSource that is left would dial.
  await push(stage.server, 'two');
  await stage.page.click('#toggle');
  await stage.page.sees('ol', 'point: two');
  await streams(stage.server, [0, 1]);
});
