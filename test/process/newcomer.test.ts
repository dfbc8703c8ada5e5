// The documents as a newcomer follows them. The README's example runs. The walks of docs/architecture.md add a divergence
// that is then everywhere, with an exact estimator that agrees with an integral computed here, a distribution, an
// environment, a kernel parameter and a pass, and these do what they should.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Matrix } from '../../src/report/matrix.ts';
import {
  added,
  bellmanBody,
  copy,
  divergrad,
  load,
  node,
  prepare,
  printed,
  remove,
  requireScaledRewards,
  walks,
} from './newcomer-setting.ts';

test.before(prepare);
test.after(remove);

/** Percents at the two modes, by estimator. */
const modes = (text: string) =>
  new Map(
    [...text.matchAll(/^(\S+): (\d+) % at the higher mode, (\d+) % at the other$/gm)].map(
      ([, name, higher, other]) => [name, [Number(higher), Number(other)]] as [string, [number, number]],
    ),
  );

test("the README's example prints what it says: reverse KL takes one mode, forward KL has the target's masses", async () => {
  const { code, stdout, stderr } = await node('example.mjs');
  assert.is(code, 0, stderr);
  // Modes of one width: 0.9 of the density, to the power 1/α.
  const target = 100 / (1 + 0.9 ** (1 / 0.15));
  for (const text of [stdout, printed]) {
    const [[reverse], [forward, other]] = ['reverse-kl/pathwise', 'forward-kl/snis:policy'].map(
      (name) => modes(text).get(name) ?? [Number.NaN, Number.NaN],
    );
    assert.ok(reverse >= 99, text);
    // Of 2,048 draws of a policy that is itself learnt from 64 draws a step.
    assert.ok(Math.abs(forward - target) < 6 && other === 100 - forward, text);
  }
  assert.is(modes(printed).size, 2);
  assert.equal([...modes(stdout)], [...modes(printed)]);
});

