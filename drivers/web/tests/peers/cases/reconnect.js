import { QUICK, REAL } from '../peers.js';
import { accept, differences, MINUTE, refuse } from '../world.js';

const URL = 'ws://a.example/';

/** What `act` on a socket leads to while it waits for its next dial, a minute away. */
const whileWaiting = (act) => async (t) => {
  let up = false;
  const clock = t.world((wire) => (up ? wire.accept() : wire.end()));
  const socket = t.open(URL, undefined, { min: MINUTE, max: MINUTE, grow: 1 });
  await clock.pass(1000);
  up = true;
  const dials = clock.times.length;
  return act({ clock, socket, dialled: () => clock.times.length - dials });
};

export default {
  title: '`reconnect()`',
  cases: [
    {
      says: '`reconnect()` dials again after the last of the retries',
      async run(t) {
        const clock = t.world(refuse);
        const socket = t.open(URL, undefined, { ...QUICK, retries: 2 });
        await clock.pass(MINUTE);
        const dials = clock.times.length;
        socket.reconnect();
        await clock.pass(MINUTE);
        return clock.times.length > dials ? 'dials again' : 'never dials again';
      },
      outcome: {
        heartline: 'dials again',
        partysocket: 'dials again',
        'reconnecting-websocket': 'never dials again',
      },
      why: 'reconnecting-websocket leaves its lock taken.',
    },
    {
      says: '`reconnect()` replaces an open connection, and closes it with a code',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        socket.reconnect();
        await t.until(() => server.closes.length === 1 && server.sockets.length === 2, 'another');
        return server.closes[0];
      },
      outcome: {
        heartline: '1005',
        partysocket: '1000',
        'reconnecting-websocket': '1000',
      },
      why: 'It is closed without a code: 1000 would tell the server that the purpose of the session is fulfilled.',
    },
    {
      says: '`reconnect()` called twice at once leaves one connection',
      async run(t) {
        const clock = t.world(accept);
        const socket = t.open(URL, undefined, QUICK);
        await clock.pass(1000);
        socket.reconnect();
        socket.reconnect();
        await clock.pass(1000);
        return `${clock.times.length} dials, ${clock.wires.filter((wire) => wire.readyState === 1).length} open`;
      },
      outcome: {
        heartline: '3 dials, 1 open',
        partysocket: '2 dials, 1 open',
        'reconnecting-websocket': '2 dials, 1 open',
      },
      why:
        'Each call replaces the dial before it, which may carry credentials that were just renewed; `minDialGap` ' +
        'lies between them. Theirs ignore the second.',
    },
    {
      says: '`reconnect()` cuts a wait short',
      run: whileWaiting(async ({ clock, socket, dialled }) => {
        socket.reconnect();
        await clock.pass(1000);
        return dialled() ? 'dials at once' : 'waits on';
      }),
      outcome: {
        heartline: 'dials at once',
        partysocket: 'waits on',
        'reconnecting-websocket': 'waits on',
      },
      why: 'Who calls it has a reason to think that the network is back; no closer than `minDialGap`.',
    },
    {
      says: '`reconnect()` after a `close()` that came during a wait dials again',
      run: whileWaiting(async ({ clock, socket, dialled }) => {
        socket.close();
        await clock.pass(2 * MINUTE);
        socket.reconnect();
        await clock.pass(5 * MINUTE);
        return dialled() ? `${dialled()} dials` : 'never dials again';
      }),
      outcome: {
        heartline: '1 dials',
        partysocket: '1 dials',
        'reconnecting-websocket': 'never dials again',
      },
      why: 'reconnecting-websocket leaves its lock taken.',
    },
    {
      says: '`reconnect(4001, "moved")` gives code and reason to the server',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        socket.reconnect(4001, 'moved');
        await t.until(() => server.closes.length === 1 && server.sockets.length === 2, 'another');
        return server.closes[0];
      },
      outcome: {
        heartline: '1005',
        partysocket: '4001 moved',
        'reconnecting-websocket': '4001 moved',
      },
      why: '`drop(4001, \'moved\')` says it to the server; `reconnect()` then dials without the wait.',
    },
    {
      says: '`drop(4001, "moved")` and `reconnect()` give code and reason to the server',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        if (!socket.drop) return 'no drop';
        socket.drop(4001, 'moved');
        socket.reconnect();
        await t.until(() => server.closes.length === 1 && server.sockets.length === 2, 'another');
        return server.closes[0];
      },
      outcome: {
        heartline: '4001 moved',
        partysocket: 'no drop',
        'reconnecting-websocket': 'no drop',
      },
      why: 'Ending a connection and dialling another are two decisions.',
    },
    {
      says: '`reconnect()` starts the delays anew',
      async run(t) {
        let up = false;
        const clock = t.world((wire) => (up ? wire.accept() : wire.end()));
        const socket = t.open(URL, undefined, { min: 100, max: 100_000, grow: 2 });
        await clock.pass(2000);
        up = true;
        await clock.pass(10_000);
        up = false;
        const dials = clock.times.length;
        socket.reconnect();
        await clock.pass(2000);
        return differences(clock.times.slice(dials)).slice(0, 3).join(' ');
      },
      outcome: '100 200 400',
    },
  ],
};
