// Every test that README.md names exists, and every line of its tables names one.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('./', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(`${here}README.md`, 'utf8');

/** The lines of the tables below a heading, as cells. */
function rows(heading) {
  const [section] = readme.split(`\n## ${heading}\n`)[1].split('\n## ');
  const lines = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| |'));
  return lines.map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
}

const tables = ['What the documents need, and the test of it', "The documents' bugs"];
const reference = /`([\w./-]+\.\w+)`(?: › (.+?))?(?=<br>|$)/g;
const named = (cell) => [...cell.matchAll(reference)].map(([, path, name]) => ({ path, name }));

/** How a file says that something is its test, by the end of its name. */
const TITLES = {
  rs: /#\[(?:tokio::)?test[^\]]*\]\s+(?:async )?fn (\w+)/g,
  ts: /@ts-expect-error (.+)/g,
  js: /\btest\((?:'((?:[^'\\]|\\.)+)'|"([^"]+)"|`([^`]+)`)/g,
};
TITLES.mjs = TITLES.js;

const literal = (text) => text.replace(/[.*+?^$()[\]{}|\\]/g, '\\$&');

/** What the names of a file's tests are; one with `${…}` stands for several. */
function titles(path, text) {
  const found = [...text.matchAll(TITLES[path.split('.').at(-1)])].map(([, ...names]) => names.find(Boolean));
  return found.map((name) => new RegExp(`^${name.replaceAll("\\'", "'").split(/\$\{.*?\}/).map(literal).join('.+')}$`));
}

const missing = ({ path, name }) => {
  const file = [here, root].map((folder) => folder + path).find((candidate) => existsSync(candidate));
  if (!file) return true;
  if (name === undefined) return !path.endsWith('.patch');
  return !titles(path, readFileSync(file, 'utf8')).some((title) => title.test(name));
};

for (const heading of tables) {
  test(`${heading}: every test exists`, () => {
    const tests = rows(heading).flatMap((cells) => named(cells.at(-1)));
    assert.ok(tests.length > 20);
    assert.deepEqual(tests.filter(missing), []);
  });
}

test('every line names a test, or says why there is none', () => {
  const [needs, bugs] = tables.map(rows);
  const without = [...needs, ...bugs].filter((cells) => named(cells.at(-1)).length === 0);
  assert.deepEqual(without.map(([number]) => number), ['12'], 'the line that leads to the other table');
  assert.deepEqual([...new Set(needs.map(([number]) => Number(number)))], Array.from({ length: 12 }, (_, at) => at + 1));
  const documents = new Set(bugs.flatMap(([names]) => names.split(', ')));
  assert.deepEqual([...documents].sort(), ['000', '001', '002', '003', '004']);
});

test('every front end is listed', () => {
  const folders = readdirSync(here, { withFileTypes: true }).filter((entry) => existsSync(`${here}${entry.name}/index.html`)
    || existsSync(`${here}${entry.name}/package.json`));
  for (const { name } of folders) assert.ok(readme.includes(`\n| \`${name}\` |`), name);
  assert.equal(folders.length, 9);
});