test('the walk is one file of at most 40 lines, and in the registry one line beside its import', () => {
  const { changes } = walks.find(({ title }) => title === 'Add a divergence') ?? { changes: [] };
  const [file, ...lines] = changes;
  assert.ok(file.after.trim().split('\n').length <= 40);
  const added = lines.map(({ before = '', after }) => after.split('\n').length - before.split('\n').length);
  assert.equal(added, [1, 1]);
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
  writeFileSync(join(copy, 'matrix.md'), readFileSync('docs/matrix.md', 'utf8'));
  const stale = await divergrad('matrix', '--check', 'matrix.md');
  assert.is(stale.code, 1);
  assert.match(stale.stderr, /out of date.*matrix --write matrix\.md/);
  assert.is((await divergrad('matrix', '--write', 'matrix.md')).code, 0);
  assert.match(readFileSync(join(copy, 'matrix.md'), 'utf8'), /^\| `neyman\/exact` \|/m);
  assert.is((await divergrad('matrix', '--check', 'matrix.md')).code, 0);
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
  } = await load();
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

// ---- the walks of docs/architecture.md

test('the distribution is in the matrix and the help', async () => {
  const { distributions, rows } = JSON.parse((await divergrad('matrix', '--json')).stdout) as Matrix;
  assert.ok(distributions.includes('gumbel'));
  const cell = (name: string) => rows.find((row) => row.name === name)?.cells.gumbel;
  assert.equal(cell('reverse-kl/pathwise'), []);
  assert.equal(cell('mpo/decoupled'), ['diagonalGaussian']);
});

test('its density, entropy and samples are those of the closed form', async () => {
  const { distributionFamily, literal, open } = await load();
  const [loc, logScale] = [0.4, -0.6];
  const [actions, noise] = [
    [-1, 0.1, 0.4, 2],
    [0.02, 0.3, 0.5, 0.9],
  ];
  const device = await open({ backend: 'cpu', precision: 'f64' });
  const update = await device.compile(() => {
    const policy = distributionFamily('gumbel').make(literal([loc, logScale], [1, 2]), 1);
    const drawn = policy.rsample?.(4, { noise: literal(noise, [4, 1, 1]) });
    assert.ok(drawn && policy.entropy);
    return {
      logProb: policy.logProb(literal(actions, [4, 1, 1])),
      entropy: policy.entropy(),
      actions: drawn.actions,
      drawnLogProb: drawn.logProb,
    };
  });
  update.run();
  const close = async (name: string, expected: readonly number[]) => {
    const found = await update.read(name);
    for (const [i, value] of expected.entries())
      assert.ok(Math.abs(found[i] - value) < 1e-12, `${name} [${i}] is ${found[i]}, not ${value}`);
  };
  // log of e^−(z + e^−z)/β
  const density = (a: number) => {
    const z = (a - loc) * Math.exp(-logScale);
    return -z - Math.exp(-z) - logScale;
  };
  const samples = noise.map((u) => loc - Math.exp(logScale) * Math.log(-Math.log(u)));
  await close('logProb', actions.map(density));
  await close('actions', samples);
  await close('drawnLogProb', samples.map(density));
  await close('entropy', [logScale + 0.5772156649015329 + 1]);
  await device.dispose();
});

test('the environment is in the help, and trains', async () => {
  const settings = '--steps 60 --warmup 20 --evaluate-every 30 --episodes 2 --hidden 8 --batch 8 --json';
  const { code, stdout, stderr } = await divergrad(
    ...['train', '--backend', 'cpu', '--env', 'docking', ...settings.split(' ')],
  );
  assert.is(code, 0, stderr);
  const { evaluations } = JSON.parse(stdout) as {
    evaluations: { step: number; returns: number[] }[];
  };
  assert.equal(
    evaluations.map(({ step }) => step),
    [30, 60],
  );
  // At worst x is 2 in each of 20 steps.
  for (const { returns } of evaluations) assert.ok(returns.every((value) => value <= 0 && value >= -80));
});

test('the kernel parameter reaches the kernel on the cpu, and is declared for wasm and webgpu', async () => {
  const parts = await load();
  const { open, moduleOf, layoutsText, kernelSpec, joinedKernel } = parts;
  const device = await open({ backend: 'cpu', precision: 'f64' });
  await requireScaledRewards(parts, device);
  const program = device.lower(bellmanBody(parts, 3));
  const step = program.steps.find(({ label }) => label === 'softBellmanLoss');
  assert.ok(step?.kind === 'kernel');
  const { wgsl, values } = moduleOf(step, { mostWorkgroups: 65_535, longReduction: 256 });
  const fields = [...(/struct Params \{([^}]*)\}/.exec(wgsl)?.[1] ?? '').matchAll(/(\w+): (\w+),/g)];
  const at = fields.findIndex(([, name, type]) => name === 'rewardScale' && type === 'f32');
  assert.ok(at >= 0 && values, wgsl);
  assert.is(new DataView(values).getFloat32(4 * at, true), 3);
  assert.match(wgsl, /params\.rewardScale \*/);
  // The joined kernel has it from its part.
  const name = 'loss_soft_bellman_mlp_backward_inputs';
  const spec = joinedKernel(name);
  const params = Object.fromEntries(spec.params.map((param) => [param, 1]));
  const bound = spec.bindings.map((_, i) => i);
  const joined = moduleOf(
    { kind: 'joined', kernel: name, label: name, shapes: '', parts: [], params, bound, buffers: bound },
    { mostWorkgroups: 65_535, longReduction: 256 },
  );
  assert.match(joined.wgsl, /^ {2}rewardScale: f32,$/m);
  assert.match(joined.wgsl, /params\.rewardScale \*/);
  const { bindings, params: names } = kernelSpec('loss_soft_bellman');
  const word = bindings.length + names.indexOf('rewardScale');
  const block = /namespace LossSoftBellman \{[^}]*\}/.exec(layoutsText())?.[0] ?? '';
  assert.ok(block.includes(`  export const rewardScale: i32 = ${word};\n`), block);
  await device.dispose();
});

test('the pass stands in the explanation, and does what it says', async () => {
  const { stdout, stderr, code } = await divergrad('bench', '--explain', '--backend', 'cpu');
  assert.is(code, 0, stderr);
  assert.match(stdout, /^leave idle targets: .*\n {2}nothing to do$/m);
  const { State, adam, gradient, open, read, square, sum } = await load();
  const device = await open({ backend: 'cpu', precision: 'f64' });
  const made = (tau: number) => {
    const online = new State('online', [3], Float32Array.of(1, 2, 3));
    const follower = new State('follower', [3], Float32Array.of(4, 5, 6));
    const optimiser = adam(online, { learningRate: 0.5 });
    return () => {
      optimiser.step(gradient(sum(square(read(online))), online), { target: { parameters: follower, tau } });
      return { follower: read(follower), online: read(online) };
    };
  };
  const adamLine = (tau: number, pass: string) =>
    device
      .explain(made(tau))
      .find((stage) => stage.pass === pass)
      ?.listing.find((line) => / adam /.test(line)) ?? '';
  assert.match(adamLine(0, 'drop unread'), /follower/);
  assert.not.match(adamLine(0, 'leave idle targets'), /follower/);
  assert.match(adamLine(0.5, 'leave idle targets'), /follower/);
  assert.is(device.lower(made(0.5)).flops - device.lower(made(0)).flops, 3 * 3);
  const update = await device.compile(made(0));
  update.run(2);
  assert.equal([...(await update.read('follower'))], [4, 5, 6]);
  // Two steps of Adam of half a unit each, as long as the gradient hardly turns.
  for (const [i, value] of (await update.read('online')).entries())
    assert.ok(Math.abs(value - (i + 1) + 1) < 0.1, `online [${i}] is ${value}`);
  await device.dispose();
});

test.run();
