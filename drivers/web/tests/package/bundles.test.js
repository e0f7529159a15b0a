import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { build as esbuild } from 'esbuild';
import { rollup } from 'rollup';
import { build as vite } from 'vite';
import { pack } from './packed.js';

const { project, installed } = pack();

/** Rollup alone does not read `package.json`; this is what its usual plugin does. */
const { sideEffects } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
const resolution = {
  name: 'resolution',
  resolveId: (id) => (id === 'heartline' ? { id: join(installed, 'dist/index.js'), moduleSideEffects: sideEffects } : null),
};

const BUNDLERS = {
  async esbuild(entry) {
    const { outputFiles } = await esbuild({
      entryPoints: [entry], bundle: true, minify: true, format: 'esm', write: false, logLevel: 'error',
    });
    return outputFiles[0].text;
  },
  async rollup(entry) {
    const bundle = await rollup({ input: entry, plugins: [resolution], logLevel: 'silent' });
    return (await bundle.generate({ format: 'esm' })).output[0].code;
  },
  async vite(entry) {
    const { output } = await vite({
      root: project, configFile: false, logLevel: 'silent',
      build: { write: false, modulePreload: false, rollupOptions: { input: entry } },
    });
    return output.map(({ code }) => code ?? '').join('');
  },
};

const SOURCES = {
  'imported for nothing': "import 'heartline';",
  'imported and not used': "import { HeartlineSocket } from 'heartline'; import * as all from 'heartline';",
};

for (const [bundler, bundle] of Object.entries(BUNDLERS)) {
  for (const [how, source] of Object.entries(SOURCES)) {
    test(`${bundler} leaves nothing of the package that is ${how}`, async () => {
      const entry = join(project, `${bundler}.js`);
      writeFileSync(entry, source);
      assert.equal((await bundle(entry)).trim(), '');
    });
  }

  test(`${bundler} keeps the class that is used`, async () => {
    const entry = join(project, `${bundler}-used.js`);
    writeFileSync(entry, "import { HeartlineSocket } from 'heartline'; new HeartlineSocket('ws://a.example');");
    assert.match(await bundle(entry), /a\.example/);
  });
}
