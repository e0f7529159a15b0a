// What becomes of a message.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import test from 'node:test';
import { clock, DELAY, make, makeOpen, newest, outcome, peek, receipt, settle } from './fakes.js';

const ack = (data) => (data.startsWith('ack ') ? Number(data.slice(4)) : undefined);
const encode = (data, { id, redelivery }) => `${redelivery ? 'again' : 'first'} ${id} ${data}`;
const idOf = (sent) => Number(sent.split(' ')[1]);

test('on an open connection a message is handed over before send returns', async () => {
  const socket = makeOpen();
  const promise = socket.send('text');
  assert.deepEqual(newest().sent, ['text']);
  const { id, ...rest } = await promise;
  assert.deepEqual(rest, receipt('transmitted'));
  assert(id > 0 && id <= 2 ** 52);
});

test('between connections messages wait, and go out in order before open is told', async () => {
  const socket = make();
  const [one, two] = [socket.send('1'), socket.send('2')];
  assert.equal(await peek(one), undefined);
  let sent;
  socket.onopen = () => (sent = [...newest().sent]);
  newest().accept();
  assert.deepEqual(sent, ['1', '2']);
  assert.deepEqual(await outcome(one), receipt('transmitted'));
  assert((await two).id > (await one).id);
});

test('a full queue refuses, with the reason', async () => {
  const socket = make({ outbox: { maxMessages: 1, maxBytes: 10 } });
  assert.deepEqual(await peek(socket.send('x'.repeat(11))), { ...receipt('refused', 'too-large'), id: null });
  socket.send('first');
  assert.deepEqual(await outcome(socket.send('second')), receipt('refused', 'full'));
});

test('a full queue may let the oldest go', async () => {
  const socket = make({ outbox: { maxMessages: 1, overflow: 'evict-oldest' } });
  const first = socket.send('first');
  socket.send('second');
  assert.deepEqual(await outcome(first), receipt('returned', 'evicted'));
  newest().accept();
  assert.deepEqual(newest().sent, ['second']);
});

test('after its ttl a message is not sent', async () => {
  const socket = make();
  const promise = socket.send('text', { ttl: 1000 });
  await clock.pass(1000);
  assert.deepEqual(await outcome(promise), receipt('returned', 'expired'));
  newest().accept();
  assert.deepEqual(newest().sent, []);
  for (const ttl of [-1, NaN]) assert.throws(() => socket.send('x', { ttl }), RangeError);
  assert.equal((await socket.send('x', { ttl: Infinity })).outcome, 'transmitted');
});

test('a signal cancels a message that waits, and not one that is gone', async () => {
  const socket = make();
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = socket.send('waiting', { signal });
  controller.abort();
  assert.deepEqual(await outcome(waiting), receipt('returned', 'cancelled'));
  assert.deepEqual(await peek(socket.send('never', { signal })), { ...receipt('refused', 'cancelled'), id: null });
  newest().accept();
  const later = new AbortController();
  const sent = socket.send('sent', { signal: later.signal });
  later.abort();
  assert.deepEqual(await outcome(sent), receipt('transmitted'));
  assert.deepEqual(newest().sent, ['sent']);
});

