import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PATIENCE } from '../chromium/patience.mjs';
import { CASES } from './cases/index.js';
import { NAMES } from './peers.js';
import { differs, expected, README, readme } from './table.js';

const CASES_OF_ALL = CASES.flatMap(({ cases }) => cases);

async function outcomes(name) {
  const program = fileURLToPath(new URL('run.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, name], { timeout: 4 * PATIENCE });
  return JSON.parse(stdout);
}

for (const name of NAMES) {
  test(`${name} behaves as the table says`, async () => {
    const wanted = Object.fromEntries(CASES_OF_ALL.map((entry) => [entry.says, expected(entry, name)]));
    assert.deepEqual(await outcomes(name), wanted);
  });
}

test('every difference of heartline has its reason, and nothing else has one', () => {
  const wrong = CASES_OF_ALL.filter((entry) => differs(entry) !== Boolean(entry.why)).map(({ says }) => says);
  assert.deepEqual(wrong, []);
});

test('no two cases say the same', () => {
  assert.equal(new Set(CASES_OF_ALL.map(({ says }) => says)).size, CASES_OF_ALL.length);
});

test('the tables in README.md are those of the cases', () => {
  assert.equal(readFileSync(README, 'utf8'), readme(), 'run `node table.js` in tests/peers');
});

/** What the declarations of a package name: its options and the public members of its class. */
function declared(path) {
  const text = readFileSync(new URL(`../../node_modules/${path}`, import.meta.url), 'utf8').replaceAll(/\/\*[^]*?\*\//g, '');
  const [, options] = /type Options = \{([^]*?)\}/.exec(text);
  const [, members] = /class ReconnectingWebSocket [^{]*\{([^]*?)\n\}/.exec(text);
  const named = `${options}\n${members.replaceAll(/^ +(private|protected) .*$/gm, '')}`;
  return new Set([...named.matchAll(/^ +(?:static |readonly |get |set )*(\w+)\??[(:<]/gm)].map(([, name]) => name));
}

test('every option and member that the declarations of the others name is in a case', () => {
  const texts = readdirSync(new URL('cases', import.meta.url)).map((name) => `cases/${name}`).concat('peers.js');
  const code = texts.map((name) => readFileSync(new URL(name, import.meta.url), 'utf8')).join('');
  const names = ['partysocket/ws-DfTZCobx.d.ts', 'reconnecting-websocket/dist/reconnecting-websocket.d.ts'].map(declared);
  for (const all of names) {
    assert.ok(all.size > 25, [...all].join());
    assert.deepEqual([...all].filter((name) => name !== 'constructor' && !new RegExp(`\\b${name}\\b`).test(code)), []);
  }
});
