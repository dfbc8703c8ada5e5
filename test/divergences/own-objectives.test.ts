// Estimators that follow an objective of their own: where advantage-weighted regression rests, and what a few Langevin
// steps leave of a forward KL, by transition matrices on a grid.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { UsageError } from '../../src/errors.ts';
import { add, grad, literal, mul, randomNormal, reshape, square, sub } from '../../src/tape/index.ts';
import { evaluate, lowered } from '../helpers/devices.ts';

/** Mean over states, and standard error, of each part of gradients [states, 2] of a mean over the states. */
function partsOf(slopes: Float64Array): { mean: number; error: number }[] {
  const states = slopes.length / 2;
  return [0, 1].map((j) => {
    const values = Array.from({ length: states }, (_, s) => slopes[2 * s + j] * states);
    const mean = values.reduce((a, b) => a + b) / states;
    const squares = values.reduce((total, v) => total + (v - mean) ** 2, 0);
    return { mean, error: Math.sqrt(squares / (states * (states - 1))) };
  });
}

const heads = (states: number, mean: number, logStd: number) =>
  Array.from({ length: 2 * states }, (_, i) => (i % 2 ? logStd : mean));

/** β = N(−1, 0.3²) and e^{Q/α} of Q = −(a − 0.3)², α = 1: their product is a Gaussian. */
const behaviour = { mean: -1, deviation: 0.3 };
const precision = 1 / behaviour.deviation ** 2 + 2;
const rest = {
  mean: (behaviour.mean / behaviour.deviation ** 2 + 2 * 0.3) / precision,
  deviation: precision ** -0.5,
};

async function awrSlopes(variant: string, mean: number, logStd: number, states = 20_000) {
  const K = 16;
  const { slopes } = await evaluate(
    ({ input }) => {
      const head = input('head', [states, 2]);
      const { loss } = chooseEstimator(`forward-kl/awr:${variant}`).loss({
        policy: new Gaussian(head, 1, false),
        target: boltzmann((a) => reshape(mul(-1, square(sub(a, 0.3))), [1, a.shape[0], states]), {
          temperature: 1,
        }),
        samples: K,
        replayedActions: add(mul(behaviour.deviation, randomNormal([1, states, 1])), behaviour.mean),
      });
      return { slopes: grad(loss, [head])[0] };
    },
    { head: heads(states, mean, logStd) },
    { seed: 8 },
  );
  return partsOf(slopes);
}

for (const variant of ['softmax-batch', 'exp-clip']) {
  test(`forward-kl/awr:${variant} rests at β·e^{A/α}, mean ${rest.mean.toFixed(2)}, not at the target's 0.3`, async () => {
    const still = await awrSlopes(variant, rest.mean, Math.log(rest.deviation));
    for (const [i, { mean, error }] of still.entries())
      assert.ok(Math.abs(mean) < 4.5 * error, `part ${i}: ${mean} ± ${error}`);
    const [away] = await awrSlopes(variant, 0.3, Math.log(rest.deviation));
    assert.ok(away.mean > 20 * away.error, `at the target: ${away.mean} ± ${away.error}`);
  });
}

test('forward-kl/awr:softmax-batch refuses a batch of one, whose weight is 1 whatever the target', () => {
  const record = (states: number, variant: string) =>
    lowered(({ input }) => {
      const policy = new Gaussian(input('head', [states, 2]), 1, false);
      const { loss } = chooseEstimator(`forward-kl/awr:${variant}`).loss({
        policy,
        target: boltzmann((a) => reshape(a, [1, a.shape[0], states]), { temperature: 1 }),
        samples: 2,
        replayedActions: literal(Array(states).fill(0.1), [1, states, 1]),
      });
      return { loss };
    });
  assert.throws(
    () => record(1, 'softmax-batch'),
    (error: Error) => error instanceof UsageError && /at least 2 states; got 1/.test(error.message),
  );
  record(2, 'softmax-batch');
  record(1, 'exp-clip');
});

// ---- Langevin steps -------------------------------------------------------------------------------------

const [steps, h] = [5, 0.15];

/**
 * −E[∇ log N(a; m, l)] for a drawn from N(m, l) and moved `steps` times by the Metropolis-adjusted Langevin step for a
 * target N(centre, variance): densities and transitions on a grid.
 */
function movedSlope(m: number, l: number, centre: number, variance: number): number[] {
  const [from, to, count] = [-4, 4, 801];
  const step = (to - from) / (count - 1);
  const at = Array.from({ length: count }, (_, i) => from + i * step);
  const logTarget = (a: number) => -0.5 * ((a - centre) ** 2 / variance);
  const drift = (a: number) => a - (0.5 * h * h * (a - centre)) / variance;
  const proposal = (b: number, a: number) =>
    Math.exp(-0.5 * ((b - drift(a)) / h) ** 2) / (h * Math.sqrt(2 * Math.PI));
  const density = (a: number) => Math.exp(-0.5 * ((a - m) * Math.exp(-l)) ** 2 - l) / Math.sqrt(2 * Math.PI);
  let mass = at.map((a) => density(a) * step);
  // Proposals reach eight deviations at most.
  const reach = Math.ceil((8 * h + 0.5 * h * h * 40) / step);
  for (let n = 0; n < steps; n++) {
    const next = new Array<number>(count).fill(0);
    for (let i = 0; i < count; i++) {
      let leaving = 0;
      for (let j = Math.max(0, i - reach); j < Math.min(count, i + reach + 1); j++) {
        if (j === i) continue;
        const [a, b] = [at[i], at[j]];
        const there = proposal(b, a);
        const ratio = Math.exp(logTarget(b) - logTarget(a)) * (proposal(a, b) / there);
        const flow = there * Math.min(1, Number.isFinite(ratio) ? ratio : 0) * step;
        next[j] += mass[i] * flow;
        leaving += flow;
      }
      next[i] += mass[i] * (1 - leaving);
    }
    mass = next;
  }
  const z = at.map((a) => (a - m) * Math.exp(-l));
  return [
    -mass.reduce((sum, p, i) => sum + p * z[i] * Math.exp(-l), 0),
    -mass.reduce((sum, p, i) => sum + p * (z[i] ** 2 - 1), 0),
  ];
}

for (const K of [1, 4]) {
  test(`forward-kl/mcmc with ${K} samples follows the likelihood of moved samples, far from the forward KL`, async () => {
    const [m, l, centre, variance] = [-0.6, -0.5, 0.5, 0.2];
    const expected = movedSlope(m, l, centre, variance);
    const forward = [(m - centre) * Math.exp(-2 * l), 1 - (variance + (centre - m) ** 2) * Math.exp(-2 * l)];
    const states = 12_000 / K;
    const { slopes } = await evaluate(
      ({ input }) => {
        const head = input('head', [states, 2]);
        const { loss } = chooseEstimator('forward-kl/mcmc').loss({
          policy: new Gaussian(head, 1, false),
          target: boltzmann((a) => reshape(mul(-0.5 / variance, square(sub(a, centre))), [1, K, states]), {
            temperature: 1,
          }),
          samples: K,
        });
        return { slopes: grad(loss, [head])[0] };
      },
      { head: heads(states, m, l) },
      { seed: 6 },
    );
    for (const [i, { mean, error }] of partsOf(slopes).entries()) {
      assert.ok(Math.abs(mean - expected[i]) < 4.5 * error, `part ${i}: ${mean} ± ${error}, ${expected[i]}`);
      const kept = (mean - forward[i]) / -forward[i];
      assert.ok(kept > 0.5, `part ${i} keeps ${kept} of its bias`);
    }
  });
}

test.run();
