// Named events: what socket.io's client does for the document, as CustomEvents.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Documents } from '../documents.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { Stage } from '../stage.mjs';

const ping = 500;
const page = {
  folder: 'named_events',
  serve: () => Documents.start('socket_io', ['--ping', `${ping}`]),
  query: (link, heart = 30_000) => ({ server: `127.0.0.1:${link.port}`, silence: Math.max(heart, 4 * ping) }),
};
const told = (data) => `42${JSON.stringify(['自定义事件2', data])}`;

everyFrontEnd({
  ...page,
  name: 'named_events',
  words: { live: 'Connected', lost: 'Connection lost.' },
  greeted: ({ received }) => received[0] === '40',
  push: (server, n) => server.push(told(`message ${n}`)),
  shows: (n) => ['ol', `told to all: message ${n}`],
});

const emit = async (stage, text) => {
  await stage.page.fill('#text', text);
  await stage.page.click('form button');
};

test('what one page emits is answered to it and told to all, each listener hearing its own event', async (t) => {
  const stage = await Stage.set(t, page);
  await stage.says('Connected');
  const other = await stage.page.tab(stage.page.url);
  await other.sees('[role=status]', 'Connected');
  await emit(stage, 'hello');
  await stage.page.sees('ol', 'told to all: hello');
  await other.sees('ol', 'told to all: hello');
  assert.equal(await stage.page.text('ol'), 'answered: hello\ntold to all: hello');
  assert.equal(await other.text('ol'), 'told to all: hello');
});

test('the pings of the server are answered, and are nobody\'s event', async (t) => {
  const stage = await Stage.set(t, page);
  await stage.server.until('three answers', ({ last }) => last?.received.filter((text) => text === '3').length >= 3);
  assert.equal(await stage.page.text('ol'), '');
  await stage.server.until('one connection', ({ handshakes }) => handshakes === 1);
});

test('what is emitted without a connection arrives after the greeting of the next', async (t) => {
  const stage = await Stage.set(t, page);
  await stage.says('Connected');
  await stage.server.stop();
  await stage.says('Connection lost.');
  await emit(stage, 'later');
  await stage.server.listen();
  await stage.page.sees('ol', 'told to all: later');
  await stage.server.until('it came second', ({ last }) => last.received[0] === '40' && last.received[1].includes('later'));
});
