// What importing does: nothing. And what a broken machine does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bed } from './bed.mjs';

const { page: open, heartline, server: serve } = bed();

test('importing touches no global, listens to nothing and compiles nothing', async () => {
  const page = await open();
  const changes = await page.evaluate(async () => {
    const calls = [];
    const spy = (owner, name) => {
      const original = owner[name];
      owner[name] = function (...args) {
        calls.push(`${name} ${args[0]}`);
        return Reflect.construct(original, args, new.target ?? original);
      };
    };
    for (const name of ['Module', 'Instance']) spy(WebAssembly, name);
    const { addEventListener } = EventTarget.prototype;
    EventTarget.prototype.addEventListener = function (...args) {
      calls.push(`addEventListener ${args[0]}`);
      return addEventListener.apply(this, args);
    };
    const names = () => Object.getOwnPropertyNames(globalThis);
    const describe = () => names().map((name) => Object.getOwnPropertyDescriptor(globalThis, name)).map((each) => each.value ?? each.get);
    const before = [names(), describe()];
    await import('/dist/index.js');
    await import('/dist/module.js');
    const after = [names(), describe()];
    const replaced = before[1].filter((value, index) => !Object.is(value, after[1][index]));
    return { added: after[0].filter((name) => !before[0].includes(name)), replaced: replaced.length, calls };
  });
  assert.deepEqual(changes, { added: [], replaced: 0, calls: [] });
});

test('a socket that is over leaves no listener on the page', async () => {
  const server = await serve();
  const page = await heartline();
  const count = async () => {
    let listeners = 0;
    for (const expression of ['window', 'document']) {
      const { result } = await page.devtools.call('Runtime.evaluate', { expression });
      listeners += (await page.devtools.call('DOMDebugger.getEventListeners', { objectId: result.objectId })).listeners.length;
    }
    return listeners;
  };
  const before = await count();
  await page.evaluate((url) => dial(url), server.url);
  assert.ok(await count() > before);
  await page.evaluate((url) => {
    globalThis.first = socket;
    dial(url);
  }, server.url);
  await page.until(() => first.readyState === 1 && socket.readyState === 1);
  await page.evaluate(() => {
    first.close();
    socket.close();
  });
  await page.until(() => saw('close').length === 2);
  assert.equal(await count(), before);
});

test('a trap ends all sockets of the realm with error and close, and the next constructor works', async () => {
  const server = await serve();
  const page = await open();
  await page.evaluate(() => {
    const { Instance } = WebAssembly;
    globalThis.instances = [];
    WebAssembly.Instance = function (...args) {
      const instance = new Instance(...args);
      instances.push(instance);
      return instance;
    };
  });
  await page.evaluate(() => import('/page/heartline.js').then(() => {}));
  await page.evaluate((url) => {
    dial(url);
    globalThis.first = socket;
    dial(url);
  }, server.url);
  await page.until(() => first.readyState === 1 && socket.readyState === 1);
  await page.evaluate(() => {
    post('before');
    // Garbage in the place of all that it knows.
    new Uint8Array(instances[0].exports.memory.buffer).fill(0xff);
    socket.send('after').then((receipt) => { globalThis.receipt = receipt; });
  });
  await page.until(() => saw('close').length === 2);
  assert.deepEqual(await page.evaluate(() => saw('error', 'close', 'disconnect').map(({ type, code }) => [type, code ?? null])),
    [['error', null], ['close', 1006], ['error', null], ['close', 1006]]);
  assert.deepEqual(await page.evaluate('[first.readyState, socket.readyState, receipt]'), [3, 3, { outcome: 'refused', reason: 'closed', id: null }]);
  await server.until('both connections are closed', ({ open }) => open.length === 0);
  await page.evaluate((url) => dial(url), server.url);
  await page.until(() => socket.readyState === 1);
  assert.equal(await page.evaluate('instances.length'), 2);
});
