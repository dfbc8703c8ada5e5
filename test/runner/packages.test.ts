// Where packages may stand: the root has what `npm run bench` and `npm test` need; what only a long suite or a benchmark
// of others needs has a folder and a lock file of its own.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

interface Manifest {
  readonly private?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}
interface Lock {
  readonly packages: Record<string, { readonly version?: string; readonly integrity?: string }>;
}
const read = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
const tracked = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], {
  encoding: 'utf8',
}).stdout.split('\n');
const manifests = tracked.filter((file) => /(^|\/)package\.json$/.test(file));
const outside = manifests.filter((file) => file !== 'package.json' && !file.startsWith('src/'));
/** What a manifest asks for. */
const packagesOf = (file: string): Record<string, string> => {
  const { dependencies, devDependencies } = read<Manifest>(file);
  return { ...dependencies, ...devDependencies };
};
const root = read<Manifest>('package.json').devDependencies ?? {};

test('packages that only outside checks need have folders of their own, pinned and with checksums', () => {
  assert.ok(
    outside.includes('bench/peers/package.json') && outside.includes('test/web/package.json'),
    `${outside}`,
  );
  for (const file of outside) {
    assert.is(read<Manifest>(file).private, true, file);
    const dependencies = packagesOf(file);
    const { packages } = read<Lock>(`${dirname(file)}/package-lock.json`);
    for (const [name, version] of Object.entries(dependencies)) {
      assert.match(version, /^\d+\.\d+\.\d+$/, `${file}: ${name} is pinned`);
      assert.is(packages[`node_modules/${name}`]?.version, version, `${file}: ${name}`);
    }
    for (const [path, { integrity }] of Object.entries(packages))
      if (path !== '') assert.match(integrity ?? '', /^sha512-/, `${file}: ${path}`);
  }
});

test('the root has none of them, but for the opponent that the kernels are checked against', () => {
  const both = outside.flatMap((file) => Object.keys(packagesOf(file))).filter((name) => name in root);
  assert.equal(both, ['gpu.js']);
});

/** Packages that are run, not imported. */
const tools = ['@biomejs/biome', '@sparticuz/chromium', 'assemblyscript', 'deno', 'esbuild', 'typescript'];

test('the quick suites, the bench or the build use every package of the root', () => {
  const sources = tracked.filter(
    (file) => /^(src|bench|test|web|build)\b.*\.(ts|mjs)$/.test(file) && !file.endsWith('.long.test.ts'),
  );
  const text = sources
    .filter((file) => !file.startsWith('bench/peers/') && !file.startsWith('test/runner/packages'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const unused = Object.keys(root).filter(
    (name) =>
      !tools.includes(name) &&
      !name.startsWith('@types/') &&
      name !== '@webgpu/types' &&
      !text.includes(`'${name}'`) &&
      !text.includes(`'${name}/`),
  );
  assert.equal(unused, []);
});

test.run();
