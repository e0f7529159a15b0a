// What a layer above a socket costs, side by side: `npm run speed`, or `npm run speed -- 3 chromium receiving` for three
// rounds of one figure in one place. In each round every layer has its turn, and each round begins with another one. Ratios are
// taken within a round; figures are medians of the rounds.
import { NAMES, names } from './layers.js';
import { RUNTIMES } from './runtimes.js';

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const shown = (value) => Math.round(value).toLocaleString('en');

/** The figures of all layers, one object for each round. */
async function take(rounds, runtime, figure) {
  const all = [];
  for (let round = 0; round < rounds; round++) {
    const taken = {};
    for (let turn = 0; turn < NAMES.length; turn++) {
      const name = NAMES[(round + turn) % NAMES.length];
      taken[name] = await runtime.measure(figure, name);
    }
    all.push(taken);
  }
  return all;
}

/** Memory is what comes on top of bare; a `send` of bare does nothing here, so there is no ratio to it. */
function cells(figure, rounds, name) {
  const of = (value) => median(rounds.map(value));
  if (figure === 'memory') return [shown(of((round) => round[name] - round[names.bare]))];
  const cost = shown(of((round) => round[name]));
  if (figure === 'sending') return [cost];
  const ratios = rounds.map((round) => round[name] / round[names.bare]);
  return [cost, ...[median(ratios), Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2))];
}

const row = (values) => `| ${values.join(' | ')} |\n`;

/** 1.3 of bare, and what it costs to dispatch an event again. */
function goal(rounds) {
  const allowed = rounds.map((round) => 0.3 + round[names.redispatched] / round[names.bare]);
  const ratios = rounds.map((round) => round[names.heartline] / round[names.bare]);
  return `The goal of heartline is ${median(allowed).toFixed(2)} of bare, it has ${median(ratios).toFixed(2)}.\n`;
}

const HEADS = {
  receiving: ['ns for an inbound message', 'of bare', 'least', 'most'],
  sending: ['ns for a `send`'],
  memory: ['bytes for an idle session, above bare'],
};

function table(title, figure, rounds) {
  const head = HEADS[figure];
  const rows = NAMES.map((name) => row([name, ...cells(figure, rounds, name)]));
  return row([title, ...head]) + row(['---', ...head.map(() => '---:')]) + rows.join('') +
    (figure === 'receiving' ? `\n${goal(rounds)}` : '') + '\n';
}

const args = process.argv.slice(2);
const rounds = Number(args.find((arg) => Number(arg) > 0) ?? 7);
const chosen = (all) => {
  const some = Object.keys(all).filter((key) => args.includes(key));
  return some.length > 0 ? some : Object.keys(all);
};
for (const name of chosen(RUNTIMES)) {
  const runtime = await RUNTIMES[name]();
  try {
    for (const figure of chosen(HEADS)) {
      process.stdout.write(table(runtime.title, figure, await take(rounds, runtime, figure)));
    }
  } finally {
    await runtime.close();
  }
}
