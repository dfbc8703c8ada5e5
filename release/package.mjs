// What the package holds beside its bundles.
import { cpSync, existsSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { metafilesOf, noticesFile, noticesText, packagesIn } from './notices.mjs';

/** Reference values that `divergrad verify` compares with when it is given no folder: a part of test/golden. */
export const carriedGolden = ['ops_unary', 'mlp_small', 'estimators_ab', 'estimators_h', 'optim'];

/**
 * Makes types, notices and reference values where they are older than `newest`, milliseconds since the epoch.
 *
 * @returns the exit code of the compiler
 */
export async function finishPackage(root, { newest, bundles, compileTypes }) {
  const isFresh = (file) => existsSync(join(root, file)) && statSync(join(root, file)).mtimeMs >= newest;
  if (!isFresh('dist/types/index.d.ts')) {
    rmSync(join(root, 'dist/types'), { recursive: true, force: true });
    const code = await compileTypes();
    if (code !== 0) return code;
    touch(join(root, 'dist/types/index.d.ts'));
  }
  if (!isFresh(noticesFile)) {
    rmSync(join(root, 'dist/golden'), { recursive: true, force: true });
    mkdirSync(join(root, 'dist/golden'), { recursive: true });
    for (const name of carriedGolden)
      cpSync(join(root, `test/golden/${name}.json`), join(root, `dist/golden/${name}.json`));
    // The notices come last: their time is the time of all.
    const folders = packagesIn(await metafilesOf(root, bundles));
    writeFileSync(join(root, noticesFile), noticesText(root, folders));
  }
  return 0;
}

const touch = (file) => utimesSync(file, new Date(), new Date());
