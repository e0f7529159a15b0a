// Ready states: sending on a button, text and bytes both ways, the sub-protocol, and how it ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Documents } from '../documents.mjs';
import { everyFrontEnd } from '../every_front_end.mjs';
import { Stage } from '../stage.mjs';

const page = {
  folder: 'ready_states',
  serve: () => Documents.start('echo', ['--every', '0']),
  query: (link, heart = 30_000) => ({ server: `127.0.0.1:${link.port}`, heart }),
};

everyFrontEnd({
  ...page,
  name: 'ready_states',
  words: { live: 'Connected', lost: 'Connection lost.' },
  greeted: () => true,
  push: (server, n) => server.push(`message ${n}`),
  shows: (n) => ['ol', `got text message ${n}`],
});

const open = async (t, options) => {
  const stage = await Stage.set(t, { ...page, ...options });
  await stage.page.sees('ol', 'open');
  return stage;
};
const lines = ({ page }) => page.evaluate(() => [...document.querySelectorAll('li')].map((line) => line.textContent));
const reads = async ({ page }, id) => page.text(`#${id}`);

test('it is CONNECTING, OPEN, CLOSING and CLOSED, and CONNECTING while it retries', async (t) => {
  const stage = await Stage.set(t, page);
  await stage.page.sees('#readyState', '1 OPEN');
  assert.equal(await reads(stage, 'protocol'), 'echo-protocol');
  await stage.server.stop();
  await stage.page.sees('#readyState', '0 CONNECTING');
  await stage.server.listen();
  await stage.page.sees('#readyState', '1 OPEN');
  stage.server.suspend();
  await stage.page.click('#toggle');
  assert.equal(await reads(stage, 'readyState'), '2 CLOSING');
  stage.server.resume();
  await stage.page.sees('#readyState', '3 CLOSED');
  await stage.page.sees('ol', 'closed with 1000 "the button", clean');
  await stage.server.until('it knows why', ({ last }) => last.closed?.code === 1000 && last.closed.reason === 'the button');
  await stage.picture('ready_states-5-closed');
  assert.deepEqual(await lines(stage), ['open', 'open', 'closed with 1000 "the button", clean']);
});

for (const [kind, name] of [['blob', 'Blob'], ['arraybuffer', 'ArrayBuffer']]) {
  test(`text and bytes go both ways, as ${name}`, async (t) => {
    const stage = await open(t);
    await stage.page.fill('#binaryType', kind);
    await stage.page.fill('#text', '你好');
    await stage.page.click('#sendText');
    await stage.page.sees('ol', `got ${name} 你好`);
    await stage.page.fill('#text', 'bytes');
    await stage.page.click('#sendBytes');
    await stage.page.sees('ol', `got ${name} bytes`);
    await stage.page.until(() => document.querySelectorAll('li').length === 5);
    assert.deepEqual((await lines(stage)).sort(), [
      `got ${name} bytes`, `got ${name} 你好`, 'got text 发送数据', 'got text 发送数据', 'open',
    ].sort());
    await stage.server.until('it got both', ({ last }) => last.received.length === 2);
    assert.deepEqual(stage.server.last.received, ['你好', 'bytes']);
    await stage.picture(`ready_states-6-${kind}`);
  });
}

test('what is sent without a connection is counted, and sent in order when there is one', async (t) => {
  const stage = await open(t);
  await stage.server.stop();
  await stage.says('Connection lost.');
  for (const text of ['one', 'two', 'three']) {
    await stage.page.fill('#text', text);
    await stage.page.click('#sendText');
  }
  assert.equal(await reads(stage, 'bufferedAmount'), '11 bytes');
  await stage.picture('ready_states-7-buffered');
  await stage.server.listen();
  await stage.page.sees('#bufferedAmount', '0 bytes');
  await stage.server.until('it got all', ({ last }) => last?.received.length === 3);
  assert.deepEqual(stage.server.last.received, ['one', 'two', 'three']);
});

test('while the network is bad, what is sent is counted, and it all arrives in order when the network is good again', async (t) => {
  const stage = await open(t);
  await stage.page.offline(true); // The connection stays, and nothing passes.
  await stage.page.evaluate(() => {
    for (let n = 0; n < 400; n += 1) {
      document.querySelector('#text').value = `${n}`.padStart(1000, '0');
      document.querySelector('#sendText').click();
    }
  });
  await stage.page.until(() => parseInt(document.querySelector('#bufferedAmount').textContent, 10) >= 100_000);
  await stage.picture('ready_states-8-bad');
  await stage.page.offline(false);
  const sent = ({ last }) => last.received.filter((text) => text !== '123456789').map(Number); // Without the ping.
  await stage.server.until('it got all', (server) => sent(server).length === 400);
  assert.deepEqual(sent(stage.server), [...Array(400).keys()]);
  await stage.page.sees('#bufferedAmount', '0 bytes');
  assert.equal(stage.server.handshakes, 1);
});

test('what is sent while it is CLOSING or CLOSED is refused, and that is told', async (t) => {
  const stage = await open(t);
  stage.server.suspend();
  await stage.page.click('#toggle');
  for (const state of ['2 CLOSING', '3 CLOSED']) {
    await stage.page.sees('#readyState', state);
    await stage.page.click('#sendText');
    stage.server.resume();
  }
  await stage.page.until(() => document.querySelectorAll('li').length === 4);
  assert.deepEqual((await lines(stage)).sort(), ['closed with 1000 "the button", clean', 'not sent: closed', 'not sent: closed', 'open']);
  await stage.server.until('it heard nothing', ({ last }) => last.closed?.code === 1000 && last.received.length === 0);
});

test('a server that closes for good is told with code and reason, without an error', async (t) => {
  const stage = await open(t);
  await stage.server.closeAll(4409, 'another tab');
  await stage.page.sees('ol', 'closed with 4409 "another tab", clean');
  assert.deepEqual(await lines(stage), ['open', 'closed with 4409 "another tab", clean']);
  await stage.page.sees('#readyState', '3 CLOSED');
  await stage.server.until('nobody else has come', ({ handshakes }) => handshakes === 1);
  await stage.page.click('#toggle');
  await stage.page.sees('#readyState', '1 OPEN');
});

test('a server that restarts closes with 1012, and is not the end', async (t) => {
  const stage = await open(t);
  await stage.server.closeAll(1012, 'restart');
  await stage.says('Connection lost.');
  await stage.says('Connected');
  assert.deepEqual(await lines(stage), ['open', 'open']);
});

test('tries that come to an end are one error and one close that is not clean', async (t) => {
  const stage = await open(t, { query: (link) => ({ ...page.query(link), tries: 1 }) });
  await stage.server.stop();
  await stage.page.sees('ol', 'closed with 1006 "", not clean');
  assert.deepEqual(await lines(stage), ['open', 'error', 'closed with 1006 "", not clean']);
});

test('a page from elsewhere is not let in, and the browser says no more than 1006', async (t) => {
  const serve = () => Documents.start('echo', ['--every', '0', '--origin', 'http://elsewhere.example']);
  const stage = await Stage.set(t, { ...page, serve, query: (link) => ({ ...page.query(link), tries: 0 }) });
  await stage.page.sees('ol', 'closed with 1006 "", not clean');
  assert.deepEqual(await lines(stage), ['error', 'closed with 1006 "", not clean']);
});

test('an address that makes the constructor throw is told at once', async (t) => {
  const stage = await Stage.set(t, { ...page, query: () => ({ server: '127.0.0.1:99999' }) });
  await stage.page.sees('ol', 'no socket: SyntaxError');
});
