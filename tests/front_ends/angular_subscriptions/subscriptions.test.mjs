// The services: subscriptions by name, HEART_BEAT at a steady pace to a server that never answers it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced } from '../../../drivers/web/tests/chromium/index.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { Stage } from '../stage.mjs';

const HEART = JSON.stringify({ type: 'HEART_BEAT', service: '业务' });
const said = (type, service) => JSON.stringify({ type, service });
const data = (service, data) => JSON.stringify({ service, data });
const BOTH = [said('sub', '业务1'), said('sub', '业务2')];
const page = {
  folder: 'angular_subscriptions/dist',
  answer: () => undefined,
  query: (link, interval = 30_000) => ({ url: `${link.url}subscribeWebSocket/`, interval }),
};

everyFrontEnd({
  ...page,
  name: 'angular_subscriptions',
  // A verdict needs a server that says something.
  answer: (message) => (message === HEART ? data('业务', 'alive') : undefined),
  query: (link, heart) => ({ ...page.query(link, heart), timeout: heart }),
  words: { live: 'Connected', lost: 'No connection' },
  greeted: ({ received }) => BOTH.every((subscription, at) => received[at] === subscription),
  push: (server, n) => server.broadcast(data('业务1', `value ${n}`)),
  shows: (n) => ['#first', `value ${n}`],
});

const subscriptions = ({ received }) => received.filter((text) => text !== HEART);

async function opened(t, settings = {}) {
  const stage = await Stage.set(t, { ...page, ...settings });
  await stage.says('Connected');
  await stage.server.until('both are subscribed', ({ last }) => subscriptions(last).length === 2);
  return stage;
}

test('each part of the page gets the data of its own service, and both parts of one service get it', async (t) => {
  const stage = await opened(t);
  stage.server.broadcast(data('业务1', 'apples'));
  stage.server.broadcast(data('业务2', 'pears'));
  stage.server.broadcast(data('业务3', 'plums'));
  stage.server.broadcast(data('业务2', 'more pears'));
  await stage.page.sees('#other', 'more pears');
  assert.match(await stage.page.text('#first'), /apples\s+messages: 1/);
  assert.match(await stage.page.text('#again'), /apples\s+messages: 1/);
  assert.match(await stage.page.text('#other'), /more pears\s+messages: 2/);
  assert.deepEqual(subscriptions(stage.server.last), BOTH);
});

test('who unsubscribes gets nothing more, the others go on, and the next connection begins without it', async (t) => {
  const stage = await opened(t);
  await stage.page.click('#second');
  await stage.server.until('it is told', ({ last }) => last.received.includes(said('unsub', '业务2')));
  stage.server.broadcast(data('业务2', 'late pears'));
  stage.server.broadcast(data('业务1', 'apples'));
  await stage.page.sees('#again', 'apples');
  stage.server.kill();
  await stage.server.until('a second connection', ({ last, connections }) => connections.length === 2 && last.received.length > 0);
  await stage.says('Connected');
  assert.deepEqual(subscriptions(stage.server.last), [said('sub', '业务1')]);
  await stage.page.click('#second');
  await stage.server.until('it is subscribed again', ({ last }) => last.received.includes(said('sub', '业务2')));
  stage.server.broadcast(data('业务2', 'new pears'));
  await stage.page.sees('#other', 'new pears');
  assert.deepEqual(stage.page.errors, []);
});

test('who subscribes while there is no connection is subscribed once, with the next one', async (t) => {
  const stage = await opened(t);
  await stage.page.click('#second');
  await stage.server.stop();
  await stage.says('No connection');
  await stage.page.click('#second');
  await stage.server.listen();
  await stage.says('Connected');
  await stage.server.until('both are subscribed', ({ last }) => subscriptions(last).length === 2);
  stage.server.broadcast(data('业务2', 'pears'));
  await stage.page.sees('#other', 'pears');
  assert.deepEqual(subscriptions(stage.server.last), BOTH);
});

test('a server that never answers and pushes nothing keeps its client, heartbeat after heartbeat', async (t) => {
  const stage = await opened(t, { query: (link) => page.query(link, 200) });
  await stage.server.until('ten heartbeats', ({ received }) => received.filter((text) => text === HEART).length >= 10);
  assert.deepEqual(stage.server.last.received.slice(0, 2), BOTH);
  assert.equal(stage.server.handshakes, 1);
  stage.server.broadcast(data('业务1', 'at last'));
  await stage.page.sees('#first', 'at last');
});

test('where the server is known to push, its silence is found, without an answer to any heartbeat', async (t) => {
  const stage = await opened(t, { query: (link) => ({ ...page.query(link, paced(2000)), timeout: paced(2000) }) });
  const pushing = setInterval(() => stage.server.broadcast(data('业务1', 'tick')), 200);
  t.after(() => clearInterval(pushing));
  const hearts = ({ received }) => received.filter((text) => text === HEART).length;
  await stage.server.until('two heartbeats', (server) => hearts(server) >= 2);
  assert.equal(stage.server.handshakes, 1);
  stage.link.silence();
  await stage.says('No connection');
  stage.link.heal();
  await stage.says('Connected');
});

test('what is no JSON, or no data, is told and changes nothing else', async (t) => {
  const stage = await opened(t);
  for (const message of ['{"service":', 'pong', 'null', Buffer.from([1, 2])]) stage.server.broadcast(message);
  await stage.page.sees('.unreadable', 'Messages that could not be read: 4.');
  stage.server.broadcast(data('业务1', 'apples'));
  await stage.page.sees('#first', 'apples');
  await stage.picture('angular_subscriptions-5-unreadable');
  assert.equal(stage.server.handshakes, 1);
  assert.deepEqual(stage.page.errors, []);
});
