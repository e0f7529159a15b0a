import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { addTo, pack, run } from './packed.js';

const { project } = pack();
addTo(project, 'consumer');
writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }));

const STRICT = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--lib', 'es2022,dom'];

const WAYS = {
  'node16': { flags: ['--module', 'node16', '--moduleResolution', 'node16'], files: ['page.ts', 'required.cts'] },
  'nodenext': { flags: ['--module', 'nodenext', '--moduleResolution', 'nodenext'], files: ['page.ts', 'required.cts'] },
  'a bundler': { flags: ['--module', 'esnext', '--moduleResolution', 'bundler'], files: ['page.ts'] },
  'an older target, with a later lib': { flags: ['--module', 'preserve', '--target', 'es2017'], files: ['page.ts', 'required.cts'] },
};

for (const [way, { flags, files }] of Object.entries(WAYS)) {
  test(`the types hold under tsc --strict as ${way} resolves them, and each mistake is an error`, () => {
    run('tsc', [...STRICT, ...flags, ...files], project);
  });
}
