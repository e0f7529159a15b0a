// Every way into the package. What is in it as npm packs it: tests/package.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import { HeartlineSocket } from 'heartline';
import { withModule } from 'heartline/module';
import { FakeWebSocket, newest } from './fakes.js';

const require = createRequire(import.meta.url);

test('every address of the package is there, for both kinds of modules', () => {
  assert.equal(typeof HeartlineSocket, 'function');
  assert.equal(typeof require('heartline').HeartlineSocket, 'function');
  assert.equal(typeof require('heartline/module').withModule, 'function');
  assert(WebAssembly.validate(readFileSync(require.resolve('heartline/heartline.wasm'))));
  assert.equal(require('heartline/package.json').name, 'heartline');
});

test('a class on a given module compiles nothing', (t) => {
  const { Module } = WebAssembly;
  const Given = withModule(new Module(readFileSync(require.resolve('heartline/heartline.wasm'))));
  WebAssembly.Module = class {
    constructor() {
      throw new WebAssembly.CompileError('blocked by policy');
    }
  };
  t.after(() => (WebAssembly.Module = Module));
  const socket = new Given('ws://server/', [], { WebSocket: FakeWebSocket });
  newest().accept();
  assert.equal(socket.readyState, Given.OPEN);
  socket.close();
});
