// The module: one connection for the page, events of the window, open_screen at every open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paced, until } from '../../../drivers/web/tests/chromium/index.mjs';
import { Documents } from '../documents.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { Stage } from '../stage.mjs';

const page = {
  folder: 'module',
  serve: () => Documents.start('managers', ['--every', '0']),
  query: (link, heart = 30_000) => ({ server: `127.0.0.1:${link.port}`, heart, user: 'ann', device: 'phone' }),
};
const screen = (n) => JSON.stringify({ event: 'stop_screen', fromUser: `phone ${n}` });

everyFrontEnd({
  ...page,
  name: 'module',
  words: { live: 'Connected', lost: 'Connection lost.' },
  greeted: ({ received }) => received[0] === 'open_screen phone',
  push: (server, n) => server.push(screen(n)),
  shows: (n) => ['ol', `stop_screen from phone ${n}`],
});

const opened = async (t, query = page.query) => {
  const stage = await Stage.set(t, { ...page, query });
  await stage.says('Connected');
  await stage.server.until('it asked for the screen', ({ last }) => last?.received.length === 1);
  return stage;
};

test('it asks for the screen at every open, and only then', async (t) => {
  const stage = await opened(t);
  for (const handshakes of [2, 3]) {
    stage.link.cut();
    await stage.server.until('it is back', (server) => server.handshakes === handshakes && server.last.received.length === 1);
  }
  assert.deepEqual(stage.server.connections.map(({ received }) => received), Array(3).fill(['open_screen phone']));
});

test('the button stops the screen before it hangs up', async (t) => {
  const stage = await opened(t);
  await stage.page.click('#toggle');
  await stage.server.until('it hung up', ({ last }) => last.closed !== null);
  assert.deepEqual(stage.server.last.received, ['open_screen phone', 'stop_screen phone']);
  assert.equal(await stage.page.evaluate(() => document.querySelector('#dialog').hidden), true);
});

test('two listeners hear one event, and after they left none does', async (t) => {
  const stage = await opened(t);
  await stage.server.push(screen(1));
  await stage.page.sees('ol', 'stop_screen from phone 1');
  await stage.page.sees('#count', '2 messages.');
  await stage.page.click('#toggle');
  await stage.page.evaluate((data) => window.dispatchEvent(new CustomEvent('onmessageWS', { detail: { data } })), screen(2));
  await stage.page.click('#toggle');
  await stage.page.sees('#count', '3 messages.');
  assert.equal(await stage.page.text('ol'), 'stop_screen from phone 1');
});

test('a text that is no JSON is skipped, and the next is shown', async (t) => {
  const stage = await opened(t);
  await stage.page.evaluate(() => window.dispatchEvent(new CustomEvent('onmessageWS', { detail: { data: '{"event":' } })));
  await stage.server.push(screen(1));
  await stage.page.sees('ol', 'stop_screen from phone 1');
  assert.deepEqual(stage.page.errors, []);
});

// A phone in the other registry of the server, before the page.
async function device(stage) {
  stage.device = await stage.browser.page(stage.files.url('/elsewhere.html'));
  await stage.device.evaluate((port) => new Promise((resolve) => {
    window.heard = [];
    window.phone = new WebSocket(`ws://127.0.0.1:${port}/goLink/device/phone`);
    window.phone.onmessage = ({ data }) => {
      const { event, fromUser = 'the server' } = JSON.parse(data);
      resolve(window.heard.push(`${event} from ${fromUser}`));
    };
  }), stage.server.port);
}

test('the device hears who opens and who stops its screen, and the page hears the device', async (t) => {
  const stage = await Stage.set(t, { ...page, before: device });
  t.after(() => stage.device.close());
  await stage.says('Connected');
  const heard = () => stage.device.evaluate(() => window.heard);
  await until('the device hears of it', async () => (await heard()).includes('open_screen from ann'));
  await stage.device.evaluate(() => window.phone.send(JSON.stringify({ event: 'stop_screen', to_user: 'ann' })));
  await stage.page.sees('ol', 'stop_screen from phone');
  await stage.page.click('#toggle');
  await until('the device hears of the end', async () => (await heard()).includes('stop_screen from ann'));
  assert.deepEqual(await heard(), ['open from the server', 'open_screen from ann', 'stop_screen from ann']);
});

test('hearts are answered by the server and shown to nobody', async (t) => {
  const stage = await opened(t, (link) => page.query(link, paced(2000)));
  await stage.page.evaluate(() => {
    window.hearts = 0;
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (data) {
      window.hearts += 1;
      send.call(this, data);
    };
  });
  await stage.page.until(() => window.hearts >= 2); // The second is sent once the first is answered.
  assert.equal(await stage.page.text('#count'), '1 messages.');
  await stage.server.until('one connection', ({ handshakes }) => handshakes === 1);
});

test('a second tab of a user takes over, and the first says so and stays away', async (t) => {
  const stage = await opened(t);
  const second = await stage.page.tab(stage.page.url);
  await second.sees('[role=status]', 'Connected');
  await stage.says('Disconnected: replaced by a newer login.');
  assert.equal(await stage.page.text('#toggle'), 'Connect');
  await stage.page.show();
  await stage.picture('module-5-second-tab');
  await stage.server.until('two connections', ({ handshakes, open }) => handshakes === 2 && open.length === 1);
});
