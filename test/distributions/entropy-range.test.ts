// The range of each family's entropy against entropies integrated here, over many parameters.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type {
  DistributionFamily,
  EntropyRange,
  FamilyOptions,
} from '../../src/distributions/distribution.ts';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { defaultTargetEntropy, requireReachable } from '../../src/rl/temperature.ts';
import { exactDevice } from '../helpers/devices.ts';

function rangeOf(family: DistributionFamily, actions: number, options: FamilyOptions = {}): EntropyRange {
  const range = family.entropyRange?.(actions, options);
  if (!range) throw new Error(`${family.name} has no entropy`);
  return range;
}

/** Entropies in nats of heads [batch][parameters], actions of one coordinate, by the trapezoidal rule in the latent. */
async function entropies(
  family: DistributionFamily,
  heads: readonly (readonly number[])[],
): Promise<number[]> {
  const step = 0.02;
  // a = sinh x reaches far; the latents of a bounded family are within [−1, 1] or squashed.
  const inside = family.capabilities.bounded && !family.name.startsWith('tanh');
  const line = Array.from({ length: 2001 }, (_, i) => (i - 1000) * step);
  const points = line.map((x) => (inside ? Math.tanh(x / 3) : Math.sinh(x / 2)));
  const volumes = line.map((x) => step * (inside ? (1 - Math.tanh(x / 3) ** 2) / 3 : Math.cosh(x / 2) / 2));
  const device = exactDevice();
  const update = await device.compile(({ input }) => {
    const policy = family.make(input('heads', [heads.length, heads[0].length]), 1);
    return { logProb: policy.logProbLatent(input('latent', [points.length, heads.length, 1])) };
  });
  update.write({
    heads: Float64Array.from(heads.flat()),
    latent: Float64Array.from(points.flatMap((point) => heads.map(() => point))),
  });
  update.run();
  const logs = await update.read('logProb');
  await device.dispose();
  const squashed = family.name.startsWith('tanh');
  return heads.map((_, b) => {
    let [mass, entropy] = [0, 0];
    points.forEach((u, k) => {
      const logProb = logs[k * heads.length + b];
      // da = (1 − tanh²u) du; log cosh without overflow.
      const logVolume = squashed ? -2 * (Math.abs(u) + Math.log1p(Math.exp(-2 * Math.abs(u))) - Math.LN2) : 0;
      const p = volumes[k] * Math.exp(logProb + logVolume);
      mass += p;
      if (p > 0) entropy -= p * logProb;
    });
    assert.ok(Math.abs(mass - 1) < 1e-3, `${family.name} integrates to ${mass}`);
    return entropy;
  });
}

const random = new PhiloxStream(5);
const head = (n: number, mean: number, spread: number) =>
  Array.from({ length: n }, () => mean + spread * random.nextNormal());

/** Heads whose entropy is near the greatest, of one coordinate. */
const widest: Readonly<Record<string, readonly number[]>> = {
  gaussian: [0, 2],
  'tanh-gaussian': [0, -0.134],
  'gaussian-full': [0, 2],
  laplace: [0, 2],
  'student-t': [0, 2],
  logistic: [0, 2],
  beta: [-15, -15],
  'gaussian-mixture': [0, 0, 0, 0, -600, -200, 200, 600, 2, 2, 2, 2],
  'tanh-gaussian-mixture': [-0.4, 0, 0, -0.4, -1.1, -0.35, 0.35, 1.1, -0.55, -0.75, -0.75, -0.55],
};

for (const family of distributionFamilies) {
  const { name, capabilities } = family;
  if (!capabilities.density || capabilities.actionKind === 'discrete') continue;
  test(`${name}: no entropy leaves the range, and the greatest is reached`, async () => {
    assert.ok(widest[name], `${name}: no head of its greatest entropy is given here`);
    const [low, high] = rangeOf(family, 1);
    const heads = Array.from({ length: 16 }, (_, i) => head(family.parameters(1), 0, 0.2 + 0.05 * i));
    const seen = await entropies(family, [...heads, widest[name]]);
    for (const [i, entropy] of seen.entries())
      assert.ok(
        entropy > low && entropy < high + 1e-3,
        `${entropy} of head ${heads[i]} in [${low}, ${high}]`,
      );
    const greatest = seen[heads.length];
    // What the heavy tails lose beyond the grid, and the mixture of four to a flat density.
    assert.ok(greatest > high - 0.02, `${greatest} of ${high}`);
    // Two independent coordinates have twice as much; a mixture's choice counts once.
    const choice = name === 'gaussian-mixture' ? Math.log(4) : 0;
    const [, twice] = rangeOf(family, 2);
    assert.ok(Math.abs(twice - (2 * (high - choice) + choice)) < 1e-12);
  });
}

