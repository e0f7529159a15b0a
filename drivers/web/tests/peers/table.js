// The outcomes as the tables of README.md; `node table.js` writes them there.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CASES } from './cases/index.js';
import { NAMES } from './peers.js';

export const README = new URL('README.md', import.meta.url);
const MARK = '<!-- the rest is written by `node table.js` -->\n';

export const expected = (entry, name) => (typeof entry.outcome === 'string' ? entry.outcome : entry.outcome[name]);
export const differs = (entry) => NAMES.some((name) => expected(entry, name) !== expected(entry, NAMES[0]));

const row = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
const code = (outcome) => outcome.replaceAll(/[<>]/g, (character) => `\\${character}`);

function differences(cases) {
  const rows = cases.filter(differs).map((entry) =>
    row([entry.says, ...NAMES.map((name) => code(expected(entry, name))), entry.why]));
  if (rows.length === 0) return '';
  return row(['case', ...NAMES, 'why']) + row([...NAMES, '', ''].map(() => '---')) + rows.join('') + '\n';
}

function agreements(cases) {
  const same = cases.filter((entry) => !differs(entry)).map((entry) => `- ${entry.says}: ${code(entry.outcome)}\n`);
  return same.length === 0 ? '' : `The same in all three:\n\n${same.join('')}\n`;
}

/** README.md with the tables as the cases have them. */
export function readme() {
  const [head] = readFileSync(README, 'utf8').split(MARK);
  const sections = CASES.map(({ title, cases }) => `## ${title}\n\n${differences(cases)}${agreements(cases)}`);
  return `${head}${MARK}\n${sections.join('').trimEnd()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(README, readme());
