// The bugs of this folder: a patch each, whose first line names the test that catches it.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const HERE = new URL('.', import.meta.url);
export const PACKAGE = fileURLToPath(new URL('../../', HERE));

export const bugs = readdirSync(HERE).filter((name) => name.endsWith('.patch')).sort().map((name) => {
  const patch = readFileSync(new URL(name, HERE), 'utf8');
  const [, file, test] = /^Caught-by: (\w+): (.+)$/m.exec(patch);
  return { name: name.replace('.patch', ''), patch, file: `tests/unit/${file}.test.js`, test };
});

/** Applies a patch to the package in `folder`, exactly, or throws. */
export function apply({ patch }, folder, ...options) {
  // Outside of a repository paths are those of the patch.
  const env = { ...process.env, GIT_DIR: '/nowhere' };
  execFileSync('git', ['apply', ...options, '-'], { cwd: folder, input: patch, stdio: ['pipe', 'pipe', 'pipe'], env });
}
