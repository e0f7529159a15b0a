import { QUICK } from '../peers.js';
import { accept, differences, MINUTE, refuse, silence } from '../world.js';

const URL = 'ws://a.example/';
const DAY = 24 * 60 * MINUTE;

/** How long the first delays of many sockets are that lose their server together. */
async function firstDelays(t, count) {
  let up = true;
  const clock = t.world((wire) => up && wire.accept());
  for (let socket = 0; socket < count; socket++) t.open(URL);
  await clock.pass(1000);
  up = false;
  clock.wires.forEach((wire) => wire.end(1011, '', true));
  await clock.pass(MINUTE);
  return clock.times.slice(count, 2 * count).map((time) => time - 1000);
}

/** The delay after connections that each lived for `life` ms, which had failed dials before them. */
async function delayAfter(t, life) {
  const clock = t.world((wire, index) => {
    if (index < 3) return wire.end();
    wire.accept();
    for (let at = 100; at < life; at += 100) setTimeout(() => wire.say('here'), at);
    setTimeout(() => wire.end(1011, '', true), life);
  });
  t.open(URL, undefined, { min: 100, max: 100_000, grow: 2 });
  await clock.pass(20_000);
  return differences(clock.times)[3] - life;
}

export default {
  title: 'Defaults',
  cases: [
    {
      says: 'By default a dial without an answer is given up',
      async run(t) {
        const clock = t.world(silence);
        t.open(URL, undefined, { ...QUICK });
        await clock.pass(MINUTE);
        return clock.times.length > 2 ? `after ${differences(clock.times)[1] - 20} ms` : 'never';
      },
      outcome: {
        heartline: 'after 10000 ms',
        partysocket: 'after 4000 ms',
        'reconnecting-websocket': 'after 4000 ms',
      },
      why:
        'A mobile network with TLS and a token\'s fetch takes longer than 4 s; giving up early makes its ' +
        'server do the handshake twice.',
    },
    {
      says: 'By default the first delay is',
      async run(t) {
        const delays = await firstDelays(t, 200);
        const [least, most] = [Math.min(...delays), Math.max(...delays)];
        if (most - least > 1) return least < 500 && most > 4500 && most <= 5001 ? '0 to 5 s' : `${least} to ${most}`;
        if (least === 3000) return '3 s';
        return least >= 1000 && least <= 5000 ? '1 to 5 s, the same for all of a page' : `${least}`;
      },
      outcome: {
        heartline: '0 to 5 s',
        partysocket: '3 s',
        'reconnecting-websocket': '1 to 5 s, the same for all of a page',
      },
      why:
        'RFC 6455 §7.2.3 asks for a random delay of 0 to 5 s. partysocket\'s documentation promises 1 to 5 s, ' +
        'its code has 3.',
    },
    {
      says: 'By default the longest delay is',
      async run(t) {
        const clock = t.world(refuse);
        t.open(URL);
        await clock.pass(DAY / 4);
        const delays = differences(clock.times).slice(20);
        const [least, most] = [Math.min(...delays), Math.max(...delays)];
        return `${most - least > 10 ? 'up to ' : ''}${Math.ceil(most / 5000) * 5} s`;
      },
      outcome: {
        heartline: 'up to 30 s',
        partysocket: '10 s',
        'reconnecting-websocket': '10 s',
      },
      why: '15 s on average, drawn anew each time: a server that is down for long is asked less often, and not in step.',
    },
    {
      says: 'By default retries have no end',
      async run(t) {
        const clock = t.world(refuse);
        t.open(URL, undefined, { min: MINUTE, max: MINUTE, grow: 1 });
        await clock.pass(DAY);
        return clock.times.at(-1) > DAY - 2 * MINUTE ? 'dials after a day' : `ends after ${clock.times.length} dials`;
      },
      outcome: 'dials after a day',
    },
    {
      says: 'By default a connection of 4 s does not start the delays anew',
      run: async (t) => String(await delayAfter(t, 4000)),
      outcome: '800',
    },
    {
      says: 'By default a connection of 6 s does',
      run: async (t) => String(await delayAfter(t, 6000)),
      outcome: '100',
    },
    {
      says: 'By default nothing is printed',
      async run(t) {
        const clock = t.world((wire, index) => (index % 2 ? accept(wire) : refuse(wire)));
        t.open(URL, undefined, QUICK).send('x');
        await clock.pass(1000);
        return t.printed.length > 0 ? 'prints' : 'prints nothing';
      },
      outcome: 'prints nothing',
    },
  ],
};
