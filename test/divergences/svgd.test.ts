// Stein's amortised gradient: its formula written out, and that a policy which is its own target stays.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Distribution } from '../../src/distributions/distribution.ts';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { requireCompatible } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimators } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { UsageError } from '../../src/errors.ts';
import { grad, literal, mul, reshape, square, sub, sum, type Tensor } from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { evaluate, exactDevice } from '../helpers/devices.ts';

const svgd = chooseEstimator('svgd/amortised');

/** Mean gradient of a head over `states` states, and its standard error, where log p of a policy is given. */
async function meanSlope(
  family: string,
  head: readonly number[],
  samples: number,
  target: (a: Tensor, states: number) => Tensor | ((policy: Distribution) => Tensor),
  states = 4000,
): Promise<{ mean: number[]; error: number[] }> {
  const width = head.length;
  const { g } = await evaluate(
    ({ input }) => {
      const given = input('head', [states, width]);
      const policy = distributionFamily(family).make(given, 1);
      const { loss } = svgd.loss({
        policy,
        samples,
        target: boltzmann((a) => reshape(mul(0, sum(a, -1)), [1, samples, states]), {
          temperature: 1,
          logPrior: (a) => {
            const found = target(a, states);
            return typeof found === 'function' ? found(policy.detach()) : found;
          },
        }),
      });
      return { g: grad(loss, [given])[0] };
    },
    { head: Array.from({ length: states * width }, (_, i) => head[i % width]) },
    { seed: 5 },
  );
  const parts = head.map((_, j) => Array.from({ length: states }, (__, s) => g[s * width + j] * states));
  const mean = parts.map((values) => values.reduce((a, b) => a + b) / states);
  const error = parts.map((values, j) =>
    Math.sqrt(values.reduce((sum, v) => sum + (v - mean[j]) ** 2, 0) / (states * (states - 1))),
  );
  return { mean, error };
}

/** Two pathwise samples: [2, batch, actions]. */
function pathwise(policy: Distribution): Tensor {
  if (!policy.rsample) throw new Error(`${policy.family} has none`);
  return policy.rsample(2).actions;
}

const standardNormal = (a: Tensor) => mul(-0.5, sum(square(a), -1));

for (const samples of [3, 4, 16]) {
  test(`${samples} samples: where π = p nothing pulls, and policies rest at its deviation`, async () => {
    const states = samples > 4 ? 2000 : 8000;
    const { mean, error } = await meanSlope('gaussian', [0, 0], samples, standardNormal, states);
    mean.forEach((value, j) => {
      assert.ok(Math.abs(value) < 4 * error[j], `part ${j}: ${value} ± ${error[j]}`);
      assert.ok(error[j] < 0.01, `too few to tell: ${error[j]}`);
    });
    // A tenth wider is drawn in, a tenth narrower is pushed out.
    for (const sign of [1, -1]) {
      const off = await meanSlope('gaussian', [0, 0.1 * sign], samples, standardNormal, states);
      assert.ok(off.mean[1] * sign > 3 * off.error[1], `${off.mean[1]} ± ${off.error[1]} at ${0.1 * sign}`);
    }
  });
}

for (const [family, head] of [
  ['tanh-gaussian', [0.4, 0.3]],
  ['beta', [-6, -6]],
] as const) {
  test(`${family} that is its own target, with mass at the edge of the box, stays`, async () => {
    const own = (a: Tensor) => (policy: Distribution) => policy.logProb(a);
    const states = family === 'beta' ? 400 : 4000;
    const { mean, error } = await meanSlope(family, head, 4, own, states);
    for (const [j, value] of mean.entries())
      assert.ok(Math.abs(value) < 4 * error[j], `part ${j}: ${value} ± ${error[j]}`);
  });
}

for (const squashed of [false, true]) {
  test(`the gradient is that of the formula${squashed ? ', before the tanh' : ''}`, async () => {
    const [m, l, noise] = [0.2, -0.3, [-0.8, 0.3, 1.1, -0.1]];
    const K = noise.length;
    const { slope } = await evaluate(
      ({ input }) => {
        const head = input('head', [1, 2]);
        const { loss } = svgd.loss({
          policy: distributionFamily(squashed ? 'tanh-gaussian' : 'gaussian').make(head, 1),
          target: boltzmann((a) => reshape(mul(-1, square(sub(a, 0.5))), [1, K, 1]), { temperature: 0.5 }),
          samples: K,
          noise: literal(noise, [K, 1, 1]),
        });
        return { slope: grad(loss, [head])[0] };
      },
      { head: [m, l] },
    );
    const x = noise.map((e) => m + Math.exp(l) * e);
    const score = (u: number) => {
      const a = squashed ? Math.tanh(u) : u;
      return -4 * (a - 0.5) * (squashed ? 1 - a * a : 1) - (squashed ? 2 * a : 0);
    };
    const expected = [0, 0];
    for (let i = 0; i < K; i++) {
      let phi = 0;
      for (let j = 0; j < K; j++) {
        if (j === i) continue;
        const others = x.filter((_, k) => k !== j);
        const squares = others.flatMap((p) => others.map((q) => (p - q) ** 2));
        const h = squares.reduce((a, b) => a + b) / squares.length / Math.log(K + 1) + 1e-6;
        const gap = x[j] - x[i];
        const kernel = Math.exp(-(gap ** 2) / h);
        phi += (kernel * score(x[j]) - ((2 * gap) / h) * kernel) / (K - 1);
      }
      expected[0] -= phi / K;
      expected[1] -= (phi * Math.exp(l) * noise[i]) / K;
    }
    allclose(slope, expected, { rtol: 1e-10, atol: 1e-12 }, 'slope');
  });
}

test('a policy without noise is refused, by name; the limit of zero temperature takes it', () => {
  const certain = distributionFamilies.filter(({ capabilities }) => capabilities.certain);
  assert.equal(
    certain.map(({ name }) => name),
    ['deterministic'],
  );
  for (const family of certain) {
    assert.throws(
      () => requireCompatible(svgd, family, estimators),
      (error: Error) =>
        error instanceof UsageError &&
        /samples differ/.test(error.message) &&
        /these work: dpg\/pathwise\.$/.test(error.message),
    );
  }
});

test('samples of every other family with pathwise samples do differ', async () => {
  const device = exactDevice();
  for (const { name, capabilities, make, parameters } of distributionFamilies) {
    if (!capabilities.reparameterisable) continue;
    const { actions } = await evaluate(
      ({ input }) => ({
        actions: pathwise(make(input('head', [1, parameters(2)]), 2)),
      }),
      { head: Array.from({ length: parameters(2) }, () => 0.1) },
      { device },
    );
    const same = actions[0] === actions[2] && actions[1] === actions[3];
    assert.is(same, capabilities.certain === true, name);
  }
  await device.dispose();
});

test.run();
