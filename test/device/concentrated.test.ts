// Densities and divergences of concentrated and of nearly equal distributions, where textbook formulas are small differences
// of large numbers: against 60 digits, in float64 and in the float32 of every backend.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { Beta } from '../../src/distributions/beta.ts';
import type { Distribution } from '../../src/distributions/distribution.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { standardLaplace } from '../../src/distributions/laplace.ts';
import { LocationScale } from '../../src/distributions/location-scale.ts';
import { grad, literal, reshape, sum, type Tensor } from '../../src/tape/index.ts';
import { betaValues } from '../distributions/beta-values.ts';
import { evaluate, exactDevice, openDevice } from '../helpers/devices.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

for (const precision of ['float64', 'float32'] as const) {
  test(`beta in ${precision}, concentrations from 0.01 to 1e6`, async () => {
    const on = precision === 'float64' ? exactDevice() : device;
    const count = betaValues.length;
    const column = (pick: (row: (typeof betaValues)[number]) => number) =>
      literal(betaValues.map(pick), [count, 1]);
    const [alpha, beta] = [() => column((row) => row.alpha), () => column((row) => row.beta)];
    const at = (k: number, a = alpha()) =>
      new Beta(a, beta()).logProb(
        reshape(
          column((row) => row.logProb[k][0]),
          [1, count, 1],
        ),
      );
    const to = (k: number, a = alpha()) =>
      new Beta(a, beta()).kl(
        new Beta(
          column((row) => row.kl[k][0]),
          column((row) => row.kl[k][1]),
        ),
      );
    const entropy = (a = alpha()) => new Beta(a, beta()).entropy();
    const slope = (of: (a: Tensor) => Tensor) => {
      const a = alpha();
      return grad(sum(of(a)), [a])[0];
    };
    // One program each: together they share too much.
    const bodies = {
      entropy: () => entropy(),
      ...{ p0: () => at(0), p1: () => at(1), p2: () => at(2) },
      ...{ k0: () => to(0), k1: () => to(1), k2: () => to(2), k3: () => to(3) },
      own: () => new Beta(alpha(), beta()).kl(new Beta(alpha(), beta())),
      dEntropy: () => slope(entropy),
      dKl: () => slope((a) => to(3, a)),
      dLogProb: () => slope((a) => at(2, a)),
    };
    const r = {} as Record<keyof typeof bodies, Float64Array>;
    for (const [name, body] of Object.entries(bodies) as [keyof typeof bodies, () => Tensor][])
      r[name] = (await evaluate(() => ({ value: body() }), {}, { device: on })).value;
    const exact = precision === 'float64';
    const check = (what: string, i: number, actual: number, expected: number, most: number) => {
      const { alpha, beta } = betaValues[i];
      const off = Math.abs(actual - expected);
      assert.ok(
        off <= most,
        `${what} of (${alpha}, ${beta}) is ${actual}, expected ${expected}: off by ${off}`,
      );
    };
    betaValues.forEach(({ alpha, beta, entropy: expected, logProb, kl }, i) => {
      check('entropy', i, r.entropy[i], expected, (exact ? 1e-13 : 1e-6) * (10 + Math.abs(expected)));
      [r.p0, r.p1, r.p2].forEach((values, k) => {
        // An action and a mean rounded to float32, at so many deviations.
        const rounded = 6e-8 * Math.sqrt(alpha + beta) * 4;
        const most = (exact ? 1e-13 + 1e-9 * rounded : 2e-6 + rounded) * (10 + Math.abs(logProb[k][1]));
        check(`log-density at ${logProb[k][0]}`, i, values[i], logProb[k][1], most);
      });
      [r.k0, r.k1, r.k2, r.k3].forEach((values, k) => {
        const expected = kl[k][2];
        const most = exact ? 1e-9 * expected + 1e-13 : 3e-5 * expected + 3e-6 * (1 + 1 / alpha / 10);
        check(`KL to (${kl[k][0]}, ${kl[k][1]})`, i, values[i], expected, most);
      });
      check('KL to itself', i, r.own[i], 0, exact ? 1e-13 : 3e-6 * (1 + 1 / alpha / 10));
    });
    for (const gradient of [r.dEntropy, r.dKl, r.dLogProb]) assert.ok(gradient.every(Number.isFinite));
  });
}

test('KL between nearly equal Gaussians and Laplace distributions', async () => {
  const [loc, scale] = [Math.fround(2e-3), Math.fround(1e-3)];
  const r = await evaluate(
    () => {
      const [zero, moved] = [literal([0, 0], [1, 2]), literal([loc, scale], [1, 2])];
      const kl = (make: (head: Tensor) => Distribution) => make(zero).kl?.(make(moved)) as Tensor;
      return {
        gaussian: kl((head) => new Gaussian(head, 1, false)),
        laplace: kl((head) => LocationScale.ofHead(standardLaplace, head, 1)),
      };
    },
    {},
    { device },
  );
  // Taylor series in the move of the location and of the log-scale, to terms of relative size 1e-9.
  const rest = (x: number) => x ** 2 / 2 + x ** 3 / 6 + x ** 4 / 24;
  const gaussian = 0.5 * (rest(-2 * scale) + (loc * Math.exp(-scale)) ** 2);
  const laplace = rest(-scale) + Math.exp(-scale) * rest(-loc);
  assert.ok(Math.abs(r.gaussian[0] / gaussian - 1) < 1e-6, `${r.gaussian[0]}, expected ${gaussian}`);
  assert.ok(Math.abs(r.laplace[0] / laplace - 1) < 1e-6, `${r.laplace[0]}, expected ${laplace}`);
});

test.run();
