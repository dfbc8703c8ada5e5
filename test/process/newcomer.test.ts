// The README as a newcomer follows it: its example compiles and runs, and its walk adds a divergence that is then
// everywhere, with an exact estimator that agrees with an integral computed here.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildOptions } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../src/cli/bench.ts';
import type { Matrix } from '../../src/study/matrix.ts';
import { type Ended, run } from '../helpers/process.ts';

/** The TypeScript blocks of the README: the example, the new file, the registry's line. */
const [example, newFile, newLine] = [
  ...readFileSync('README.md', 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm),
].map(([, body]) => body);

let copy: string;
let options: BuildOptions;

test.before(async () => {
  copy = mkdtempSync(join(tmpdir(), 'divergrad-newcomer-'));
  for (const part of [
    'src',
    'shaders',
    'build.mjs',
    'package.json',
    'tsconfig.json',
    'test/runner',
    'dist/wasm',
  ])
    if (existsSync(part)) cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'), 'junction');
  writeFileSync(join(copy, 'example.ts'), example);
  const registry = join(copy, 'src/divergences/registry.ts');
  writeFileSync(join(copy, 'src/divergences/neyman.ts'), newFile);
  const text = readFileSync(registry, 'utf8');
  const begin = 'export const estimators: readonly Estimator[] = [\n';
  assert.ok(text.includes(begin), 'the registry is not where it was');
  writeFileSync(
    registry,
    `import { neyman } from './neyman.ts';\n${text.replace(begin, `${begin}${newLine}`)}`,
  );
  options = (await import(pathToFileURL(join(copy, 'build.mjs')).href)).nodeOptions;
  const esbuild = await import('esbuild');
  const library = join(copy, 'src/index.ts');
  const build = (entry: string, outfile: string) =>
    esbuild.build({ ...options, alias: { divergrad: library }, entryPoints: [join(copy, entry)], outfile });
  await Promise.all([
    build('src/cli/main.ts', join(copy, 'cli.mjs')),
    build('src/index.ts', join(copy, 'index.mjs')),
    build('example.ts', join(copy, 'example.mjs')),
  ]);
});
test.after(() => rmSync(copy, { recursive: true, force: true }));

const node = (...args: string[]): Promise<Ended> => run(process.execPath, args, { cwd: copy });
const divergrad = (...args: string[]) => node('cli.mjs', ...args);

test("the README's TypeScript type-checks: the example, and the new divergence", async () => {
  const config = {
    extends: './tsconfig.json',
    compilerOptions: { paths: { divergrad: ['./src/index.ts'] }, incremental: false },
    files: ['example.ts', 'src/divergences/registry.ts', 'src/wgsl.d.ts'],
    include: existsSync('src/backend/wasm/wasm.d.ts') ? ['src/backend/wasm/wasm.d.ts'] : [],
  };
  writeFileSync(join(copy, 'tsconfig.readme.json'), JSON.stringify(config));
  const { code, stdout } = await node(
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.readme.json',
    '--pretty',
    'false',
  );
  assert.is(code, 0, stdout);
});

test("the README's example runs, and what it prints is finite", async () => {
  const { code, stdout, stderr } = await node('example.mjs');
  assert.is(code, 0, stderr);
  const [, loss, kernels] = /^loss (\S+) of (\d+) kernels$/m.exec(stdout) ?? [];
  assert.ok(Number.isFinite(Number(loss)) && Number(kernels) > 0, stdout);
});

test('the walk is one file of at most 40 lines and one line of the registry', async () => {
  assert.ok(newFile.trim().split('\n').length <= 40);
  assert.is(newLine.trim().split('\n').length, 1);
});

const added = ['neyman/score', 'neyman/pathwise', 'neyman/exact'];

test('the new divergence has its rows in the bench, which nobody told of it', async () => {
  const sizes = ['--batch', '2', '--hidden', '4', '--obs', '2'];
  const bench = async (...more: string[]) => {
    const { code, stdout, stderr } = await divergrad(
      ...['bench', '--quick', '--json', '-', '--backend', 'cpu', ...sizes, ...more],
    );
    assert.is(code, 0, stderr);
    return (JSON.parse(stdout) as BenchDocument).reports[0].rows;
  };
  // An exact reference is measured when it is asked for.
  const rows = [...(await bench()), ...(await bench('--estimators', 'neyman/exact'))];
  for (const name of added) {
    const row = rows.find(({ estimator }) => estimator === name);
    assert.ok(row && row.msPerUpdate > 0 && row.kernelsPerUpdate > 0, name);
  }
});

