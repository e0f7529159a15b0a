// A front end as its developer has it: served by Vite, which replaces what is edited while the page runs.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Stage } from './stage.mjs';

/** A copy of the front end in `folder`, below it, where its packages are found; with the interface of a `FileServer`. */
async function serve(folder) {
  const home = fileURLToPath(new URL(`${folder}/`, import.meta.url));
  const root = `${home}dist/edited`;
  rmSync(root, { recursive: true, force: true });
  for (const part of ['src', 'index.html', 'vite.config.js', 'package.json', 'tsconfig.json']) {
    cpSync(home + part, `${root}/${part}`, { recursive: true });
  }
  const { createServer } = await import(pathToFileURL(createRequire(`${home}package.json`).resolve('vite')));
  const vite = await createServer({
    root, configFile: `${root}/vite.config.js`, cacheDir: `${root}/cache`, logLevel: 'error',
    server: { host: '127.0.0.1', port: 0 },
  });
  await vite.listen();
  const origin = `http://127.0.0.1:${vite.httpServer.address().port}`;
  return { root, origin, url: (path) => origin + path, close: () => vite.close() };
}

/** Registers the test: when `file` says `after` in the place of `before`, so does the page's status line. */
export function hotReload(page, folder, { file, before, after }) {
  test('edited while it runs, it is replaced, and its connection with it', async (t) => {
    const stage = await Stage.set(t, { ...page, files: () => serve(folder) });
    await stage.says(before);
    await stage.page.evaluate(() => { window.same = true; });
    const edited = `${stage.files.root}/${file}`;
    writeFileSync(edited, readFileSync(edited, 'utf8').replace(`'${before}'`, `'${after}'`));
    await stage.says(after);
    await stage.server.until('one connection is left', ({ open }) => open.length === 1);
    assert.equal(await stage.page.evaluate(() => window.same), true, 'the page was not loaded anew');
    await stage.page.click('#toggle');
    await stage.server.until('none is left', ({ open }) => open.length === 0);
    await stage.page.until(() => window.waitingTimers.size === 0);
    assert.deepEqual(stage.page.errors, []);
  });
}
