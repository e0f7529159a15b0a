// See `hunt`.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { apply, bugs, PACKAGE } from './bugs.mjs';

/** Seconds for a test: a bug may keep it from ending. */
const LIMIT = 60;

const copy = mkdtempSync(join(tmpdir(), 'heartline-hunt-'));
process.on('exit', () => rmSync(copy, { recursive: true }));
for (const name of ['src', 'dist', 'package.json', 'tests']) {
  cpSync(join(PACKAGE, name), join(copy, name), { recursive: true });
}
symlinkSync(join(PACKAGE, 'node_modules'), join(copy, 'node_modules'));

const bundle = () => build({
  absWorkingDir: copy, entryPoints: ['src/index.ts'], outdir: 'dist',
  bundle: true, format: 'esm', target: 'es2022', charset: 'utf8',
});

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** 'ok', 'not ok', 'not over' or 'not there'. */
function run(file, test) {
  const pattern = `--test-name-pattern=^${escaped(test)}$`;
  const { stdout, error } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', pattern, file], {
    cwd: copy, encoding: 'utf8', timeout: LIMIT * 1000, killSignal: 'SIGKILL',
  });
  if (error) return 'not over';
  // Node escapes what TAP has a meaning for, and skips the tests of the file that do not match.
  const lines = stdout.split('\n').filter((line) => /^(not )?ok \d+ - /.test(line) && !line.includes('# SKIP'));
  const line = lines.find((line) => line.replaceAll('\\', '').endsWith(` - ${test}`));
  return line ? /^(not )?ok/.exec(line)[0] : 'not there';
}

const words = process.argv.slice(2);
const chosen = bugs.filter(({ name }) => !words.length || words.some((word) => name.includes(word)));
if (!chosen.length) throw new Error(`no bug is called ${words.join(' ')}`);

const missed = [];
await bundle();
for (const [file, test] of new Map(chosen.map(({ file, test }) => [file + test, [file, test]])).values()) {
  const result = run(file, test);
  if (result !== 'ok') missed.push(`without a bug, ${file}: ${test}: ${result}`);
}
for (const bug of chosen) {
  apply(bug, copy);
  await bundle();
  const result = run(bug.file, bug.test);
  apply(bug, copy, '--reverse');
  const caught = result === 'not ok' || result === 'not over';
  if (!caught) missed.push(bug.name);
  console.log(`${caught ? 'caught' : 'MISSED'}: ${bug.name} (${result})`);
}
console.log(`${chosen.length} bugs, ${missed.length} not caught`);
for (const each of missed) console.log(`    ${each}`);
process.exitCode = missed.length ? 1 : 0;
