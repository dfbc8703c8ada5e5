// The host's own numerics behind the golden recipes, against closed forms.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { erf } from '../../src/math/special.ts';
import { betaQuantile } from '../../src/verify/beta-quantile.ts';
import { type Normal, normalProduct, productRule, ruleFor } from '../../src/verify/quadratures.ts';

const near = (actual: number, expected: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual}, expected ${expected}`);

test('quantiles of the beta distribution where they are known', () => {
  for (const u of [1e-6, 0.03, 0.5, 0.97]) {
    for (const shape of [0.3, 1, 4, 60]) {
      const tail = (1 - u) ** (1 / shape);
      near(betaQuantile(1, shape, u), 1 - tail, 2e-15, `1, ${shape} at ${u}`);
      near(betaQuantile(shape, 1, u), u ** (1 / shape), 4e-15, `${shape}, 1 at ${u}`);
      // 1 − u is rounded, which counts the more the smaller u is.
      const mirrored = 1 - betaQuantile(shape, shape, 1 - u);
      near(betaQuantile(shape, shape, u), mirrored, 2e-15 / u, `${shape} at ${u}`);
    }
    // The arcsine law.
    near(betaQuantile(0.5, 0.5, u), Math.sin((Math.PI * u) / 2) ** 2, 1e-14);
  }
});

const pairs: [policy: Normal, target: Normal][] = [
  [
    { mean: 0.2, std: 0.7 },
    { mean: -0.3, std: 0.5 },
  ],
  [
    { mean: 0.2, std: 0.5 },
    { mean: -0.3, std: 0.5 },
  ],
  [
    { mean: -2, std: 0.1 },
    { mean: 1, std: 1.5 },
  ],
  [
    { mean: 0, std: 0.5 },
    { mean: 0, std: 0.5 },
  ],
];

test('the rule for two Gaussians integrates densities, their products and the kinks between them', () => {
  for (const [policy, target] of pairs) {
    const order = 0.5;
    const { nodes, weights } = ruleFor(policy, target, [normalProduct(policy, target, order)]);
    const integral = (f: (p: number, q: number) => number) =>
      nodes.reduce((total, x, i) => total + weights[i] * f(density(policy, x), density(target, x)), 0);
    near(
      integral((p) => p),
      1,
      1e-13,
    );
    near(
      integral((_p, q) => q),
      1,
      1e-13,
    );
    const variance = policy.std ** 2 + target.std ** 2;
    const overlap =
      Math.sqrt((2 * policy.std * target.std) / variance) *
      Math.exp(-((policy.mean - target.mean) ** 2) / (4 * variance));
    near(
      integral((p, q) => Math.sqrt(p * q)),
      overlap,
      1e-13,
    );
  }
  // Equal widths cross once, halfway.
  const [policy, target] = pairs[1];
  const { nodes, weights } = ruleFor(policy, target, []);
  const distance = nodes.reduce(
    (total, x, i) => total + 0.5 * weights[i] * Math.abs(density(policy, x) - density(target, x)),
    0,
  );
  near(distance, erf(0.25 / (0.5 * Math.SQRT2)), 1e-14);
});

const density = ({ mean, std }: Normal, x: number): number =>
  Math.exp(-0.5 * ((x - mean) / std) ** 2) / (std * Math.sqrt(2 * Math.PI));

test('the rules over noise have the moments of the normal distribution', () => {
  for (const samples of [1, 2]) {
    const { nodes, weights } = productRule(samples);
    const moment = (f: (...noise: number[]) => number) =>
      weights.reduce((total, w, i) => total + w * f(...nodes.map((line) => line[i])), 0);
    near(
      moment(() => 1),
      1,
      1e-13,
    );
    near(
      moment((...noise) => noise.reduce((product, x) => product * x ** 2, 1)),
      1,
      1e-13,
    );
    near(
      moment((...noise) => noise.reduce((total, x) => total + x, 0) ** 4),
      3 * samples ** 2,
      1e-11,
    );
  }
});

test.run();
