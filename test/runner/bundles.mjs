// The bundles of test files: one kind for Node, one for Deno and pages. And who imports what.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOptions, shared } from '../../build.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const reporter = join(root, 'test', 'runner', 'uvu.mjs');

/** Sends `import 'uvu'` of the tests through uvu.mjs beside this file. */
const reporting = {
  name: 'reporting',
  setup(build) {
    build.onResolve({ filter: /^uvu$/ }, ({ importer }) =>
      importer === reporter ? undefined : { path: reporter },
    );
  },
};

const targets = {
  // Packages stay outside: Node finds them itself, and CommonJS ones run as they were written to.
  node: { ...nodeOptions, packages: 'external' },
  web: { ...shared, platform: 'browser' },
};

/** Where this process puts its bundles: another test run beside it has its own place. */
const output = `dist/test/${process.pid}`;

/** Removes the bundles of this process when it ends, and now those of processes that were killed. */
export function sweep() {
  process.on('exit', () => rmSync(join(root, output), { recursive: true, force: true }));
  if (!existsSync(join(root, 'dist/test'))) return;
  for (const name of readdirSync(join(root, 'dist/test'))) {
    try {
      process.kill(Number(name), 0);
    } catch {
      rmSync(join(root, 'dist/test', name), { recursive: true, force: true });
    }
  }
}

/** The bundle of a test file: `node` or `web` is the target. */
export const bundleOf = (target, file) =>
  file.replace(/^test\//, `${output}/${target}/`).replace(/\.ts$/, '.js');

/** Bundles test files; returns the errors of those that could not be, by file. */
export async function bundleTests(target, entries) {
  const failures = new Map();
  if (entries.length === 0) return failures;
  const esbuild = await import('esbuild');
  const build = (entryPoints) =>
    esbuild.build({
      ...targets[target],
      entryPoints,
      outdir: `${output}/${target}`,
      outbase: 'test',
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      plugins: [reporting],
      logLevel: 'silent',
    });
  try {
    await build(entries);
  } catch {
    for (const entry of entries) {
      await build([entry]).catch(async (error) => {
        const messages = error.errors ?? [{ text: String(error) }];
        const lines = await esbuild.formatMessages(messages, { kind: 'error' });
        failures.set(entry, lines.join('\n'));
      });
    }
  }
  return failures;
}

/**
 * What each of the files imports, directly or not, itself included: paths below the root. Of a file that cannot be
 * bundled it is not known: undefined.
 */
export async function importsOf(entries) {
  try {
    return await closuresOf(entries);
  } catch {
    const one = async (entry) => [entry, (await closuresOf([entry]).catch(() => undefined))?.get(entry)];
    return new Map(await Promise.all(entries.map(one)));
  }
}

async function closuresOf(entries) {
  const esbuild = await import('esbuild');
  const { metafile } = await esbuild.build({
    ...targets.node,
    entryPoints: entries,
    outdir: `${output}/imports`,
    outbase: '.',
    metafile: true,
    write: false,
    splitting: true,
    sourcemap: false,
    logLevel: 'silent',
  });
  const closures = new Map();
  for (const entry of entries) {
    const found = new Set();
    const waiting = [entry];
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      if (found.has(file)) continue;
      found.add(file);
      for (const { path, external } of metafile.inputs[file]?.imports ?? [])
        if (!external) waiting.push(path);
    }
    closures.set(entry, found);
  }
  return closures;
}

/** A path below the root, with slashes. */
export const below = (file) => relative(root, file).split(sep).join('/');
