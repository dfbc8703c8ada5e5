// Which test files a change can affect: those that import a changed file, load a bundle that holds it, or read it.
import { spawnSync } from 'node:child_process';
import { bundles, published } from '../../build.mjs';
import { builds, entriesFor, foundations, own, reads, unseenBy } from '../suites.mjs';
import { importsOf, root } from './bundles.mjs';

/** Files that differ from a commit, with those git does not know yet: paths below the root. */
export function changedSince(commit) {
  const git = (...args) => {
    const { status, stdout, stderr } = spawnSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    if (status !== 0) throw new Error(`git cannot say what has changed since '${commit}': ${stderr.trim()}`);
    return stdout.split('\0').filter(Boolean);
  };
  return [
    ...new Set([
      ...git('diff', '-z', '--name-only', '--no-renames', '--relative', commit, '--'),
      ...git('ls-files', '-z', '--others', '--exclude-standard'),
    ]),
  ];
}

/** Where a bundle of dist/ begins. */
const entryOf = (name) => {
  if (name === 'page') return ['web/main.ts', 'web/worker.ts'];
  if (name === 'package') return published.flatMap(entryOf);
  return [bundles.find(({ out }) => out === `dist/${name}`).entry];
};

/** What becomes of the sources of kernels: they are imported as WebAssembly. */
const asImported = (file) =>
  file.startsWith('src/backend/wasm/assembly/') || file.startsWith('bench/peak/assembly/')
    ? (name) => name.startsWith('dist/wasm/')
    : (name) => name === file;

/**
 * The pairs of suite and file that a change can affect.
 *
 * @param pairs [{ suite, file }], `suite` one of suites.mjs
 * @param changed paths below the root
 */
export async function affected(pairs, changed) {
  if (changed.some((file) => foundations.some((start) => file.startsWith(start)))) return pairs;
  const bundled = [...new Set(pairs.flatMap(({ file }) => entriesFor(builds, file)))];
  const entries = [...new Set([...pairs.map(({ file }) => file), ...bundled.flatMap(entryOf)])];
  const imports = await importsOf(entries);
  const sees = (file, name) => {
    const imported = asImported(name);
    const files = [file, ...entriesFor(builds, file).flatMap(entryOf)];
    if (files.some((entry) => !imports.get(entry) || [...imports.get(entry)].some(imported))) return true;
    return entriesFor(reads, file).some((start) => name.startsWith(start));
  };
  return pairs.filter(({ suite, file }) =>
    changed.some((name) => !unseenBy(suite).some((start) => name.startsWith(start)) && sees(file, name)),
  );
}

/** Where the tests of a changed file's own are. */
function ownTests(name) {
  const listed = entriesFor(own, name);
  if (listed.length > 0) return listed;
  const [top, room] = name.split('/');
  return top === 'test' ? [name] : [`test/${room}/`];
}

/**
 * The pairs in the order in which a verdict comes soonest: the tests of the changed files' own folders, then what needs
 * no other bundle, then the rest.
 */
export function inWaves(pairs, changed) {
  const near = changed.flatMap(ownTests);
  const waveOf = ({ file }) =>
    entriesFor(builds, file).length > 0 ? 2 : near.some((start) => file.startsWith(start)) ? 0 : 1;
  return [0, 1, 2].map((wave) => pairs.filter((pair) => waveOf(pair) === wave));
}
