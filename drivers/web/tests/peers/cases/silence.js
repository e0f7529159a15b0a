import { QUICK } from '../peers.js';
import { accept, MINUTE } from '../world.js';

const URL = 'ws://a.example/';
const HOUR = 60 * MINUTE;

/** A link that dies without a word, after some minutes of pings that are answered. */
async function dead(t, heartline) {
  let alive = true;
  const clock = t.world((wire) => {
    wire.accept();
    wire.send = (data) => {
      wire.sent.push(data);
      if (alive && data === 'ping') setTimeout(() => wire.say('pong'), 50);
    };
  });
  const socket = t.open(URL, undefined, { ...QUICK, heartline });
  await clock.pass(10 * MINUTE);
  alive = false;
  const dials = clock.times.length;
  const start = performance.now();
  await clock.pass(HOUR);
  return { clock, dials, redialled: clock.times[dials] - start, socket };
}

const PING = { ping: 'ping', isPong: (data) => data === 'pong' };

export default {
  title: 'Silence',
  cases: [
    {
      says: 'A link that died without a word is found by pings, if the options have them',
      async run(t) {
        const { dials, redialled, socket } = await dead(t, PING);
        if (dials !== 1) return `${dials} dials of a living link`;
        return redialled <= 30_000 ? 'dialled again within 30 s' : `for ever open, readyState ${socket.readyState}`;
      },
      outcome: {
        heartline: 'dialled again within 30 s',
        partysocket: 'for ever open, readyState 1',
        'reconnecting-websocket': 'for ever open, readyState 1',
      },
      why: 'They have no heartbeat.',
    },
    {
      says: 'A link that died without a word stays open without pings',
      async run(t) {
        const { clock, dials, socket } = await dead(t);
        return clock.times.length === dials ? `readyState ${socket.readyState}` : 'dialled again';
      },
      outcome: 'readyState 1',
    },
    {
      says: 'The answers to pings are no messages of the application',
      async run(t) {
        const clock = t.world(accept);
        const socket = t.open(URL, undefined, { ...QUICK, heartline: PING });
        await clock.pass(100);
        const seen = t.log(socket);
        clock.wires[0].say('pong');
        clock.wires[0].say('news');
        return seen.join(', ');
      },
      outcome: {
        heartline: 'message news',
        partysocket: 'message pong, message news',
        'reconnecting-websocket': 'message pong, message news',
      },
      why: 'The same.',
    },
    {
      says: 'A server that talks is silent when it stops, if the options listen',
      async run(t) {
        const clock = t.world(accept);
        t.open(URL, undefined, { ...QUICK, heartline: { listen: 10_000 } });
        for (let second = 0; second < 60; second++) {
          await clock.pass(1000);
          clock.wires[0].say('tick');
        }
        const alive = clock.times.length;
        await clock.pass(MINUTE);
        return `${alive} dial while it talks, ${clock.times.length > alive ? 'dialled again' : 'none'} after`;
      },
      outcome: {
        heartline: '1 dial while it talks, dialled again after',
        partysocket: '1 dial while it talks, none after',
        'reconnecting-websocket': '1 dial while it talks, none after',
      },
      why: 'The same.',
    },
  ],
};
