// On real sockets: with ws, and under the libraries that take a WebSocket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { webSocket } from 'rxjs/webSocket';
import WebSocket, { WebSocketServer } from 'ws';
import { PATIENCE } from '../chromium/patience.mjs';
import { HeartlineSocket } from '../../dist/index.js';

const LATE = AbortSignal.timeout(PATIENCE);
const backoff = { base: 10, max: 10 };

/** The constructors of this node: its own, where it has one, and that of ws. */
const constructors = { ws: WebSocket, ...(globalThis.WebSocket && { native: globalThis.WebSocket }) };

async function serve(t, options, handle) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  if (handle) server.on('connection', handle);
  await once(server, 'listening');
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return Object.assign(server, { url: `ws://127.0.0.1:${server.address().port}` });
}

/** The next event of a socket. */
const next = async (target, type) => (await once(target, type, { signal: LATE }))[0];

function echo(client) {
  client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }));
}

for (const [name, constructor] of Object.entries(constructors)) {
  const dial = (url, options) => new HeartlineSocket(url, [], { WebSocket: constructor, backoff, ...options });

  test(`${name}: texts and bytes go both ways, as the types that were asked for`, async (t) => {
    const { url } = await serve(t, {}, echo);
    const socket = dial(url);
    socket.binaryType = 'arraybuffer';
    assert.equal((await socket.send('text')).outcome, 'transmitted');
    assert.equal((await next(socket, 'message')).data, 'text');
    socket.send(new Uint8Array([1, 2, 3]).subarray(1));
    assert.deepEqual([...new Uint8Array((await next(socket, 'message')).data)], [2, 3]);
    socket.send(new ArrayBuffer(2));
    assert.deepEqual((await next(socket, 'message')).data, new ArrayBuffer(2));
    socket.binaryType = 'blob';
    socket.send(new Blob(['blob']));
    const { data } = await next(socket, 'message');
    assert(data instanceof Blob);
    assert.equal(await data.text(), 'blob');
    socket.close();
    await next(socket, 'close');
  });

  test(`${name}: a killed connection comes back, with what waited`, async (t) => {
    const server = await serve(t, {}, echo);
    const socket = dial(server.url);
    await next(socket, 'open');
    for (const client of server.clients) client.terminate();
    await next(socket, 'disconnect');
    const receipt = socket.send('waited');
    assert.equal((await next(socket, 'message')).data, 'waited');
    assert.equal((await receipt).outcome, 'transmitted');
    socket.close(3001, 'bye');
    const { code, reason, wasClean } = await next(socket, 'close');
    assert.deepEqual({ code, reason, wasClean }, { code: 3001, reason: 'bye', wasClean: true });
  });

  test(`${name}: a server that is not there is dialled until it is`, async (t) => {
    const server = await serve(t, {}, echo);
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    const socket = dial(`ws://127.0.0.1:${port}`);
    await next(socket, 'disconnect');
    await next(socket, 'disconnect');
    await serve(t, { port }, echo);
    await next(socket, 'open');
    socket.close();
    await next(socket, 'close');
  });

  test(`${name}: closing while it dials leaves nothing behind`, async (t) => {
    const { url } = await serve(t, {}, echo);
    const socket = dial(url);
    socket.close();
    assert.equal((await next(socket, 'close')).code, 1005);
  });
}

