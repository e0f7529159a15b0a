// One figure of one layer, in a node of its own: `node --expose-gc node.js receiving 2`, the third of the layers.
import { idle, receiving, sending, watchMemory } from './figures.js';
import { NAMES } from './layers.js';

const COUNT = 10_000;
const [BURST, WARMUP, BURSTS] = [1000, 20, 100];

/** Bytes for a session. */
async function memory(name) {
  const wasm = watchMemory();
  await idle(name, 10);
  const used = () => (gc(), gc(), process.memoryUsage().heapUsed + wasm());
  const before = used();
  await idle(name, COUNT);
  return (used() - before) / COUNT;
}

/** Nanoseconds of CPU time of all threads for a message. */
const timed = (begin) => async (name) => {
  const run = await begin(name, BURST);
  await run(WARMUP);
  const start = process.cpuUsage();
  await run(BURSTS);
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1000) / (BURSTS * BURST);
};

const FIGURES = { receiving: timed(receiving), sending: timed(sending), memory };

const [figure, index] = process.argv.slice(2);
process.stdout.write(`${await FIGURES[figure](NAMES[index])}\n`, () => process.exit());
