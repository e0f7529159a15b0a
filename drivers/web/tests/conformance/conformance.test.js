// heartline-testkit's conformance suite on the class, in a page of Chromium and in node. Needs cargo, and the package built.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BY_LUCK, NODE, PAGE } from './cannot.js';
import { Pages } from './pages.js';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const CARGO = ['run', '--quiet', '--package', 'heartline-testkit', '--bin', 'heartline-conformance', '--'];
const PACE = Number(process.env.HEARTLINE_PACE ?? 1);
/** For cases that fail by waiting in vain. */
const FASTER = 0.4 * PACE;
/** For cases that failed: one that passes at this pace failed for want of CPU. */
const SLOWER = 5 * PACE;

/** What the suite prints when it is called with these arguments. */
async function suite(...args) {
  const child = spawn('cargo', [...CARGO, ...args], { cwd: file('../../../../'), stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) printed += chunk;
  return printed;
}

/** Runs these cases on the adapter that node starts so: the report, and the names of those that passed. */
async function run(names, adapter, ...options) {
  const report = await suite(...options, ...names.flatMap((name) => ['--only', name]), process.execPath, ...adapter);
  const verdicts = [...report.matchAll(/^ {2}(passed|FAILED|not applicable) +(\S+)/gm)];
  assert.deepEqual(verdicts.map(([, , name]) => name).sort(), [...names].sort(), `every case has its verdict\n${report}`);
  return { report, passed: verdicts.filter(([, verdict]) => verdict === 'passed').map(([, , name]) => name) };
}

/** Every case passes but those in `cannot`, of which none does. */
async function conforms(adapter, cannot, byLuck = {}) {
  const names = (await suite('--list')).trim().split('\n').map((line) => line.split(' ')[0]);
  const listed = Object.keys({ ...cannot, ...byLuck });
  assert.deepEqual(listed.filter((name) => !names.includes(name)), [], 'what is listed is a case');
  const applicable = names.filter((name) => !listed.includes(name));
  const { report, passed } = await run(applicable, adapter);
  const failed = applicable.filter((name) => !passed.includes(name));
  if (failed.length) {
    console.error(report);
    const again = await run(failed, adapter, '--pace', SLOWER);
    assert.deepEqual(again.passed, failed, again.report);
  }
  const others = await run(Object.keys(cannot), adapter, '--pace', FASTER);
  assert.deepEqual(others.passed, [], 'what passes is not listed');
}

let pages;
before(async () => { pages = await Pages.start(); });
after(() => pages?.close());

test('in a page every case that applies passes', () => conforms([file('./relay.js'), pages.port], PAGE, BY_LUCK));

test('in node with ws every case that applies passes', () => conforms([file('./node.js')], NODE));
