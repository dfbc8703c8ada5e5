// The README as a newcomer follows it: its example runs, and its walk adds a divergence that is then everywhere, with an
// exact estimator that agrees with an integral computed here.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Matrix } from '../../src/report/matrix.ts';
import { added, copy, divergrad, newFile, newLine, node, prepare, remove } from './newcomer-setting.ts';

test.before(prepare);
test.after(remove);

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