test('rxjs: a subject on it goes on over a lost connection', async (t) => {
  const server = await serve(t, {}, echo);
  class Socket extends HeartlineSocket {
    constructor(url, protocols) {
      super(url, protocols, { WebSocket, backoff });
    }
  }
  let opened = 0;
  const opens = new EventTarget();
  const openObserver = { next: () => (opened++, opens.dispatchEvent(new Event('open'))) };
  const subject = webSocket({ url: server.url, WebSocketCtor: Socket, openObserver });
  const received = [];
  const messages = new EventTarget();
  subject.subscribe({
    next: (message) => (received.push(message), messages.dispatchEvent(new Event('message'))),
    complete: () => messages.dispatchEvent(new Event('complete')),
  });
  let message = next(messages, 'message');
  subject.next({ n: 1 });
  await message;
  const again = next(opens, 'open');
  for (const client of server.clients) client.terminate();
  await again;
  message = next(messages, 'message');
  subject.next({ n: 2 });
  await message;
  assert.deepEqual(received, [{ n: 1 }, { n: 2 }]);
  assert.equal(opened, 2);
  const completed = next(messages, 'complete');
  subject.complete();
  await completed;
});

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { hello: { type: GraphQLString, resolve: () => 'world' } } }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      ticks: {
        type: GraphQLString,
        async *subscribe() {
          yield { ticks: 'tick' };
          await new Promise(() => {});
        },
      },
    },
  }),
});

/** What the README shows, with sockets of this node; `dialled` are those that it made. */
function graphqlClient(url) {
  const [, code] = /graphql-ws expects[^]*?```js\n([^]*?)```/.exec(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'));
  const dialled = [];
  class Socket extends HeartlineSocket {
    constructor(url, protocols, options) {
      super(url, protocols, { ...options, WebSocket, backoff });
      dialled.push(this);
    }
  }
  const client = new Function('HeartlineSocket', 'createClient', 'url', code.replace(/^createClient/m, 'return createClient'));
  return { client: client(Socket, createClient, url), dialled };
}

test('graphql-ws: subscriptions go on over a lost connection, on one socket', async (t) => {
  const server = await serve(t);
  useServer({ schema }, server);
  const { client, dialled } = graphqlClient(server.url);
  t.after(() => client.dispose());
  const ticks = client.iterate({ query: 'subscription { ticks }' });
  assert.deepEqual((await ticks.next()).value, { data: { ticks: 'tick' } });
  for (let i = 0; i < 4; i++) {
    for (const socket of server.clients) i % 2 ? socket.close(1000) : socket.terminate();
    assert.deepEqual((await ticks.next()).value, { data: { ticks: 'tick' } });
  }
  const [first] = dialled;
  assert.equal(dialled.length, 1);
  assert.equal(server.clients.size, 1);
  assert.equal(first.protocol, 'graphql-transport-ws');
  await ticks.return();
  await next(first, 'close');
  // Closed because nobody subscribed any more; the next subscription has a new one.
  const again = client.iterate({ query: '{ hello }' });
  assert.deepEqual((await again.next()).value, { data: { hello: 'world' } });
  assert.equal(dialled.length, 2);
  await again.return();
});

for (const code of [1008, 1009, 1011, 4401, 4403, 4429, 4500]) {
  test(`graphql-ws: a server that closes with ${code} ends the subscription and the socket`, async (t) => {
    let connections = 0;
    const server = await serve(t, { handleProtocols: () => 'graphql-transport-ws' }, (client) => {
      connections++;
      client.close(code);
    });
    const { client, dialled } = graphqlClient(server.url);
    t.after(() => client.dispose());
    await assert.rejects(client.iterate({ query: 'subscription { ticks }' }).next(), ({ code: told }) => told === code);
    assert.deepEqual(dialled.map(({ readyState }) => readyState), [3]);
    assert.equal(connections, 1);
  });
}

test('graphql-ws: with maxRetries 0 it is a WebSocket like any other', async (t) => {
  const server = await serve(t);
  useServer({ schema }, server);
  class Once extends HeartlineSocket {
    constructor(url, protocols) {
      super(url, protocols, { WebSocket, maxRetries: 0 });
    }
  }
  const client = createClient({ url: server.url, webSocketImpl: Once, shouldRetry: () => true, retryWait: async () => {} });
  t.after(() => client.dispose());
  const ticks = client.iterate({ query: 'subscription { ticks }' });
  await ticks.next();
  for (const socket of server.clients) socket.terminate();
  assert.deepEqual((await ticks.next()).value, { data: { ticks: 'tick' } });
  await ticks.return();
});