test('the bounds of log-std are the bounds of the entropy', () => {
  const options = { logStd: [-1, -0.5] as const };
  const normal = 0.5 * Math.log(2 * Math.PI * Math.E);
  for (const [name, standard] of [
    ['gaussian', normal],
    ['gaussian-full', normal],
    ['laplace', 1 + Math.LN2],
    ['logistic', 2],
    // PyTorch: 5/2 (ψ(5/2) − ψ(2)) + log(2 B(2, 1/2))
    ['student-t', 1.681760016878666],
  ] as const) {
    const [low, high] = rangeOf(distributionFamily(name), 3, options);
    assert.ok(Math.abs(low - 3 * (standard - 1)) < 1e-9, `${name} ${low}`);
    assert.ok(Math.abs(high - 3 * (standard - 0.5)) < 1e-9, `${name} ${high}`);
  }
  // σ = e^−3 is so narrow that the squashing at mean 0 costs E[log cosh²] ≈ σ² − σ⁴/2.
  const [, squashed] = rangeOf(distributionFamily('tanh-gaussian'), 1, {
    logStd: [-20, -3],
  });
  assert.ok(Math.abs(squashed - (normal - 3 - Math.exp(-6) + 0.5 * Math.exp(-12))) < 1e-6);
});

test('choices: from 0 to log n', () => {
  for (const n of [1, 2, 3, 18])
    assert.equal(distributionFamily('categorical').entropyRange?.(n), [0, Math.log(n)]);
});

/** Entropy of the Concrete distribution of two choices: y = sigmoid((d + logistic)/τ), by the trapezoidal rule. */
function concreteOfTwo(d: number, tau: number): number {
  let total = 2 - Math.log(tau);
  for (let z = -60; z <= 60; z += 0.01) {
    const u = Math.abs((d + z) / tau);
    const density = Math.exp(-Math.abs(z)) / (1 + Math.exp(-Math.abs(z))) ** 2;
    // log y(1 − y)
    total += 0.01 * density * (-u - 2 * Math.log1p(Math.exp(-u)));
  }
  return total;
}

test('relaxed choices: the greatest entropy has equal logits', async () => {
  const family = distributionFamily('relaxed-categorical');
  const of = (n: number) => rangeOf(family, n);
  assert.ok(Math.abs(of(2)[1] - concreteOfTwo(0, 0.7)) < 1e-6, `${of(2)[1]} is ${concreteOfTwo(0, 0.7)}`);
  for (const d of [-2, -0.3, 0.1, 1, 5]) assert.ok(concreteOfTwo(d, 0.7) < of(2)[1]);
  // Of samples, for more choices.
  const samples = 15_000;
  for (const n of [3, 6]) {
    const device = exactDevice();
    const heads = [Array(n).fill(0), head(n, 0, 0.3), head(n, 0, 1)];
    const update = await device.compile(
      ({ input }) => ({ logProb: family.make(input('heads', [3, n]), n).sample(samples).logProb }),
      { seed: n },
    );
    update.write({ heads: Float64Array.from(heads.flat()) });
    update.run();
    const logs = await update.read('logProb');
    const means = heads.map((_, b) => {
      const mine = Array.from({ length: samples }, (_, k) => -logs[3 * k + b]);
      const mean = mine.reduce((a, x) => a + x) / samples;
      const error = Math.sqrt(mine.reduce((a, x) => a + (x - mean) ** 2, 0) / samples ** 2);
      return { mean, error };
    });
    assert.ok(Math.abs(means[0].mean - of(n)[1]) < 4 * means[0].error, `${means[0].mean} is ${of(n)[1]}`);
    for (const { mean, error } of means.slice(1)) assert.ok(mean - 4 * error < of(n)[1]);
    await device.dispose();
  }
});

test('the default target lies well within the range, whatever the bounds; others are refused with the range', () => {
  for (const family of distributionFamilies) {
    for (const actions of [1, 2, 3, 17]) {
      for (const logStd of [
        [-20, 2],
        [-5, -3],
        [-1, -0.5],
        [0, 2],
      ] as const) {
        const range = family.entropyRange?.(actions, { logStd });
        if (!range || range[0] === range[1]) continue;
        const [low, high] = range;
        const target = defaultTargetEntropy(family, actions, { logStd });
        const where = `${family.name}, ${actions}, log-std in ${logStd}: ${target} in ${range}`;
        assert.ok(target > low && target < high, where);
        // At least a quarter from the ends of a closed range, and half a nat for the first choices of an open one.
        if (low > -1e9) assert.ok((target - low) / (high - low) > 0.24, where);
        else assert.ok(high - target > 0.3, where);
        requireReachable(target, family, actions, { logStd });
        for (const outside of [high, high + 1, Number.NaN, Number.NEGATIVE_INFINITY])
          assert.throws(
            () => requireReachable(outside, family, actions, { logStd }),
            /target entropy must lie between .* nats, which '.*' with \d+ (coordinates|choices) can reach; got/,
          );
      }
    }
  }
});

test.run();
