// The bugs that `tests/bugs/hunt` puts back.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { apply, bugs, PACKAGE } from '../bugs/bugs.mjs';

test('every bug still applies, and names a test that there is', () => {
  assert(bugs.length >= 25);
  for (const bug of bugs) {
    apply(bug, PACKAGE, '--check');
    assert(readFileSync(PACKAGE + bug.file, 'utf8').includes(`test('${bug.test}'`), bug.name);
  }
});
