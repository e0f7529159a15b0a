// What comes before everything else on a connection.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clock, DELAY, make, newest, outcome, receipt, settle } from './fakes.js';

const login = async (link) => {
  link.send('login');
  if ((await link.receive()) !== 'welcome') throw Object.assign(new Error('refused'), { code: 4403 });
};

test('a greeting comes before what is queued and before open, at each connection', async () => {
  const socket = make({ greeting: login });
  socket.send('queued');
  for (let i = 0; i < 2; i++) {
    newest().accept();
    assert.deepEqual(newest().sent, ['login']);
    assert.equal(socket.readyState, 0);
    assert.equal(socket.state, 'greeting');
    newest().say('welcome');
    await settle();
    assert.deepEqual(newest().sent, i ? ['login'] : ['login', 'queued']);
    assert.equal(socket.readyState, 1);
    newest().end();
    await clock.pass(DELAY);
  }
  assert.deepEqual(socket.log.filter(([type]) => type === 'open' || type === 'message'), [['open', null], ['open', null]]);
});

test('messages that a greeting does not take become events when it is over, in order', async () => {
  let finish;
  const socket = make({ greeting: () => new Promise((resolve) => (finish = resolve)) });
  newest().accept().say('1');
  newest().say('2');
  assert.deepEqual(socket.log, []);
  finish();
  await settle();
  newest().say('3');
  assert.deepEqual(socket.log, [['open', null], ['message', '1'], ['message', '2'], ['message', '3']]);
});

test('a greeting that throws loses the connection, with the code of its error', async () => {
  const socket = make({ greeting: login });
  newest().accept().say('go away');
  await settle();
  assert.deepEqual(newest().closed, [4403, '']);
  assert.deepEqual(socket.log, [['error', null], ['close', 4403]]);
});

test('an error without a code is 1011, which is retried and is told in the event', async () => {
  const socket = make({ greeting: () => { throw new TypeError('a mistake'); } });
  const errors = [];
  socket.ondisconnect = ({ error, code, loss }) => errors.push([error.message, code, loss]);
  newest().accept();
  await settle();
  assert.deepEqual(errors, [['a mistake', 1011, { kind: 'application', code: 1011 }]]);
  assert.deepEqual(newest().closed, [undefined, undefined]);
});

test('a greeting that takes too long loses the connection', async () => {
  const socket = make({ greeting: login, greetingTimeout: 500 });
  newest().accept();
  await clock.pass(500);
  assert.equal(socket.stats.lostToGreetingTimeout, 1);
  assert.equal(socket.state, 'waiting');
});

test('when the connection ends, receive rejects, signal is aborted and send is returned', async () => {
  let link;
  let failure;
  const socket = make({ greeting: async (given) => {
    link ??= given;
    await given.receive().catch((error) => (failure ??= error));
  } });
  newest().accept();
  const { signal } = link;
  newest().end();
  await settle();
  assert.equal(failure.name, 'AbortError');
  assert.equal(signal.aborted, true);
  assert.deepEqual(await outcome(link.send('late')), receipt('refused', 'not-connected'));
  link.drop(4403);
  assert.equal(socket.state, 'waiting');
  await clock.pass(DELAY);
  // Of the connection that follows it knows nothing.
  newest().accept();
  link.drop(4403);
  assert.equal(socket.state, 'greeting');
});

test('close during a greeting is a clean end, whatever the greeting makes of it', async () => {
  const greetings = [
    async (link) => void (await link.receive()),
    async (link) => {
      await link.receive().catch(() => {});
      throw Object.assign(new Error('a mistake'), { code: 4403 });
    },
  ];
  for (const greeting of greetings) {
    for (const end of [(socket) => socket.close(), (socket) => socket.close(4000, 'left'), (socket) => socket.close(1000, '', { within: 100 })]) {
      const socket = make({ greeting });
      newest().accept();
      end(socket);
      await settle();
      const [code = 1005, reason = ''] = newest().closed;
      newest().end(code, reason);
      await settle();
      assert.deepEqual(socket.log, [['close', code]]);
    }
  }
});

test('the link can drop its connection, and knows the protocol and the dial', async () => {
  let protocol;
  const socket = make({ greeting: (link) => {
    ({ protocol } = link);
    assert.deepEqual([link.dial.attempt, link.dial.renew], [0, false]);
    link.drop(4404, 'not here');
  } }, { protocols: ['a'] });
  newest().accept('a');
  await settle();
  assert.equal(protocol, 'a');
  assert.deepEqual(newest().closed, [4404, 'not here']);
  assert.deepEqual(socket.log, [['error', null], ['close', 4404]]);
});

test('after the greeting its link takes no messages any more', async () => {
  let link;
  const socket = make({ greeting: (given) => void (link = given) });
  newest().accept();
  await settle();
  await assert.rejects(link.receive(), { name: 'AbortError' });
  newest().say('text');
  assert.deepEqual(socket.log, [['open', null], ['message', 'text']]);
  link.send('still of this connection');
  assert.deepEqual(newest().sent, ['still of this connection']);
});

test('pongs and acknowledgements are no messages for the greeting', async () => {
  const taken = [];
  const socket = make({
    ping: 'ping', isPong: (data) => data === 'pong', ack: (data) => (data === 'ack' ? [] : undefined),
    greeting: async (link) => void taken.push(await link.receive()),
  });
  newest().accept().say('pong');
  newest().say('ack');
  newest().say('text');
  await settle();
  assert.deepEqual(taken, ['text']);
});

test('more than 1,024 messages that a greeting does not take lose the connection', async () => {
  const socket = make({ greeting: () => new Promise(() => {}) });
  newest().accept();
  for (let i = 0; i < 1024; i++) newest().say('flood');
  assert.equal(socket.state, 'greeting');
  newest().say('flood');
  assert.equal(socket.state, 'waiting');
  assert.deepEqual(socket.log, [['disconnect', 1009], ['retry', 1]]);
});

test('what the greeting sends does not survive its connection', async () => {
  let sent;
  const socket = make({ greeting: (link) => {
    newest().bufferedAmount = 1e6;
    sent = link.send('login');
    return new Promise(() => {});
  } });
  newest().accept();
  assert.deepEqual(newest().sent, []);
  newest().end();
  assert.deepEqual(await outcome(sent), receipt('returned', 'connection-ended'));
});

test('a socket that is closed during its greeting says the rest', async () => {
  const socket = make({ greeting: () => new Promise(() => {}) });
  newest().accept().say('1');
  socket.close();
  await settle();
  newest().say('2');
  newest().end(1005);
  assert.deepEqual(socket.log, [['message', '1'], ['message', '2'], ['close', 1005]]);
});

test('what a greeting leaves unread is bounded in bytes', () => {
  const socket = make({ greeting: () => new Promise(() => {}) });
  newest().accept();
  newest().say('x'.repeat(2 ** 20));
  assert.equal(socket.state, 'greeting');
  newest().say('x');
  assert.equal(socket.stats.lostToApplication, 1);
});