test('a message that has its outcome lets go of its signal', async () => {
  const socket = make();
  const { signal } = new AbortController();
  const sent = socket.send('text', { signal });
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  newest().accept();
  await sent;
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('an at-least-once message is sent again on every connection until it is acknowledged', async () => {
  const socket = makeOpen({ ack, encode });
  const promise = socket.send('text', { atLeastOnce: true });
  const id = idOf(newest().sent[0]);
  assert.deepEqual(newest().sent, [`first ${id} text`]);
  newest().end();
  await clock.pass(DELAY);
  newest().accept();
  assert.deepEqual(newest().sent, [`again ${id} text`]);
  assert.equal(await peek(promise), undefined);
  newest().say(`ack ${id}`);
  assert.deepEqual(await peek(promise), { ...receipt('acked'), id });
  assert(!socket.log.some(([type]) => type === 'message'));
  assert.equal(socket.stats.redeliveries, 1);
});

test('several messages may be acknowledged at once, or by acked', async () => {
  const socket = makeOpen({ ack: (data) => (data === 'all' ? ids : undefined), encode });
  const promises = ['1', '2', '3'].map((data) => socket.send(data, { atLeastOnce: true }));
  const [first, ...ids] = newest().sent.map(idOf);
  newest().say('all');
  assert.deepEqual(await Promise.all(promises.map(outcome)), [undefined, receipt('acked'), receipt('acked')]);
  socket.acked(first);
  assert.deepEqual(await outcome(promises[0]), receipt('acked'));
});

test('a connection on which no acknowledgement comes in time is lost, and too many of those end the message', async () => {
  const socket = makeOpen({ outbox: { ackTimeout: 500, maxLosses: 2 } });
  const kinds = [];
  socket.ondisconnect = ({ loss }) => kinds.push(loss.kind);
  const promise = socket.send('text', { atLeastOnce: true });
  await clock.pass(500);
  await clock.pass(DELAY);
  newest().accept();
  await clock.pass(500);
  assert.deepEqual(kinds, ['ack-timeout', 'ack-timeout']);
  assert.deepEqual(await outcome(promise), receipt('unconfirmed', 'max-losses'));
});

test('what encode throws rejects the message, and only it', async () => {
  const encode = (data) => (data === 'bad' ? JSON.parse('{') : data);
  const socket = makeOpen({ encode });
  assert.deepEqual(await outcome(socket.send('bad')), receipt('returned', 'rejected'));
  assert.deepEqual(await outcome(socket.send('good')), receipt('transmitted'));
  assert.deepEqual(newest().sent, ['good']);
});

test('with encode anything may be sent', () => {
  const socket = makeOpen({ encode: (data, { id }) => JSON.stringify({ id, ...data }), firstId: 7 });
  socket.send({ hello: 'world' });
  assert.deepEqual(newest().sent, ['{"id":7,"hello":"world"}']);
});

test('bytes that wait are those of the call, whatever happens to their buffer', async () => {
  const socket = make();
  const bytes = new Uint8Array([0, 1, 2, 3]);
  socket.send(bytes.buffer);
  socket.send(bytes.subarray(1, 3));
  socket.send(new DataView(bytes.buffer, 2));
  socket.send(new Blob(['blob']));
  bytes.fill(9);
  newest().accept();
  const [buffer, view, data, blob] = newest().sent;
  assert.deepEqual([...new Uint8Array(buffer)], [0, 1, 2, 3]);
  assert.deepEqual([...view], [1, 2]);
  assert.deepEqual([...new Uint8Array(data.buffer, data.byteOffset)], [2, 3]);
  assert.equal(await blob.text(), 'blob');
});

test('bufferedAmount counts what is held, in bytes of UTF-8, of buffers and of Blobs', () => {
  for (const text of ['abc', 'äöü', '€uro', '😀', 'a😀b']) {
    const socket = make();
    socket.send(text);
    assert.equal(socket.bufferedAmount, Buffer.byteLength(text), JSON.stringify(text));
  }
  const socket = make();
  socket.send(new Uint8Array(10).subarray(3));
  socket.send(new ArrayBuffer(5));
  socket.send(new Blob(['12']));
  assert.equal(socket.bufferedAmount, 14);
});

test('bufferedAmount counts what lies in the socket too', () => {
  const socket = makeOpen();
  newest().bufferedAmount = 100;
  assert.equal(socket.bufferedAmount, 100);
});

test('a full socket is not fed, and looked at until it is not full any more', async () => {
  const socket = makeOpen({ highWaterMark: 10 });
  newest().bufferedAmount = 10;
  const promise = socket.send('text');
  await clock.pass(10_000);
  assert.deepEqual(newest().sent, []);
  newest().bufferedAmount = 9;
  await clock.pass(100);
  assert.deepEqual(newest().sent, ['text']);
  assert.deepEqual(await outcome(promise), receipt('transmitted'));
  assert.equal(clock.next, Infinity);
});

test('a socket that empties is looked at soon, one that stands still less and less often', async () => {
  const socket = makeOpen({ highWaterMark: 10 });
  newest().bufferedAmount = 100;
  socket.send('text');
  const pauses = [];
  for (const left of [100, 100, 100, 100, 100, 50, 50, 40, 10, 0]) {
    pauses.push(clock.next);
    newest().bufferedAmount = left;
    await clock.pass(clock.next);
  }
  assert.deepEqual(pauses, [8, 16, 32, 50, 50, 50, 4, 8, 4, 4]);
  assert.deepEqual(newest().sent, ['text']);
});

test('a full socket is looked at when a message comes, for timers of a hidden page are late', () => {
  const socket = makeOpen({ highWaterMark: 10 });
  newest().bufferedAmount = 10;
  socket.send('text');
  newest().bufferedAmount = 0;
  newest().say('tick');
  assert.deepEqual(newest().sent, ['text']);
});

test('bufferedamountlow comes when bufferedAmount falls to its threshold, once', async () => {
  const socket = makeOpen();
  let low = 0;
  socket.onbufferedamountlow = () => low++;
  socket.bufferedAmountLowThreshold = 5;
  newest().bufferedAmount = 20;
  socket.send('text');
  await clock.pass(1000);
  assert.equal(low, 0);
  newest().bufferedAmount = 5;
  await clock.pass(1000);
  assert.equal(low, 1);
  assert.equal(clock.next, Infinity);
  newest().bufferedAmount = 0;
  socket.send('text');
  await clock.pass(1000);
  assert.equal(low, 1);
});

test('no timer runs for a queue that waits for a connection', async () => {
  const socket = makeOpen();
  newest().end();
  await clock.pass(DELAY);
  socket.send('text');
  assert.equal(clock.next, 10_000);
});

test('messages that a listener or encode sends are sent too', () => {
  const socket = makeOpen({ encode: (data) => {
    if (data === '1') socket.send('2');
    return data;
  } });
  socket.onmessage = () => socket.send('1');
  newest().say('go');
  assert.deepEqual(newest().sent, ['1', '2']);
});

test('ids count up from firstId', async () => {
  const socket = makeOpen({ firstId: 41 });
  assert.equal((await socket.send('x')).id, 41);
  assert.equal((await socket.send('x')).id, 42);
});

test('after the policy stopped nothing waits any more, and reconnect starts anew', async () => {
  const socket = makeOpen();
  newest().bufferedAmount = 2 ** 20;
  const promise = socket.send('text');
  newest().end(1008);
  const { outcome, reason } = await promise;
  assert.deepEqual([outcome, reason], ['returned', 'abandoned']);
  assert.deepEqual(await socket.send('late'), { outcome: 'refused', reason: 'closed', id: null });
  assert.equal(socket.bufferedAmount, 4);
  await clock.pass(1000);
  socket.reconnect();
  newest().accept();
  assert.equal(socket.readyState, 1);
  assert.equal((await socket.send('again')).outcome, 'transmitted');
  assert.deepEqual(newest().sent, ['again']);
});

test('what can be read stays true while the memory of the machine grows', () => {
  const socket = make({ outbox: { maxMessages: 2 ** 16 } });
  for (let held = 1; held <= 2 ** 16; held++) {
    socket.send('x');
    assert.equal(socket.bufferedAmount, held);
  }
  socket.close();
});

test('an encode that ends the connection leaves its message for the next', async () => {
  let drops = true;
  const socket = makeOpen({ encode: (data) => {
    if (drops) socket.drop(4000);
    drops = false;
    return data;
  } });
  const promise = socket.send('text');
  assert.deepEqual(newest().sent, []);
  await clock.pass(DELAY);
  newest().accept();
  assert.deepEqual(newest().sent, ['text']);
  assert.deepEqual(await outcome(promise), receipt('transmitted'));
});

test('what encode does to its own message is what becomes of it', async () => {
  const controller = new AbortController();
  const cancelled = make({ encode: (data) => {
    controller.abort();
    return data;
  } });
  const promise = cancelled.send('x', { signal: controller.signal });
  newest().accept();
  assert.deepEqual(await outcome(promise), receipt('returned', 'cancelled'));
  assert.deepEqual(newest().sent, []);
  let first = true;
  const evicting = makeOpen({ outbox: { maxMessages: 1, overflow: 'evict-oldest' }, encode: (data) => {
    if (first) {
      first = false;
      evicting.send('newer');
    }
    return data;
  } });
  assert.deepEqual(await outcome(evicting.send('older')), receipt('returned', 'evicted'));
  assert.deepEqual(newest().sent, ['newer']);
});

test('what is no data goes out as its text, and an empty buffer that was transferred as nothing', async () => {
  const socket = make();
  const { buffer } = new Uint8Array(8);
  structuredClone(buffer, { transfer: [buffer] });
  const receipts = [socket.send(buffer), socket.send(new Uint8Array(0)), socket.send({ byteLength: 3 })];
  newest().accept();
  for (const each of await Promise.all(receipts)) assert.equal(each.outcome, 'transmitted');
  assert.deepEqual(newest().sent.map((data) => data.byteLength ?? data), [0, 0, '[object Object]']);
});
