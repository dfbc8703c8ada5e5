// Installing never empties what a linked node_modules points to.
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inFolder, run } from '../helpers/process.ts';

test('a node_modules that is a link is refused, and what it points to is kept', () =>
  inFolder(async (folder) => {
    const [clone, elsewhere] = [join(folder, 'clone'), join(folder, 'elsewhere')];
    for (const path of [clone, elsewhere, join(clone, 'test')]) mkdirSync(path);
    for (const file of ['build.mjs', 'package.json', 'package-lock.json', 'test/runner'])
      cpSync(file, join(clone, file), { recursive: true });
    writeFileSync(join(elsewhere, 'kept'), '');
    symlinkSync(elsewhere, join(clone, 'node_modules'), 'junction');
    // A stand-in for npm, which must not be reached.
    const npm = join(folder, 'npm.cjs');
    writeFileSync(npm, `require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'reached'))}, '')`);
    const { code, stderr } = await run(process.execPath, [join(clone, 'build.mjs'), 'typecheck'], {
      env: { npm_execpath: npm },
    });
    assert.is(code, 1, stderr);
    assert.match(stderr, /node_modules is a link to .*elsewhere.*remove the link/);
    assert.ok(existsSync(join(elsewhere, 'kept')));
    assert.not.ok(existsSync(join(folder, 'reached')));
  }));

test.run();
