// The chat: an id for each connection, {"heart":1} as heartbeat, lines that are delivered once.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { paced } from '../../../drivers/web/tests/chromium/index.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { hotReload } from '../hot_reload.mjs';
import { Stage } from '../stage.mjs';

const HEART = JSON.stringify({ heart: 1 });
const read = (text) => (text.startsWith('{') ? JSON.parse(text) : {});
const page = {
  folder: 'vue_chat/dist',
  answer: (message) => (message === HEART ? HEART : acknowledgement(message)),
  query: (link, timeout = 60_000) => ({ uri: `${link.url}ajaxchattest`, timeout }),
};

function acknowledgement(message) {
  const { number } = read(message);
  return number && JSON.stringify({ ack: number });
}

everyFrontEnd({
  ...page,
  name: 'vue_chat',
  words: { live: 'Connected', lost: 'No connection.' },
  greeted: ({ received }) => received[0] === '{"id":"a1b2c3"}',
  push: (server, n) => server.broadcast(JSON.stringify({ text: `line ${n}` })),
  shows: (n) => ['ol', `line ${n}`],
});

hotReload(page, 'vue_chat', { file: 'src/Chat.vue', before: 'Connected', after: 'Talking' });

const texts = ({ received }) => received.map((text) => read(text).text).filter(Boolean);

async function write({ page }, line) {
  await page.fill('input', line);
  await page.click('form button');
}

test('what is written is marked as delivered once the server says that it has it', async (t) => {
  const stage = await Stage.set(t, { ...page, answer: () => undefined });
  await stage.says('Connected');
  await write(stage, 'Hello');
  await stage.page.sees('.mine', 'Hello … waiting');
  await stage.server.until('the line is there', (server) => texts(server).length === 1);
  stage.server.broadcast(acknowledgement(stage.server.last.received.at(-1)));
  await stage.page.sees('.mine', '✓ delivered');
});

test('what is written while there is no server arrives once, when there is one, behind the id and in order', async (t) => {
  const stage = await Stage.set(t, page);
  await stage.says('Connected');
  await stage.server.stop();
  await stage.says('No connection.');
  await write(stage, 'one');
  await write(stage, 'two');
  await stage.page.sees('li:last-child', 'two … waiting');
  await stage.picture('vue_chat-5-waiting');
  await stage.server.listen();
  await stage.page.sees('li:last-child', 'two ✓ delivered');
  await stage.page.sees('li:first-child', 'one ✓ delivered');
  await stage.picture('vue_chat-6-delivered');
  assert.equal(stage.server.last.received[0], '{"id":"a1b2c3"}');
  assert.deepEqual(texts(stage.server), ['one', 'two']);
});

// Most of the time each waits.
describe('heartbeats', { concurrency: true }, () => {
  test('a line that a dead link swallowed is sent again, and arrives', async (t) => {
    const stage = await Stage.set(t, { ...page, query: (link) => page.query(link, paced(2000)) });
    await stage.says('Connected');
    stage.link.silence();
    await write(stage, 'Is anybody there?');
    await stage.says('No connection.');
    await stage.page.sees('.mine', '… waiting');
    stage.link.heal();
    await stage.page.sees('.mine', '✓ delivered');
    assert.deepEqual(texts(stage.server), ['Is anybody there?']);
  });

  test('what is no JSON is told, and neither it nor what comes after it ends the connection', async (t) => {
    const stage = await Stage.set(t, { ...page, query: (link) => page.query(link, paced(3000)) });
    await stage.says('Connected');
    for (const message of ['{"text":', 'pong', 'null', '[]', Buffer.from([1, 2])]) stage.server.broadcast(message);
    await stage.page.sees('.unreadable', 'Messages that could not be read: 5.');
    const hearts = ({ received }) => received.filter((text) => text === HEART).length;
    await stage.server.until('two heartbeats more', (server) => hearts(server) >= 2);
    stage.server.broadcast(JSON.stringify({ text: 'still here' }));
    await stage.page.sees('ol', 'still here');
    await stage.page.sees('.unreadable', 'Messages that could not be read: 5.');
    assert.equal(stage.server.handshakes, 1);
    assert.deepEqual(stage.page.errors, []);
  });

  test('two on one page have a heartbeat each', async (t) => {
    const stage = await Stage.set(t, { ...page, query: (link) => ({ ...page.query(link, paced(3000)), chats: 2 }) });
    const beats = ({ received }) => received.filter((text) => text === HEART).length;
    await stage.server.until('two heartbeats of both', ({ open }) => open.length === 2 && open.every((each) => beats(each) >= 2));
    await stage.page.click('#toggle');
    await stage.server.until('both have hung up', ({ open }) => open.length === 0);
    assert.equal(stage.server.handshakes, 2);
  });
});

test('a list that is longer than its window shows its end', async (t) => {
  const stage = await Stage.set(t, page);
  await stage.says('Connected');
  for (let n = 1; n <= 120; n += 1) stage.server.broadcast(JSON.stringify({ text: `line ${n}` }));
  await stage.page.sees('li:last-child', 'line 120');
  assert.equal(await stage.page.evaluate(() => document.querySelectorAll('li').length), 100);
  await stage.page.until(() => {
    const window = document.querySelector('.lines').getBoundingClientRect();
    const { bottom } = document.querySelector('li:last-child').getBoundingClientRect();
    return bottom > window.top && bottom <= window.bottom + 1;
  });
  await stage.picture('vue_chat-8-long', { width: 360, height: 640 });
});

test('locked, it does not connect again until its user wants it', async (t) => {
  const stage = await Stage.set(t, { ...page, query: (link) => ({ ...page.query(link), lock: '' }) });
  await stage.says('Connected');
  stage.server.kill();
  await stage.says('Disconnected.');
  await stage.picture('vue_chat-7-locked');
  await stage.page.until(() => window.waitingTimers.size === 0);
  await stage.page.offline(true);
  await stage.page.offline(false);
  await stage.page.hide();
  await stage.page.show();
  assert.equal(stage.server.handshakes, 1);
  await stage.page.click('[role=status] button');
  await stage.says('Connected');
  assert.equal(stage.server.handshakes, 2);
});

test('with a limit of retries it stops at that many', async (t) => {
  const stage = await Stage.set(t, { ...page, query: (link) => ({ ...page.query(link), max: 2 }) });
  await stage.says('Connected');
  stage.server.upgrade = 503;
  stage.server.kill();
  await stage.says('Disconnected.');
  assert.equal(stage.server.handshakes, 3);
});
