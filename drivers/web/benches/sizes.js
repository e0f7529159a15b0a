// The bytes that a page downloads for one socket, as Vite bundles it: `npm run sizes`. With `-- --check` fails if heartline is too large.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'vite';

/** Bytes of heartline, class and machine together, by gzip -9. */
const LIMIT = 22_000;

const HERE = fileURLToPath(new URL('.', import.meta.url));

const PAGES = {
  heartline: `
    import { HeartlineSocket } from 'heartline';
    const socket = new HeartlineSocket('wss://example.org/');`,
  partysocket: `
    import { WebSocket } from 'partysocket';
    const socket = new WebSocket('wss://example.org/');`,
  'reconnecting-websocket': `
    import ReconnectingWebSocket from 'reconnecting-websocket';
    const socket = new ReconnectingWebSocket('wss://example.org/');`,
  'socket.io-client': `
    import { io } from 'socket.io-client';
    const socket = io('wss://example.org/');`,
  'graphql-ws': `
    import { createClient } from 'graphql-ws';
    const socket = createClient({ url: 'wss://example.org/' });`,
};

const USE = '\nsocket.onmessage = (event) => document.body.append(event.data);\n';

/** The code of a page with nothing else in it, minified. The page is in no file, but imports as one in this folder does. */
async function bundle(source) {
  const input = join(HERE, 'page.js');
  const page = {
    name: 'page',
    enforce: 'pre',
    resolveId: (id) => (id === input ? id : null),
    load: (id) => (id === input ? source + USE : null),
  };
  const { output } = await build({
    root: HERE,
    configFile: false,
    logLevel: 'error',
    plugins: [page],
    build: { write: false, modulePreload: false, rollupOptions: { input } },
  });
  return Buffer.from(output.filter(({ type }) => type === 'chunk').map(({ code }) => code).join(''));
}

const versionOf = (name) => {
  const manifest = name === 'heartline' ? '../package.json' : `../node_modules/${name}/package.json`;
  return JSON.parse(readFileSync(new URL(manifest, import.meta.url), 'utf8')).version;
};

async function sizeOf(name) {
  const code = await bundle(PAGES[name]);
  return {
    name,
    version: versionOf(name),
    minified: code.length,
    gzip: gzipSync(code, { level: 9 }).length,
    brotli: brotliCompressSync(code).length,
  };
}

export const NAMES = Object.keys(PAGES);

export async function sizes(names = NAMES) {
  const all = [];
  for (const name of names) all.push(await sizeOf(name));
  return all;
}

const bytes = (count) => count.toLocaleString('en');

export function table(all) {
  const rows = all.map(({ name, version, minified, gzip, brotli }) =>
    `| ${name} ${version} | ${bytes(minified)} | ${bytes(gzip)} | ${bytes(brotli)} |\n`);
  return `| bytes | minified | gzip -9 | brotli |\n| --- | ---: | ---: | ---: |\n${rows.join('')}`;
}

async function check() {
  const [{ gzip }] = await sizes(['heartline']);
  const verdict = gzip > LIMIT ? 'too large' : 'fits';
  process.stdout.write(`heartline by gzip -9: ${bytes(gzip)} bytes of ${bytes(LIMIT)}: ${verdict}\n`);
  if (gzip > LIMIT) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) await check();
  else process.stdout.write(table(await sizes()));
}
