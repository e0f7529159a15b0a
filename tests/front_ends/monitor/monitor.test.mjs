// The monitor: a feed of which the page keeps the last three hundred points.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced } from '../../../drivers/web/tests/chromium/index.mjs';
import { Documents } from '../documents.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { Stage } from '../stage.mjs';

const page = {
  folder: 'monitor',
  serve: () => Documents.start('monitor', ['--every', '0']),
  query: (link, heart = 30_000) => ({ server: `127.0.0.1:${link.port}`, heart }),
};
const point = (value) => JSON.stringify({ monitorCPU: [[2000 + value, value]] });
const push = async ({ server }, first, last) => {
  for (let value = first; value <= last; value += 1) await server.push(point(value));
};

everyFrontEnd({
  ...page,
  name: 'monitor',
  words: { live: 'Connected', lost: 'Connection lost.' },
  greeted: ({ received }) => received[0] === '12321',
  push: (server, n) => server.push(point(n)),
  shows: (n) => ['#latest', `${2000 + n}: ${n}.`],
});

async function watching(t, options) {
  const stage = await Stage.set(t, { ...page, ...options });
  await stage.server.until('it has greeted', ({ last }) => last?.received.includes('12321'));
  return stage;
}

test('the chart keeps the last three hundred points, also over a connection that is lost', async (t) => {
  const stage = await watching(t);
  await push(stage, 1, 299);
  await stage.page.sees('#latest', '2299: 299. Points shown: 299, from 2001. Points in all: 299.');
  await push(stage, 300, 310);
  await stage.page.sees('#latest', '2310: 310. Points shown: 300, from 2011. Points in all: 310.');
  await stage.picture('monitor-5-full');
  stage.link.cut();
  await stage.server.until('it has greeted again', ({ last, handshakes }) => handshakes === 2 && last.received.includes('12321'));
  await stage.says('Connected');
  await push(stage, 311, 312);
  await stage.page.sees('#latest', '2312: 312. Points shown: 300, from 2013. Points in all: 312.');
  assert.deepEqual(stage.page.errors, []);
});

test('what is no point is not shown, and what is no JSON is not run as a program', async (t) => {
  const stage = await watching(t);
  await stage.server.push('(window.ran = true, { monitorCPU: [[1, 1]] })');
  await stage.server.push('while (true) { monitorCPU }');
  await stage.server.push('{"monitorCPU":[]}');
  await push(stage, 7, 7);
  await stage.page.sees('#latest', '2007: 7. Points shown: 1, from 2007. Points in all: 1.');
  assert.equal(await stage.page.evaluate('window.ran'), undefined);
  assert.deepEqual(stage.page.errors, []);
});

test('a network that is bad is told before it is given up, and when it is good again', async (t) => {
  const stage = await watching(t, { query: (link) => page.query(link, paced(10_000)) });
  const bad = (hidden) => stage.page.until((wanted) => document.querySelector('#bad').hidden === wanted, hidden);
  await bad(true);
  stage.server.suspend();
  await stage.page.offline(true);
  await stage.page.offline(false); // Another network, perhaps: it asks the server whether it is there.
  await bad(false);
  await stage.says('Connected');
  await stage.picture('monitor-6-bad');
  stage.server.resume();
  await bad(true);
  await stage.server.until('it is the same connection', ({ handshakes }) => handshakes === 1);
});
