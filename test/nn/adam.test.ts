// Adam, AdamW, clipping and target averaging against their formulas in float64.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ShapeError, UsageError } from '../../src/errors.ts';
import { type AdamOptions, adam, clipScale, globalNorm, polyak } from '../../src/nn/index.ts';
import { mul, read, State, sum } from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { exactDevice, lowered } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

const size = 7;
const steps = 12;
const start = Float32Array.from(normals(size, 1));
const gradients = Array.from({ length: steps }, (_, t) => normals(size, 100 + t, 3));

interface Settings extends AdamOptions {
  readonly maxNorm?: number;
  readonly tau?: number;
}

/** Algorithm 1 of Kingma & Ba, with the L2 or decoupled decay of Loshchilov & Hutter, algorithm 2. */
function formula(options: Settings): { p: number[]; target: number[] } {
  const {
    learningRate,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0,
    decoupled,
    maxNorm,
    tau,
  } = options;
  const p = [...start];
  const target = p.map(() => 0);
  const m = p.map(() => 0);
  const v = p.map(() => 0);
  gradients.forEach((raw, step) => {
    const norm = Math.hypot(...raw);
    const scale = maxNorm === undefined ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
    for (let i = 0; i < size; i++) {
      const g = scale * raw[i] + (decoupled ? 0 : weightDecay * p[i]);
      if (decoupled) p[i] -= learningRate * weightDecay * p[i];
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      const mHat = m[i] / (1 - beta1 ** (step + 1));
      const vHat = v[i] / (1 - beta2 ** (step + 1));
      p[i] -= (learningRate * mHat) / (Math.sqrt(vHat) + epsilon);
      if (tau !== undefined) target[i] = (1 - tau) * target[i] + tau * p[i];
    }
  });
  return { p, target };
}

const settings: Readonly<Record<string, Settings>> = {
  Adam: { learningRate: 0.05 },
  'Adam with other constants': { learningRate: 0.3, beta1: 0.5, beta2: 0.9, epsilon: 1e-3 },
  'Adam with L2': { learningRate: 0.05, weightDecay: 0.2 },
  AdamW: { learningRate: 0.05, weightDecay: 0.2, decoupled: true },
  'clipped to a norm': { learningRate: 0.05, maxNorm: 6 },
  'with a target network': { learningRate: 0.05, tau: 0.1 },
  'all at once': { learningRate: 0.05, weightDecay: 0.1, decoupled: true, maxNorm: 6, tau: 0.3 },
};

for (const [name, options] of Object.entries(settings)) {
  test(`${name}: as the formula, over ${steps} steps`, async () => {
    const device = exactDevice();
    const parameters = new State('p', [size], start);
    const target = new State('target', [size]);
    const { maxNorm, tau, ...rest } = options;
    const optimiser = adam(parameters, rest);
    const update = await device.compile(({ input }) => {
      const g = input('g', [size]);
      optimiser.step(g, {
        ...(maxNorm === undefined ? {} : { scale: clipScale(globalNorm([g]), maxNorm) }),
        ...(tau === undefined ? {} : { target: { parameters: target, tau } }),
      });
      return {};
    });
    for (const g of gradients) {
      update.write({ g });
      update.run();
    }
    const expected = formula(options);
    allclose(await device.read(parameters), expected.p, { rtol: 1e-11, atol: 1e-12 }, 'parameters');
    allclose(await device.read(target), expected.target, { rtol: 1e-11, atol: 1e-12 }, 'target');
    assert.equal(
      optimiser.states.map((state) => state.name),
      ['p.moments'],
    );
    await device.dispose();
  });
}

test('the clip is by the norm of all gradients together, and leaves small ones alone', async () => {
  const device = exactDevice();
  const update = await device.compile(({ input }) => {
    const norm = globalNorm([input('a', [2]), input('b', [1])]);
    return { norm, tight: clipScale(norm, 1), loose: clipScale(norm, 100) };
  });
  update.write({ a: [2, 3], b: [6] });
  update.run();
  allclose(await update.read('norm'), [7], { rtol: 1e-14 });
  allclose(await update.read('tight'), [1 / (7 + 1e-6)], { rtol: 1e-14 });
  allclose(await update.read('loose'), [1], { rtol: 0, atol: 0 });
});

test('polyak averages towards the online value', async () => {
  const device = exactDevice();
  const target = new State('target', [2], Float32Array.of(1, 2));
  const update = await device.compile(({ input }) => {
    polyak(target, input('online', [2]), 0.25);
    return { after: read(target) };
  });
  update.write({ online: [5, -2] });
  update.run(2);
  allclose(await device.read(target), [1 + 4 * (1 - 0.75 ** 2), 2 - 4 * (1 - 0.75 ** 2)], { rtol: 1e-14 });
  allclose(await update.read('after'), await device.read(target), { rtol: 0, atol: 0 });
});

test('wrong rates, gradients and targets are refused', () => {
  const p = new State('p', [3]);
  for (const wrong of [
    { learningRate: -1 },
    { learningRate: 1, beta1: 1 },
    { learningRate: 1, beta1: -0.1 },
    { learningRate: 1, beta2: 1 },
    { learningRate: 1, beta2: -0.1 },
    { learningRate: 1, epsilon: 0 },
    { learningRate: 1, weightDecay: -0.1 },
    { learningRate: Number.NaN },
  ])
    assert.throws(
      () => adam(p, wrong),
      (e: Error) => e instanceof UsageError,
    );
  const optimiser = adam(p, { learningRate: 0.1 });
  const step = (shape: number[], target?: State) => () =>
    lowered(({ input }) => {
      optimiser.step(mul(input('g', shape), 1), target ? { target: { parameters: target, tau: 0.1 } } : {});
      return { total: sum(read(p)) };
    });
  assert.throws(step([2]), (e: Error) => e instanceof ShapeError && /'p' has shape \[3\]/.test(e.message));
  assert.throws(step([4]), (e: Error) => e instanceof ShapeError);
  assert.throws(step([3], new State('t', [4])), (e: Error) => e instanceof UsageError);
});

test.run();
