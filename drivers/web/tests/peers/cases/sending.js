import { QUICK, REAL } from '../peers.js';
import { settle } from '../../fakes/clock.js';
import { accept, MINUTE, silence } from '../world.js';

const URL = 'ws://a.example/';

/** What three messages come to that are sent before there is a connection, where only two can be held. */
async function beyondTheBound(t, tell) {
  let wire;
  const clock = t.world((dialled) => { wire = dialled; });
  const socket = t.open(URL, undefined, { ...QUICK, held: 2 });
  const results = ['a', 'b', 'c'].map((data) => socket.send(data));
  await clock.pass(100);
  wire.accept();
  await clock.pass(100);
  return tell({ wire, last: await results[2] });
}

/** `act` on a socket whose first connection is open, and then is not. */
async function beforeAndAfter(t, act) {
  const clock = t.world(accept);
  const socket = t.open(URL, undefined, QUICK);
  await clock.pass(100);
  return act({ clock, socket, wire: clock.wires[0] });
}

export default {
  title: 'Sending',
  cases: [
    {
      says: 'What is sent while the connection is made goes out in its order, before what `open` sends',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        socket.addEventListener('open', () => socket.send('3'));
        socket.send('1');
        socket.send('2');
        await t.until(() => server.messages.length === 3, 'three messages');
        return server.messages.join(' ');
      },
      outcome: '1 2 3',
    },
    {
      says: 'What is sent between two connections goes out on the second',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        server.kill();
        await t.until(() => socket.readyState !== 1, 'the loss');
        socket.send('kept');
        await t.until(() => server.messages.length === 1, 'the message');
        return server.messages[0];
      },
      outcome: 'kept',
    },
    {
      says: 'Texts, buffers, views and Blobs are sent, held or not',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        const all = () => ['text', new Uint8Array([1]).buffer, new Uint8Array([2]), new Blob([new Uint8Array([3])])];
        all().forEach((data) => socket.send(data));
        await t.until(() => server.messages.length === 4, 'the held messages');
        all().forEach((data) => socket.send(data));
        await t.until(() => server.messages.length === 8, 'the messages');
        return server.messages.join(' ');
      },
      outcome: 'text 1 2 3 text 1 2 3',
    },
    {
      says: 'A view that is written to after `send` is sent as it was',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        const view = new Uint8Array([1]);
        socket.send(view);
        view[0] = 2;
        await t.until(() => server.messages.length === 1, 'the message');
        return server.messages[0][0] === 1 ? 'as it was' : 'as it is';
      },
      outcome: {
        heartline: 'as it was',
        partysocket: 'as it is',
        'reconnecting-websocket': 'as it is',
      },
      why: 'As `WebSocket`, which copies.',
    },
    {
      says: '`maxEnqueuedMessages` bounds what is held',
      run: (t) => beyondTheBound(t, ({ wire }) => wire.sent.join(' ')),
      outcome: 'a b',
    },
    {
      says: 'Who sends beyond the bound is told',
      run: (t) => beyondTheBound(t, ({ last }) => (last?.outcome ? `${last.outcome}: ${last.reason}` : String(last))),
      outcome: {
        heartline: 'refused: full',
        partysocket: 'false',
        'reconnecting-websocket': 'undefined',
      },
      why: 'Theirs drop it; partysocket\'s `false` also means that it is held.',
    },
    {
      says: 'Who sends within the bound is told what became of it',
      run: (t) => beforeAndAfter(t, async ({ socket }) => {
        const told = await socket.send('x');
        return told?.outcome ?? String(told);
      }),
      outcome: {
        heartline: 'transmitted',
        partysocket: 'true',
        'reconnecting-websocket': 'undefined',
      },
      why: '`send` gives a receipt.',
    },
    {
      says: 'By default what is held has a bound',
      async run(t) {
        const clock = t.world(silence);
        const socket = t.open(URL, undefined, QUICK);
        for (let index = 0; index < 5000; index++) socket.send('four');
        await clock.pass(100);
        return `${socket.bufferedAmount / 4} of 5000`;
      },
      outcome: {
        heartline: '1024 of 5000',
        partysocket: '5000 of 5000',
        'reconnecting-websocket': '5000 of 5000',
      },
      why:
        'An outage of hours must not fill the memory: 1,024 messages and 1 MiB by default, and who sends ' +
        'beyond is told.',
    },
    {
      says: 'What is sent after `close()`',
      run: (t) => beforeAndAfter(t, async ({ clock, socket }) => {
        socket.close();
        await clock.pass(MINUTE);
        const told = await socket.send('late');
        socket.reconnect();
        await clock.pass(MINUTE);
        const sent = clock.wires.flatMap((wire) => wire.sent).join(' ') || 'nothing';
        return `${told?.reason ?? told}, ${t.printed.length} warnings; after reconnect() ${sent} is sent`;
      }),
      outcome: {
        heartline: 'closed, 0 warnings; after reconnect() nothing is sent',
        partysocket: 'false, 1 warnings; after reconnect() late is sent',
        'reconnecting-websocket': 'undefined, 0 warnings; after reconnect() late is sent',
      },
      why:
        'As `WebSocket`, which discards it: nobody knows whether there will be a `reconnect()`, and its ' +
        'sender is told.',
    },
    {
      says: 'What is held at `close()` is told to its sender',
      async run(t) {
        const clock = t.world(silence);
        const socket = t.open(URL, undefined, QUICK);
        const told = Promise.race([socket.send('x'), settle().then(() => clock.pass(MINUTE))]);
        socket.close();
        const receipt = await told;
        const drained = socket.drainQueuedMessages?.().join(' ');
        return receipt?.outcome ?? (drained ? `false; drainQueuedMessages() gives ${drained}` : String(receipt));
      },
      outcome: {
        heartline: 'returned',
        partysocket: 'false; drainQueuedMessages() gives x',
        'reconnecting-websocket': 'undefined',
      },
      why: 'Every message has one outcome.',
    },
    {
      says: '`bufferedAmount` counts what is held',
      async run(t) {
        t.world(silence);
        const socket = t.open(URL, undefined, QUICK);
        socket.send('four');
        socket.send(new Uint8Array(3));
        socket.send(new Blob(['12']));
        return String(socket.bufferedAmount);
      },
      outcome: '9',
    },
    {
      says: '`bufferedAmount` counts bytes, as that of `WebSocket` does',
      async run(t) {
        t.world(silence);
        const socket = t.open(URL, undefined, QUICK);
        socket.send('€');
        return `"€" counts ${socket.bufferedAmount}`;
      },
      outcome: {
        heartline: '"€" counts 3',
        partysocket: '"€" counts 1',
        'reconnecting-websocket': '"€" counts 1',
      },
      why: 'As `WebSocket`; theirs count UTF-16 code units.',
    },
    {
      says: '`bufferedAmount` counts what lies in the connection too',
      run: (t) => beforeAndAfter(t, async ({ socket, wire }) => {
        wire.bufferedAmount = 1000;
        return String(socket.bufferedAmount);
      }),
      outcome: '1000',
    },
    {
      says: '`bufferedAmount` climbs with what is sent after `close()`',
      run: (t) => beforeAndAfter(t, async ({ clock, socket }) => {
        socket.close();
        await clock.pass(MINUTE);
        socket.send('four');
        socket.send('four');
        return String(socket.bufferedAmount);
      }),
      outcome: '8',
    },
    {
      says: 'Nothing more is handed to a connection in which much lies already',
      run: (t) => beforeAndAfter(t, async ({ clock, socket, wire }) => {
        wire.bufferedAmount = 1_000_000;
        socket.send('x');
        await clock.pass(1000);
        return wire.sent.length === 0 ? 'held until it drains' : 'handed over';
      }),
      outcome: {
        heartline: 'held until it drains',
        partysocket: 'handed over',
        'reconnecting-websocket': 'handed over',
      },
      why:
        'What is held can be bounded, cancelled and expire; what lies in a connection is lost with it ' +
        '(`highWaterMark`).',
    },
    {
      says: 'A message that a broken connection swallowed is sent again if that is asked for',
      run: (t) => beforeAndAfter(t, async ({ clock, socket, wire }) => {
        socket.send('x', { atLeastOnce: true });
        await clock.pass(100);
        wire.end();
        await clock.pass(1000);
        return clock.wires[1].sent.length > 0 ? 'sent again' : 'lost';
      }),
      outcome: {
        heartline: 'sent again',
        partysocket: 'lost',
        'reconnecting-websocket': 'lost',
      },
      why: '`atLeastOnce`; they have no acknowledgements.',
    },
    {
      says: '`send` of what cannot be sent throws as `WebSocket` does',
      run: (t) => beforeAndAfter(t, async ({ socket }) => {
        try {
          socket.send();
          return 'taken';
        } catch (error) {
          return error.name;
        }
      }),
      outcome: {
        heartline: 'TypeError',
        partysocket: 'taken',
        'reconnecting-websocket': 'taken',
      },
      why: 'As `WebSocket`; theirs send the text `undefined`.',
    },
  ],
};
