// Which files of which suites a command line asks for.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suites } from '../suites.mjs';
import { below, root } from './bundles.mjs';
import { mesaDrivers } from './software-gpu.mjs';

function* find(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const file = join(folder, entry.name);
    if (entry.isDirectory()) yield* find(file);
    else if (entry.name.endsWith('.test.ts')) yield below(file);
  }
}

/** Every test file, as a path below the root. */
export const testFiles = () => [...find(join(root, 'test'))].sort();

/** The suites asked for: by name, or those of the tier. */
export function chosenSuites({ suite, all, added }) {
  const names = suite.split(',').filter(Boolean);
  const inTier = (tier) => (all ? !added || tier === 'all' : tier === 'test');
  return Object.entries(suites).filter(([name, { tier }]) =>
    names.length > 0 ? names.includes(name) : inTier(tier),
  );
}

/**
 * Suites whose driver this machine lacks: [{ name, what, packages }]. With DIVERGRAD_DRIVERS=required none: they then fail for
 * want of tests.
 */
export const absentDrivers = (chosen) =>
  chosen.flatMap(([name, { driver }]) =>
    driver && !mesaDrivers[driver].env() ? [{ name, ...mesaDrivers[driver] }] : [],
  );

/** The files asked for, each with the suite that runs it: [{ name, suite, file }]. */
export function chosenFiles(options) {
  // Files that the tests of this runner make up run when they are asked for.
  const files = testFiles().filter(
    (file) =>
      file.includes(options.only) && (!file.includes('/made-up-') || options.only.includes('made-up-')),
  );
  const pairs = (list) =>
    list.flatMap(([name, suite]) =>
      files.filter((file) => suite.files?.(file)).map((file) => ({ name, suite, file })),
    );
  const chosen = pairs(chosenSuites(options));
  if (chosen.length > 0 || options.only === '' || options.suite !== '') return chosen;
  return pairs(Object.entries(suites)); // a file that no quick suite has runs where it is
}
