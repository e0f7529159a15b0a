// Runs the cases on one package and prints the outcomes as JSON: `node run.js <package> [part of a sentence]`.
// Each package has a process of its own, since some of them leave a promise rejected or a timer behind.
import { setTimeout as sleep } from 'node:timers/promises';
import { CASES } from './cases/index.js';
import { peer as load } from './peers.js';
import { serve } from './server.js';
import { World } from './world.js';

const PATIENCE = 20_000;

// What a package prints is an outcome like others.
const printed = [];
for (const method of ['log', 'warn', 'error']) console[method] = (...line) => printed.push(line.join(' '));
const complain = (text) => process.stderr.write(`${text}\n`);

// A wait that nothing ends leaves the loop empty: node then exits with 13, and this says where.
let current = 'before the first case';
process.on('exit', (code) => code !== 0 && complain(`exit ${code} in: ${current}\n${uncaught.join('\n')}`));

const uncaught = [];
for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error) => uncaught.push(`${event}: ${error?.message ?? error}`));
}

async function until(condition, what) {
  const end = performance.now() + PATIENCE;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what ?? condition}`);
    await sleep(2);
  }
}

/** What happens on a socket, in one word each. */
function log(socket) {
  const seen = [];
  const told = {
    open: () => 'open',
    message: (event) => `message ${event.data}`,
    error: () => 'error',
    close: (event) => `close ${event.code}`,
    disconnect: (event) => `disconnect ${event.code}`,
  };
  for (const [type, tell] of Object.entries(told)) {
    socket.addEventListener(type, (event) => seen.push(tell(event)));
  }
  return seen;
}

function context(peer) {
  const ends = [];
  return {
    ends,
    peer: peer.name,
    own: peer.name === 'heartline',
    Socket: peer.Socket,
    open(url, protocols, settings) {
      const socket = peer.open(url, protocols, settings);
      ends.push(() => socket.close());
      return socket;
    },
    async serve(greet, port) {
      const server = await serve(greet, port);
      ends.push(() => server.stop());
      return server;
    },
    world(onDial) {
      const clock = new World(onDial);
      ends.push(() => clock.restore());
      return clock;
    },
    log,
    until,
    uncaught,
    printed,
  };
}

async function run(entry, peer) {
  uncaught.length = 0;
  printed.length = 0;
  current = entry.says;
  const t = context(peer);
  try {
    const outcome = await entry.run(t);
    await new Promise((done) => setImmediate(done));
    return [outcome, ...new Set(uncaught.map((line) => line.split(':')[0]))].join(', ');
  } catch (error) {
    return `failed: ${error.stack}`;
  } finally {
    for (const end of t.ends) {
      try {
        await end();
      } catch (error) {
        complain(`the end of "${entry.says}": ${error.stack}`);
      }
    }
  }
}

const [name, part = ''] = process.argv.slice(2);
const peer = await load(name);
const outcomes = {};
for (const entry of CASES.flatMap(({ cases }) => cases)) {
  if (entry.says.includes(part)) outcomes[entry.says] = await run(entry, peer);
}
process.stdout.write(`${JSON.stringify(outcomes, null, 2)}\n`, () => process.exit(0));
