import { QUICK, REAL } from '../peers.js';
import { settle } from '../../fakes/clock.js';
import { accept, MINUTE, silence } from '../world.js';

const URL = 'ws://a.example/';

async function opened(t, world = accept) {
  const clock = t.world(world);
  const socket = t.open(URL, undefined, QUICK);
  await clock.pass(100);
  return { clock, socket, wire: clock.wires[0] };
}

/** What `listen(socket, hear)` hears of one message. */
const hears = (listen) => async (t) => {
  const { socket, wire } = await opened(t);
  const heard = [];
  listen(socket, (what) => (event) => heard.push(what ?? event.data));
  wire.say('hi');
  wire.say('ho');
  return heard.join(' ') || 'nothing';
};

const name = (target, socket, wire) => (target === socket ? 'this socket' : target === wire ? 'the inner one' : 'none');

export default {
  title: 'Events and state',
  cases: [
    {
      says: 'The constants stand on the class and on its instances',
      async run(t) {
        const { socket } = await opened(t, silence);
        const names = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
        return [t.Socket, socket].map((holder) => names.map((constant) => holder[constant]).join('')).join(' ');
      },
      outcome: '0123 0123',
    },
    {
      says: '`readyState` goes from CONNECTING to OPEN',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        const before = socket.readyState;
        await t.until(() => socket.readyState !== 0, 'a connection');
        return `${before} ${socket.readyState}`;
      },
      outcome: '0 1',
    },
    {
      says: 'Handlers in `onopen`, `onmessage` and `onclose` are called',
      async run(t) {
        const server = await t.serve((peer) => peer.send('hello'));
        const heard = [];
        const socket = t.open(server.url, undefined, REAL);
        socket.onopen = () => heard.push('open');
        socket.onmessage = ({ data }) => heard.push(data) && socket.close();
        socket.onclose = ({ code }) => heard.push(code);
        await t.until(() => heard.length === 3, 'three events');
        return heard.join(' ');
      },
      outcome: {
        heartline: 'open hello 1005',
        partysocket: 'open hello 1000',
        'reconnecting-websocket': 'open hello 1000',
      },
      why: 'As `WebSocket`: a `close()` without a code sends none, and 1005 says so. Theirs send 1000.',
    },
    {
      says: 'Listeners are called, and not once they are removed',
      run: hears((socket, hear) => {
        const gone = hear('removed');
        socket.addEventListener('message', gone);
        socket.addEventListener('message', hear());
        socket.removeEventListener('message', gone);
      }),
      outcome: 'hi ho',
    },
    {
      says: 'A listener may be an object with `handleEvent`',
      run: hears((socket, hear) => socket.addEventListener('message', { handleEvent: hear() })),
      outcome: 'hi ho',
    },
    {
      says: 'A listener may be for once',
      run: hears((socket, hear) => socket.addEventListener('message', hear(), { once: true })),
      outcome: {
        heartline: 'hi',
        partysocket: 'hi',
        'reconnecting-websocket': 'hi ho',
      },
      why: 'reconnecting-websocket keeps its listeners itself, without options.',
    },
    {
      says: 'A listener that was added twice is called once',
      run: hears((socket, hear) => {
        const listener = hear();
        socket.addEventListener('message', listener);
        socket.addEventListener('message', listener);
      }),
      outcome: {
        heartline: 'hi ho',
        partysocket: 'hi ho',
        'reconnecting-websocket': 'hi hi ho ho',
      },
      why: 'As any `EventTarget`.',
    },
    {
      says: 'A handler is called among the listeners, in the order in which they came',
      run: hears((socket, hear) => {
        socket.addEventListener('message', hear('listener'));
        socket.onmessage = hear('handler');
      }),
      outcome: {
        heartline: 'listener handler listener handler',
        partysocket: 'handler listener handler listener',
        'reconnecting-websocket': 'handler listener handler listener',
      },
      why: 'As any `EventTarget`; theirs call handlers first.',
    },
    {
      says: 'A listener that throws does not keep the others from hearing',
      run: hears((socket, hear) => {
        socket.addEventListener('message', () => { throw new Error('mine'); });
        socket.addEventListener('message', hear());
      }),
      outcome: {
        heartline: 'hi ho, uncaughtException',
        partysocket: 'hi ho, uncaughtException',
        'reconnecting-websocket': 'nothing, uncaughtException',
      },
      why:
        'As any `EventTarget`: it is reported, and the others hear. reconnecting-websocket stops there, ' +
        'before its own reconnecting too.',
    },
    {
      says: 'It is an `EventTarget`',
      run: async (t) => String((await opened(t)).socket instanceof EventTarget),
      outcome: {
        heartline: 'true',
        partysocket: 'true',
        'reconnecting-websocket': 'false',
      },
      why: 'Code that takes one, such as RxJS `fromEvent`, works.',
    },
    {
      says: 'The target of an event is the socket',
      async run(t) {
        const { socket, wire } = await opened(t);
        const targets = [];
        socket.onmessage = ({ target }) => targets.push(name(target, socket, wire));
        socket.addEventListener('message', ({ target }) => targets.push(name(target, socket, wire)));
        wire.say('hi');
        return `handler: ${targets[0]}, listener: ${targets[1]}`;
      },
      outcome: {
        heartline: 'handler: this socket, listener: this socket',
        partysocket: 'handler: the inner one, listener: this socket',
        'reconnecting-websocket': 'handler: the inner one, listener: the inner one',
      },
      why:
        'As any `EventTarget`; with the inner one a handler that answers `event.target.send(…)` goes ' +
        'around the queue.',
    },
    {
      says: 'Own events can be dispatched',
      async run(t) {
        const { socket } = await opened(t);
        let heard = 'not heard';
        socket.addEventListener('mine', () => { heard = 'heard'; });
        socket.dispatchEvent(new Event('mine'));
        return heard;
      },
      outcome: {
        heartline: 'heard',
        partysocket: 'heard',
        'reconnecting-websocket': 'not heard',
      },
      why: 'As any `EventTarget`.',
    },
    {
      says: 'A dial that fails is an `error` event',
      async run(t) {
        const { clock, socket } = await opened(t, (wire, index) => index > 0 && wire.end());
        const seen = t.log(socket);
        clock.wires[0].end();
        await settle();
        return seen.includes('error') ? 'error' : seen.join(', ');
      },
      outcome: {
        heartline: 'disconnect 1006',
        partysocket: 'error',
        'reconnecting-websocket': 'error',
      },
      why: '`error` is kept for the end: pages show it to users, and a dial that will be made again is none.',
    },
    {
      says: '`binaryType` holds for every connection',
      async run(t) {
        const greet = (peer, index) => (index === 0 ? peer.close(1011) : peer.send(new Uint8Array([7])));
        const server = await t.serve(greet);
        const socket = t.open(server.url, undefined, REAL);
        socket.binaryType = 'arraybuffer';
        let data;
        socket.onmessage = (event) => { data = event.data; };
        await t.until(() => data, 'a message');
        return `${data.constructor.name}, ${socket.binaryType}`;
      },
      outcome: 'ArrayBuffer, arraybuffer',
    },
    {
      says: '`binaryType` is `blob` by default',
      run: async (t) => (await opened(t)).socket.binaryType,
      outcome: 'blob',
    },
    {
      says: '`debug` prints what happens',
      async run(t) {
        const clock = t.world(accept);
        t.open(URL, undefined, { ...QUICK, debug: true });
        await clock.pass(100);
        return t.printed.length > 0 ? 'prints' : 'prints nothing';
      },
      outcome: {
        heartline: 'prints nothing',
        partysocket: 'prints',
        'reconnecting-websocket': 'prints',
      },
      why: 'There is no such option: a listener for `state` prints every change with its cause.',
    },
    {
      says: '`debugLogger` is told what happens, with `debug`',
      async run(t) {
        const clock = t.world(accept);
        let lines = 0;
        const debugLogger = () => { lines += 1; };
        t.open(URL, undefined, { ...QUICK, debug: true, partysocket: { debugLogger } });
        await clock.pass(100);
        return lines > 0 ? 'is told' : 'no such option';
      },
      outcome: {
        heartline: 'no such option',
        partysocket: 'is told',
        'reconnecting-websocket': 'no such option',
      },
      why: 'The same.',
    },
    {
      says: 'The `error` event of a dial without an answer, the last that is made, says',
      async run(t) {
        const clock = t.world(silence);
        const socket = t.open(URL, undefined, { ...QUICK, dialTimeout: 500, retries: 0 });
        const messages = [];
        socket.onerror = ({ message }) => messages.push(message);
        await clock.pass(MINUTE);
        return messages.join(', ');
      },
      outcome: {
        heartline: 'connect-timeout',
        partysocket: 'TIMEOUT',
        'reconnecting-websocket': 'TIMEOUT',
      },
      why: 'The kind of the loss, as in `disconnect`.',
    },
    {
      says: '`shouldReconnect` tells an end that is final',
      async run(t) {
        const clock = t.world(accept);
        const socket = t.open(URL, undefined, QUICK);
        await clock.pass(100);
        const before = socket.shouldReconnect;
        socket.close();
        return `${before}, ${socket.shouldReconnect}`;
      },
      outcome: {
        heartline: 'undefined, undefined',
        partysocket: 'true, false',
        'reconnecting-websocket': 'undefined, undefined',
      },
      why: '`readyState` tells it: 2 or 3 is the end, 0 and 1 are not. `state` says where in its life it is.',
    },
  ],
};
