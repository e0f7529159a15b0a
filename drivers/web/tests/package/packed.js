// The package as npm packs it, unpacked where a project would install it.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a program that the package's own `node_modules` brings; gives what it prints, and throws with that if it fails. */
export function run(program, args, cwd) {
  try {
    return execFileSync(join(ROOT, 'node_modules/.bin', program), args, { cwd, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}:\n${error.stdout}${error.stderr}`);
  }
}

/** A folder of its own with the tarball, and with a project in `project` that has it installed. Removed at exit. */
export function pack() {
  const folder = mkdtempSync(join(tmpdir(), 'heartline-package-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT, stdio: 'pipe' });
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')));
  const project = join(folder, 'project');
  const installed = join(project, 'node_modules/heartline');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
  return { tarball, project, installed };
}

/** Copies `folder` of these tests into the project. */
export function addTo(project, folder) {
  cpSync(fileURLToPath(new URL(folder, import.meta.url)), project, { recursive: true });
}
