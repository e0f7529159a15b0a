import { QUICK, REAL } from '../peers.js';
import { accept, differences, MINUTE, refuse, silence } from '../world.js';

const URL = 'ws://a.example/';

/** What follows when the server ends the first connection with this code. */
const afterClose = (code, settings = {}) => async (t) => {
  const clock = t.world((wire, index) => {
    wire.accept();
    if (index === 0) setTimeout(() => wire.end(code, '', true), 100);
  });
  const socket = t.open(URL, undefined, { ...QUICK, ...settings });
  await clock.pass(MINUTE);
  return clock.times.length > 1 ? 'dials again' : `ends, readyState ${socket.readyState}`;
};

export default {
  title: 'Dialling',
  cases: [
    {
      says: 'A connection that breaks is dialled again',
      async run(t) {
        const server = await t.serve();
        const socket = t.open(server.url, undefined, REAL);
        await t.until(() => socket.readyState === 1, 'a connection');
        server.kill();
        await t.until(() => server.sockets.length === 2 && socket.readyState === 1, 'another');
        return 'dials again';
      },
      outcome: 'dials again',
    },
    {
      says: 'A server that is not there yet is dialled until it is',
      async run(t) {
        const server = await t.serve();
        await server.stop();
        const socket = t.open(server.url, undefined, REAL);
        const told = new Promise((done) => {
          for (const type of ['error', 'disconnect']) socket.addEventListener(type, done);
        });
        await told;
        await t.serve(undefined, server.port);
        await t.until(() => socket.readyState === 1, 'a connection');
        return 'open';
      },
      outcome: 'open',
    },
    { says: 'A server that goes away (1001) is dialled again', run: afterClose(1001), outcome: 'dials again' },
    { says: 'A server that failed (1011) is dialled again', run: afterClose(1011), outcome: 'dials again' },
    {
      says: 'A server that closes with 1000 is dialled again',
      run: afterClose(1000),
      outcome: {
        heartline: 'ends, readyState 3',
        partysocket: 'dials again',
        'reconnecting-websocket': 'dials again',
      },
      why:
        '1000 says that the purpose of the connection is fulfilled (RFC 6455 §7.4.1): a server that logs a user out ' +
        'or ends a game is not dialled for ever. `retry: [{ close: 1000, then: \'retry\' }]` dials.',
    },
    {
      says: 'A server that closes with 1000 is dialled again if the options say so',
      run: afterClose(1000, { heartline: { retry: [{ close: 1000, then: 'retry' }] } }),
      outcome: 'dials again',
    },
    {
      says: 'A server that refuses this client (1008) is dialled again',
      run: afterClose(1008),
      outcome: {
        heartline: 'ends, readyState 3',
        partysocket: 'dials again',
        'reconnecting-websocket': 'dials again',
      },
      why:
        'What breaks a policy now breaks it at the next dial; the same holds for 1002, 1003, 1007, 1010, 3003 and ' +
        'most of 44xx. `retry` changes it.',
    },
    {
      says: 'The options say which closes are final',
      run: afterClose(1011, {
        heartline: { retry: [{ close: 1011, then: 'stop' }] },
        partysocket: { shouldReconnectOnClose: (event) => event.code !== 1011 },
      }),
      outcome: {
        heartline: 'ends, readyState 3',
        partysocket: 'ends, readyState 3',
        'reconnecting-websocket': 'dials again',
      },
      why: 'reconnecting-websocket has no such option.',
    },
    {
      says: 'The delays grow from the least to the greatest',
      async run(t) {
        const clock = t.world(refuse);
        t.open(URL, undefined, { min: 100, max: 500, grow: 2 });
        await clock.pass(3000);
        return differences(clock.times).slice(0, 5).join(' ');
      },
      outcome: '100 200 400 500 500',
    },
    {
      says: 'The growth can be set',
      async run(t) {
        const clock = t.world(refuse);
        t.open(URL, undefined, { min: 100, max: 100_000, grow: 3 });
        await clock.pass(20_000);
        return differences(clock.times).slice(0, 4).join(' ');
      },
      outcome: {
        heartline: '100 200 400 800',
        partysocket: '100 300 900 2700',
        'reconnecting-websocket': '100 300 900 2700',
      },
      why:
        'The ceiling doubles, as RFC 6455 §7.2.3 has it; what is set is where it starts, where it ends and ' +
        'how a delay is drawn below it.',
    },
    {
      says: 'The sockets of one page that lose their server dial again at different times',
      async run(t) {
        let up = true;
        const clock = t.world((wire) => (up ? wire.accept() : wire.end()));
        for (let socket = 0; socket < 100; socket++) t.open(URL);
        await clock.pass(1000);
        up = false;
        clock.wires.forEach((wire) => wire.end(1012, '', true));
        await clock.pass(MINUTE);
        const times = new Set(clock.times.slice(100, 200).map(Math.round));
        return times.size > 50 ? 'at different times' : times.size === 1 ? 'all at once' : `at ${times.size} times`;
      },
      outcome: {
        heartline: 'at different times',
        partysocket: 'all at once',
        'reconnecting-websocket': 'all at once',
      },
      why:
        'partysocket waits 3 s in every page, reconnecting-websocket a time between 1 and 5 s that is ' +
        'drawn once in a page: a server that restarts gets its clients back together. Every delay is drawn ' +
        'anew (`jitter`).',
    },
    {
      says: 'A connection that ends at once does not start the delays anew',
      async run(t) {
        const clock = t.world((wire) => {
          wire.accept();
          setTimeout(() => wire.end(1011, '', true), 10);
        });
        t.open(URL, undefined, { min: 100, max: 400, grow: 2, uptime: 5000 });
        await clock.pass(3000);
        return differences(clock.times).slice(0, 4).map((ms) => ms - 10).join(' ');
      },
      outcome: '100 200 400 400',
    },
    {
      says: 'A connection that lasts starts them anew',
      async run(t) {
        const clock = t.world((wire, index) => {
          if (index < 3) return wire.end();
          wire.accept();
          for (let at = 500; at < 6000; at += 500) setTimeout(() => wire.say('here'), at);
          setTimeout(() => wire.end(1011, '', true), 6000);
        });
        t.open(URL, undefined, { min: 100, max: 400, grow: 2, uptime: 5000 });
        await clock.pass(20_000);
        return String(differences(clock.times)[3] - 6000);
      },
      outcome: '100',
    },
    {
      says: 'A dial without an answer is given up',
      async run(t) {
        const clock = t.world(silence);
        t.open(URL, undefined, { ...QUICK, dialTimeout: 500 });
        await clock.pass(5000);
        return clock.times.length > 2 ? `after ${differences(clock.times)[1] - 20} ms` : 'never';
      },
      outcome: 'after 500 ms',
    },
    {
      says: 'The number of retries has a bound',
      async run(t) {
        const clock = t.world(refuse);
        t.open(URL, undefined, { ...QUICK, retries: 3 });
        await clock.pass(MINUTE);
        return `1 dial and ${clock.times.length - 1} retries`;
      },
      outcome: '1 dial and 3 retries',
    },
    {
      says: 'The last of the retries is told',
      async run(t) {
        const clock = t.world(refuse);
        const socket = t.open(URL, undefined, { ...QUICK, retries: 2 });
        const seen = t.log(socket);
        await clock.pass(MINUTE);
        return seen.join(', ');
      },
      outcome: {
        heartline: 'disconnect 1006, disconnect 1006, error, close 1006',
        partysocket: 'close 1000, error, close 1000, error, close 1000, error',
        'reconnecting-websocket': 'close 1000, error, close 1000, error, close 1000, error',
      },
      why:
        'Theirs cannot be told from the ones before, and say 1000 (clean) of a dial that failed. One ' +
        '`error` and one `close` are the end.',
    },
    {
      says: '`retryCount` is the number of retries',
      async run(t) {
        const clock = t.world((wire, index) => (index < 3 ? wire.end() : wire.accept()));
        const socket = t.open(URL, undefined, QUICK);
        await clock.pass(1000);
        return String(socket.retryCount);
      },
      outcome: {
        heartline: 'undefined',
        partysocket: '3',
        'reconnecting-websocket': '3',
      },
      why:
        'Stands where it is needed: `attempt` in the `retry` event and in what the functions for address ' +
        'and protocols are given; `stats` counts.',
    },
    {
      says: '`startClosed` waits for `reconnect()` before it dials',
      async run(t) {
        const clock = t.world(accept);
        const socket = t.open(URL, undefined, { ...QUICK, startClosed: true });
        await clock.pass(MINUTE);
        const before = `${clock.times.length} dials, readyState ${socket.readyState}`;
        socket.reconnect();
        await clock.pass(MINUTE);
        return `${before}; then ${clock.times.length}`;
      },
      outcome: {
        heartline: '1 dials, readyState 1; then 2',
        partysocket: '0 dials, readyState 3; then 1',
        'reconnecting-websocket': '0 dials, readyState 3; then 1',
      },
      why: 'There is no such option: the constructor dials, as that of `WebSocket`; construct it when it is wanted.',
    },
  ],
};
