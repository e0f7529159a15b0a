import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import vm from 'node:vm';
import { transformSync } from 'esbuild';
import { pack, ROOT, run } from './packed.js';

const { tarball, installed } = pack();
const files = readdirSync(installed, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(installed.length + 1));
const code = files.filter((name) => /\.c?js$/.test(name));

/** What is built: of each entry both kinds of modules, and the declarations that they refer to. */
const BUILT = [
  'heartline.wasm',
  'index.cjs', 'index.d.cts', 'index.d.ts', 'index.js',
  'module.cjs', 'module.d.cts', 'module.d.ts', 'module.js',
  'socket.d.cts', 'socket.d.ts',
  'types.d.cts', 'types.d.ts',
];

test('the package has its documentation, both licences and what is built, and nothing else', () => {
  const built = BUILT.map((name) => `dist/${name}`);
  assert.deepEqual(files.sort(), ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', ...built, 'package.json']);
});

test('the licences are those of the project', () => {
  for (const name of ['LICENSE-APACHE', 'LICENSE-MIT']) {
    assert.equal(readFileSync(join(installed, name), 'utf8'), readFileSync(join(ROOT, '../..', name), 'utf8'));
  }
});

test('every file that the exports name is there', () => {
  const named = JSON.stringify(JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')).exports);
  for (const [, name] of named.matchAll(/"\.\/([\w./]+)"(?!:)/g)) assert.ok(files.includes(name), name);
});

test('nothing asks for a package, a network or an evaluator of code, or has an address or a source map', () => {
  const forbidden =
    /\b(fetch|XMLHttpRequest|EventSource|sendBeacon|importScripts|require|eval|Function|import) ?\(|https?:\/\/|sourceMappingURL/g;
  for (const name of code) {
    const found = readFileSync(join(installed, name), 'utf8').match(forbidden) ?? [];
    assert.deepEqual(found, [], name);
  }
});

test('no declaration is larger than what a person reads', () => {
  for (const name of files.filter((file) => /\.d\.c?ts$/.test(file))) {
    assert.ok(readFileSync(join(installed, name)).length < 20_000, name);
  }
});

test('publint finds nothing', () => {
  assert.match(run('publint', [tarball, '--strict']), /All good!/);
});

test('attw finds the types of every entry in every way to resolve them', () => {
  run('attw', [tarball, '--exclude-entrypoints', './heartline.wasm', '--profile', 'node16']);
});

/** Runs a module, as a classic script, in a realm where whatever it could use throws. */
function evaluate(name) {
  const source = readFileSync(join(installed, name), 'utf8');
  const { code: script } = transformSync(source, { format: name.endsWith('.cjs') ? undefined : 'iife' });
  const watched = ['WebSocket', 'WebAssembly', 'document', 'window', 'navigator', 'location', 'performance', 'Date', 'setTimeout',
    'clearTimeout', 'queueMicrotask', 'addEventListener', 'FinalizationRegistry', 'CloseEvent', 'MessageEvent'];
  const realm = vm.createContext({ EventTarget, module: { exports: {} } });
  for (const global of watched) {
    const trap = `{ configurable: true, get() { throw new Error('reads ${global}'); } }`;
    vm.runInContext(`Object.defineProperty(globalThis, '${global}', ${trap})`, realm);
  }
  const before = vm.runInContext('Object.getOwnPropertyNames(globalThis)', realm);
  vm.runInContext(`(() => { ${script} })()`, realm);
  return vm.runInContext('Object.getOwnPropertyNames(globalThis)', realm).filter((global) => !before.includes(global)).join();
}

test('importing it reads nothing of the realm but `EventTarget`, and leaves nothing in it', () => {
  for (const name of code) assert.equal(evaluate(name), '', name);
});
