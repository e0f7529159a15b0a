// src/ as dist/: each entry as ECMAScript and CommonJS module, with its declarations for both. Readable, without source maps.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const common = { entryPoints: ['src/index.ts', 'src/module.ts'], outdir: 'dist', bundle: true, target: 'es2022', charset: 'utf8' };
await build({ ...common, format: 'esm' });
await build({ ...common, format: 'cjs', outExtension: { '.js': '.cjs' } });

// What the declarations of the entries refer to; the others are of no use outside.
const PUBLIC = ['index', 'module', 'socket', 'types'];
execFileSync('node_modules/.bin/tsc', ['-p', '.', '--outDir', 'dist/all'], { stdio: 'inherit' });
for (const name of PUBLIC) {
  const declarations = readFileSync(`dist/all/${name}.d.ts`, 'utf8');
  const [unknown] = [...declarations.matchAll(/from '\.\/(\w+)\.js'/g)].filter(([, from]) => !PUBLIC.includes(from));
  if (unknown) throw new Error(`${name}.d.ts refers to ${unknown[1]}`);
  writeFileSync(`dist/${name}.d.ts`, declarations);
  writeFileSync(`dist/${name}.d.cts`, declarations.replaceAll(/(from '\.\/\w+)\.js'/g, "$1.cjs'"));
}
rmSync('dist/all', { recursive: true });
