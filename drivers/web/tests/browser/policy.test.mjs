// Content-security policies, and the module that is compiled elsewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bed } from './bed.mjs';

const beds = bed();
const { heartline, page: open, server: serve } = beds;

/** Every file under this policy until `body` is over. */
async function under(rules, body) {
  beds.files.headers = { 'content-security-policy': rules };
  try {
    return await body();
  } finally {
    beds.files.headers = {};
  }
}

const policy = (...scripts) => `default-src 'none'; connect-src *; script-src 'self' ${scripts.join(' ')}`;

test("a policy with 'wasm-unsafe-eval' is enough", () => under(policy("'wasm-unsafe-eval'"), async () => {
  const server = await serve();
  const page = await heartline();
  await page.evaluate((url) => dial(url), server.url);
  await page.until(() => socket.readyState === 1);
  assert.deepEqual(page.errors, []);
}));

test("without 'wasm-unsafe-eval' the import works, the constructor throws and names the policy", () => under(policy(), async () => {
  const page = await heartline();
  const thrown = await page.evaluate(() => {
    try {
      new HeartlineSocket('ws://127.0.0.1:9/');
      return null;
    } catch (error) {
      return [error.name, error.message];
    }
  });
  assert.equal(thrown[0], 'CompileError');
  assert.match(thrown[1], /Content Security Policy.*script-src 'self'/is);
}));

test('a policy that forbids the connection is a failed dial, at once', () => {
  const rules = "default-src 'none'; connect-src 'none'; script-src 'self' 'wasm-unsafe-eval'";
  return under(rules, async () => {
    const page = await heartline();
    await page.evaluate(() => dial('ws://127.0.0.1:9/', { connectTimeout: 86_400_000 }));
    await page.until(() => saw('disconnect').length > 0);
    assert.deepEqual(await page.evaluate(() => [saw('disconnect')[0].code, socket.stats.lostToClose > 0]), [1006, true]);
  });
});

test('./module is the class on a module that is given to it', async () => {
  const server = await serve();
  const page = await open();
  await page.evaluate(async (url) => {
    const { withModule } = await import('/dist/module.js');
    const module = await WebAssembly.compileStreaming(fetch('/dist/heartline.wasm'));
    const HeartlineSocket = withModule(module);
    globalThis.socket = watch(new HeartlineSocket(url));
    await socket.send('by the module');
  }, server.url);
  await page.until(() => saw('message').length === 1);
  assert.deepEqual(server.received, ['by the module']);
});
