import { QUICK, REAL } from '../peers.js';
import { settle } from '../../fakes/clock.js';
import { accept, MINUTE, silence } from '../world.js';

const URL = 'ws://a.example/';

/** A socket that is open, on a clock that is wound by hand. */
async function opened(t, settings) {
  const clock = t.world(accept);
  const socket = t.open(URL, undefined, { ...QUICK, ...settings });
  await clock.pass(100);
  return { clock, socket, wire: clock.wires[0], seen: t.log(socket) };
}

export default {
  title: 'The end',
  cases: [
    {
      says: '`close()` sends its code and reason to the server',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        socket.close(4000, 'bye');
        await t.until(() => server.closes.length === 1, 'the close');
        return server.closes[0];
      },
      outcome: '4000 bye',
    },
    {
      says: 'Nothing is dialled after `close()`',
      async run(t) {
        const { clock, socket } = await opened(t);
        socket.close();
        await clock.pass(60 * MINUTE);
        return `${clock.times.length} dial`;
      },
      outcome: '1 dial',
    },
    {
      says: '`close()` during a wait ends it',
      async run(t) {
        const clock = t.world((wire) => wire.end());
        const socket = t.open(URL, undefined, { min: MINUTE, max: MINUTE, grow: 1 });
        await clock.pass(1000);
        const dials = clock.times.length;
        const seen = t.log(socket);
        socket.close();
        await clock.pass(60 * MINUTE);
        const told = seen.join(', ') || 'nothing told';
        return `${clock.times.length - dials} dials, ${told}, readyState ${socket.readyState}`;
      },
      outcome: {
        heartline: '0 dials, close 1005, readyState 3',
        partysocket: '0 dials, nothing told, readyState 3',
        'reconnecting-websocket': '0 dials, nothing told, readyState 3',
      },
      why: 'Every socket ends with one `close`; theirs end without a word. 1005: no code was given.',
    },
    {
      says: '`close()` while the dial is under way ends it',
      async run(t) {
        const clock = t.world(silence);
        const socket = t.open(URL, undefined, QUICK);
        await clock.pass(100);
        const seen = t.log(socket);
        socket.close();
        await clock.pass(60 * MINUTE);
        return `${clock.times.length} dial, ${seen.join(', ')}, readyState ${socket.readyState}`;
      },
      outcome: {
        heartline: '1 dial, close 1005, readyState 3',
        partysocket: '1 dial, close 1000, readyState 3',
        'reconnecting-websocket': '1 dial, close 1000, error, readyState 3',
      },
      why: 'What the user asked for is no `error`. 1005: no code was given.',
    },
    {
      says: '`close()` right after the constructor dials nothing',
      async run(t) {
        const clock = t.world(accept);
        const socket = t.open(URL, undefined, QUICK);
        const seen = t.log(socket);
        socket.close();
        await clock.pass(60 * MINUTE);
        const open = clock.wires.filter((wire) => wire.readyState === 1).length;
        return `${open} open, ${seen.join(', ') || 'nothing told'}, readyState ${socket.readyState}`;
      },
      outcome: {
        heartline: '0 open, close 1005, readyState 3',
        partysocket: '0 open, nothing told, readyState 3',
        'reconnecting-websocket': '0 open, nothing told, readyState 0',
      },
      why: 'The same; reconnecting-websocket stays in CONNECTING for ever.',
    },
    {
      says: '`close` is told when the close handshake is over',
      async run(t) {
        const { clock, socket, wire, seen } = await opened(t);
        wire.close = () => { wire.readyState = 2; };
        socket.close(4000, 'bye');
        const during = `${seen.join(', ') || 'nothing'} (readyState ${socket.readyState})`;
        wire.end(4000, 'bye', true);
        await settle();
        return `${during}, then ${seen.join(', ')} (readyState ${socket.readyState})`;
      },
      outcome: {
        heartline: 'nothing (readyState 2), then close 4000 (readyState 3)',
        partysocket: 'close 4000 (readyState 3), then close 4000 (readyState 3)',
        'reconnecting-websocket': 'nothing (readyState 2), then close 4000 (readyState 3)',
      },
      why:
        'As `WebSocket`: what the server answered and whether it was clean is known only then. partysocket ' +
        'fires its own event during the call.',
    },
    {
      says: 'A close handshake that the server never answers has an end',
      async run(t) {
        const { clock, socket, wire, seen } = await opened(t);
        wire.close = () => { wire.readyState = 2; };
        socket.close();
        await clock.pass(60 * MINUTE);
        return `${seen.join(', ') || 'nothing told'}, readyState ${socket.readyState}`;
      },
      outcome: {
        heartline: 'error, close 1006, readyState 3',
        partysocket: 'close 1000, readyState 3',
        'reconnecting-websocket': 'nothing told, readyState 2',
      },
      why: '`closeTimeout`; a browser takes a minute or more, in which reconnecting-websocket says nothing.',
    },
    {
      says: '`close()` called twice is told once',
      async run(t) {
        const { clock, socket, seen } = await opened(t);
        socket.close();
        socket.close();
        await clock.pass(MINUTE);
        return seen.join(', ');
      },
      outcome: 'close 1000',
    },
    {
      says: 'A code that `WebSocket` does not take is an error of the caller',
      async run(t) {
        const { socket } = await opened(t);
        try {
          socket.close(1002);
          return 'taken';
        } catch (error) {
          return error.name;
        }
      },
      outcome: {
        heartline: 'InvalidAccessError',
        partysocket: 'taken',
        'reconnecting-websocket': 'InvalidAccessError',
      },
      why: 'As `WebSocket`; partysocket swallows it and does not close the connection.',
    },
    {
      says: 'A connection that breaks is told as it broke',
      async run(t) {
        const { clock, wire, seen } = await opened(t);
        wire.end(1006);
        await clock.pass(1000);
        return seen.join(', ');
      },
      outcome: {
        heartline: 'disconnect 1006, open',
        partysocket: 'close 1000, error, open',
        'reconnecting-websocket': 'close 1000, error, open',
      },
      why: 'Theirs say `close` 1000 (clean) of a broken link, and `error` of what they mend themselves.',
    },
    {
      says: 'Options fire `close` at the end of every connection',
      async run(t) {
        const { clock, wire, seen } = await opened(t, { heartline: { closeEachTime: true } });
        wire.end(1011, '', true);
        await clock.pass(1000);
        return seen.filter((told) => !told.startsWith('disconnect')).join(', ');
      },
      outcome: 'close 1011, open',
    },
    {
      says: '`readyState` between two connections',
      async run(t) {
        const clock = t.world((wire, index) => index === 0 && wire.accept());
        const socket = t.open(URL, undefined, { min: MINUTE, max: MINUTE, grow: 1 });
        await clock.pass(100);
        clock.wires[0].end(1011, '', true);
        await settle();
        return String(socket.readyState);
      },
      outcome: {
        heartline: '0',
        partysocket: '3',
        'reconnecting-websocket': '3',
      },
      why:
        'A connection will follow: code written for `WebSocket` must not take the socket for ended and ' +
        'make another one.',
    },
    {
      says: 'An `AbortSignal` ends it',
      async run(t) {
        const abort = new AbortController();
        const { clock, socket } = await opened(t, { heartline: { signal: abort.signal } });
        abort.abort();
        await clock.pass(MINUTE);
        return `readyState ${socket.readyState}`;
      },
      outcome: {
        heartline: 'readyState 3',
        partysocket: 'readyState 1',
        'reconnecting-websocket': 'readyState 1',
      },
      why: 'They have no such option.',
    },
  ],
};