test('it is in the matrix, with the cells that its needs give', async () => {
  const { rows } = JSON.parse((await divergrad('matrix', '--json')).stdout) as Matrix;
  const cells = (name: string) => rows.find((row) => row.name === name)?.cells ?? {};
  assert.equal(cells('neyman/score')['gaussian-mixture'], []);
  assert.equal(cells('neyman/pathwise')['gaussian-mixture'], ['rsample']);
  assert.equal(cells('neyman/exact')['tanh-gaussian'], []);
  assert.equal(cells('neyman/exact').gaussian, ['enumerable']);
});

test('it is in the help, and in what an error suggests', async () => {
  for (const command of ['bench', 'train']) {
    const { stdout } = await divergrad(command, '--help');
    for (const name of added) assert.ok(stdout.includes(name), `${command}: ${name}`);
  }
  const { code, stderr } = await divergrad('bench', '--estimators', 'neyman/exat');
  assert.is(code, 2);
  assert.match(stderr, /Did you mean 'neyman\/exact'\?/);
});

test('the documents notice that they are out of date', async () => {
  writeFileSync(join(copy, 'README.md'), readFileSync('README.md', 'utf8'));
  const stale = await divergrad('matrix', '--check', 'README.md');
  assert.is(stale.code, 1);
  assert.match(stale.stderr, /out of date.*matrix --write README\.md/);
  assert.is((await divergrad('matrix', '--write', 'README.md')).code, 0);
  assert.match(readFileSync(join(copy, 'README.md'), 'utf8'), /^\| `neyman\/exact` \|/m);
  assert.is((await divergrad('matrix', '--check', 'README.md')).code, 0);
});

/** D_f(p ‖ π) = ∫ π²/p − 1 over the box by Simpson's rule in u = atanh(a), for π = tanh N(m, s²), p ∝ e^Q. */
function neymanByQuadrature(mean: number, logStd: number, q: (a: number) => number): number {
  const [from, to, intervals] = [-12, 12, 20_000];
  const step = (to - from) / intervals;
  const integrate = (f: (u: number) => number): number => {
    let total = 0;
    for (let i = 0; i <= intervals; i++)
      total += f(from + i * step) * (i === 0 || i === intervals ? 1 : i % 2 ? 4 : 2);
    return (total * step) / 3;
  };
  const slope = (u: number) => 1 / Math.cosh(u) ** 2;
  const normal = (u: number) =>
    Math.exp(-0.5 * ((u - mean) / Math.exp(logStd)) ** 2 - logStd) / Math.sqrt(2 * Math.PI);
  const normaliser = integrate((u) => Math.exp(q(Math.tanh(u))) * slope(u));
  // π(a) = normal(u)/slope, and π²/p da = normal²/slope/p du.
  return integrate((u) => (normal(u) ** 2 / slope(u)) * normaliser * Math.exp(-q(Math.tanh(u)))) - 1;
}

test('its exact estimator is the integral computed here, and its gradient the derivative of that', async () => {
  const {
    Device,
    open,
    chooseEstimator,
    distributionFamily,
    boltzmann,
    grad,
    mul,
    square,
    sub,
    sum,
    reshape,
  } = (await import(pathToFileURL(join(copy, 'index.mjs')).href)) as typeof import('../../src/index.ts');
  const [mean, logStd] = [0.3, -0.5];
  const device = await open({ backend: 'cpu', precision: 'f64' });
  assert.instance(device, Device);
  const update = await device.compile(({ input }) => {
    const head = input('head', [1, 2]);
    const target = boltzmann((a) => reshape(mul(-1, sum(square(sub(a, 0.2)), -1)), [1, a.shape[0], 1]), {
      temperature: 0.5,
    });
    const policy = distributionFamily('tanh-gaussian').make(head, 1);
    const { loss } = chooseEstimator('neyman/exact').loss({ policy, target, samples: 1 });
    return { loss, slope: grad(loss, [head])[0] };
  });
  update.write({ head: [mean, logStd] });
  update.run();
  const q = (a: number) => -2 * (a - 0.2) ** 2;
  const expected = neymanByQuadrature(mean, logStd, q);
  const close = (actual: number, wanted: number, what: string) =>
    assert.ok(Math.abs(actual - wanted) < 1e-6 * (1 + Math.abs(wanted)), `${what}: ${actual}, not ${wanted}`);
  assert.ok(expected > 0.05, 'the problem is too easy');
  close(await update.readScalar('loss'), expected, 'divergence');
  const h = 1e-4;
  const slope = await update.read('slope');
  const along = (dm: number, dl: number) =>
    (neymanByQuadrature(mean + dm, logStd + dl, q) - neymanByQuadrature(mean - dm, logStd - dl, q)) / (2 * h);
  close(slope[0], along(h, 0), 'derivative in the mean');
  close(slope[1], along(0, h), 'derivative in log-std');
  await device.dispose();
});

test.run();
