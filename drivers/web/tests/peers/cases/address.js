import WebSocket from 'ws';
import { QUICK, REAL } from '../peers.js';
import { accept, MINUTE, refuse } from '../world.js';

async function addressThat(t, url) {
  const clock = t.world(refuse);
  const socket = t.open(url, undefined, QUICK);
  const seen = t.log(socket);
  await clock.pass(MINUTE);
  return { clock, seen, socket };
}

/** A function for the address that fails once: whether the dial after it is made. */
async function failsOnce(t, fail) {
  let calls = 0;
  const clock = t.world(accept);
  const socket = t.open(() => (calls++ === 0 ? fail() : 'ws://a.example/'), undefined, QUICK);
  await clock.pass(MINUTE);
  if (clock.times.length > 0) return 'dials again';
  socket.reconnect();
  await clock.pass(MINUTE);
  return clock.times.length > 0 ? 'dials again after reconnect() only' : 'never dials again, reconnect() or not';
}

export default {
  title: 'The address',
  cases: [
    {
      says: 'A URL that is a function is called at each dial',
      async run(t) {
        const server = await t.serve((socket, index) => index < 2 && setTimeout(() => socket.close(1011), 5));
        let calls = 0;
        const socket = t.open(() => `${server.url}/${calls++}`, undefined, REAL);
        await t.until(() => socket.readyState === 1 && server.paths.length === 3, 'the third connection');
        return server.paths.join(' ');
      },
      outcome: '/0 /1 /2',
    },
    {
      says: 'A function for the URL may be asynchronous',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(async () => `${server.url}/token`, undefined, REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        return server.paths.join(' ');
      },
      outcome: '/token',
    },
    {
      says: 'A function for the URL that throws is a failed dial',
      run: (t) => failsOnce(t, () => { throw new Error('no token'); }),
      outcome: {
        heartline: 'dials again',
        partysocket: 'dials again',
        'reconnecting-websocket': 'never dials again, reconnect() or not, unhandledRejection',
      },
      why:
        'reconnecting-websocket leaves its lock taken: no later dial, whoever asks. A failed function is a ' +
        'failed dial, told by `disconnect`.',
    },
    {
      says: 'A function for the URL that rejects is a failed dial',
      run: (t) => failsOnce(t, () => Promise.reject(new Error('no token'))),
      outcome: {
        heartline: 'dials again',
        partysocket: 'dials again',
        'reconnecting-websocket': 'never dials again, reconnect() or not, unhandledRejection',
      },
      why: 'The same.',
    },
    {
      says: 'A function for the URL that never answers is given up',
      run: (t) => failsOnce(t, () => new Promise(() => {})),
      outcome: {
        heartline: 'dials again',
        partysocket: 'never dials again, reconnect() or not',
        'reconnecting-websocket': 'never dials again, reconnect() or not',
      },
      why:
        '`connectTimeout` begins with the function, theirs with the connection: one fetch of a token that ' +
        'hangs ends the session unseen.',
    },
    {
      says: 'A text that is no URL is told where the mistake is',
      async run(t) {
        try {
          const { seen } = await addressThat(t, 'http//nonsense');
          return seen.length === 0 ? 'silent' : seen.length > 10 ? 'tried for ever' : seen.join(', ');
        } catch (error) {
          return `the constructor throws ${error.name}`;
        }
      },
      outcome: {
        heartline: 'the constructor throws SyntaxError',
        partysocket: 'tried for ever',
        'reconnecting-websocket': 'silent, unhandledRejection',
      },
      why: 'As `WebSocket`: it can never be dialled, so the caller learns it at once.',
    },
    {
      says: 'A URL may be a URL object',
      async run(t) {
        const clock = t.world(accept);
        const socket = t.open(new URL('ws://a.example/'), undefined, QUICK);
        await clock.pass(MINUTE);
        return socket.readyState === 1 ? 'open' : 'never dialled';
      },
      outcome: {
        heartline: 'open',
        partysocket: 'never dialled',
        'reconnecting-websocket': 'never dialled, unhandledRejection',
      },
      why: 'As `WebSocket`.',
    },
    {
      says: 'The subprotocols are offered, and the one that the server chose is told',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, ['a', 'b'], REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        return `${server.protocols[0]} → ${socket.protocol}`;
      },
      outcome: 'a,b → b',
    },
    {
      says: 'The subprotocols may come from a function',
      async run(t) {
        const clock = t.world(accept);
        t.open('ws://a.example/', () => ['a', 'b'], QUICK);
        await clock.pass(1000);
        return [clock.wires[0]?.protocols].flat().map((protocol) => typeof protocol).join(' ');
      },
      outcome: {
        heartline: 'string string',
        partysocket: 'string string',
        'reconnecting-websocket': 'function',
      },
      why: 'reconnecting-websocket has no such functions; it hands them to `WebSocket`.',
    },
    {
      says: 'The subprotocols may come from an asynchronous function',
      async run(t) {
        const clock = t.world(accept);
        t.open('ws://a.example/', async () => 'a', QUICK);
        await clock.pass(1000);
        return String([clock.wires[0]?.protocols].flat().map((protocol) => typeof protocol));
      },
      outcome: {
        heartline: 'string',
        partysocket: 'string',
        'reconnecting-websocket': 'function',
      },
      why: 'The same.',
    },
    {
      says: '`null` offers no subprotocol',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, null, REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        return `"${server.protocols[0]}" → "${socket.protocol}"`;
      },
      outcome: '"" → ""',
    },
    {
      says: '`url` is that of the connection',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        const before = socket.url ? 'known' : 'empty';
        await t.until(() => socket.readyState === 1, 'a connection');
        return `${before} before the dial, then ${socket.url === `${server.url}/` ? 'as dialled' : socket.url}`;
      },
      outcome: {
        heartline: 'known before the dial, then as dialled',
        partysocket: 'empty before the dial, then as dialled',
        'reconnecting-websocket': 'empty before the dial, then as dialled',
      },
      why: 'As `WebSocket`, which has it from its constructor on; empty while a function has not given it.',
    },
    {
      says: '`extensions` are those of the connection',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        const before = socket.extensions;
        await t.until(() => socket.readyState === 1, 'a connection');
        return `"${before}" before, then "${socket.extensions}"`;
      },
      outcome: '"" before, then ""',
    },
    {
      says: '`WebSocket` is the constructor to use',
      async run(t) {
        const server = await t.serve();
        let made = 0;
        class Counted extends WebSocket {
          constructor(...args) {
            super(...args);
            made++;
          }
        }
        const socket = t.open(server.url, undefined, { ...QUICK, WebSocket: Counted });
        await t.until(() => socket.readyState === 1, 'a connection');
        return `used ${made} times`;
      },
      outcome: 'used 1 times',
    },
    {
      says: 'A realm without `WebSocket` is told',
      async run(t) {
        const clock = t.world(accept);
        delete globalThis.WebSocket;
        try {
          const seen = t.log(t.open('ws://a.example/', undefined, QUICK));
          await clock.pass(MINUTE);
          return `${t.printed.length} lines on the console, ${seen.length > 10 ? 'tried for ever' : seen.join(', ')}`;
        } catch (error) {
          return `the constructor throws ${error.name}`;
        }
      },
      outcome: {
        heartline: 'the constructor throws ReferenceError',
        partysocket: '1 lines on the console, tried for ever',
        'reconnecting-websocket': 'the constructor throws Error',
      },
      why: 'What can never work is told at once, as by `new WebSocket`.',
    },
  ],
};
