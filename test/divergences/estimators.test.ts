// Every estimator with every distribution, and each estimate against the exact gradient of its divergence.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DistributionFamily } from '../../src/distributions/distribution.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import {
  type EstimatorChoice,
  type EstimatorInput,
  missingNeeds,
  needTitles,
  requireCompatible,
} from '../../src/divergences/estimator.ts';
import { FUSED_LOSS_LIMIT } from '../../src/divergences/loss-op.ts';
import { chooseEstimator, estimatorChoices, estimators } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { UsageError } from '../../src/errors.ts';
import {
  add,
  broadcastTo,
  concat,
  constant,
  grad,
  literal,
  mul,
  reshape,
  square,
  stack,
  sub,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { evaluate, exactDevice, lowered } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

const batch = 5;
const samples = 6;

/** Those whose losses have a fused kernel. */
const withFusedLoss = (): EstimatorChoice[] =>
  estimatorChoices().filter(({ estimator }) =>
    ['reverse-kl/pathwise', 'reverse-kl/score', 'forward-kl/snis'].includes(estimator.name),
  );

/** Two critics over an action of two coordinates. */
const critics = (a: Tensor): Tensor => {
  const centre = literal([0.2, -0.4], [2]);
  return stack([mul(-1, sum(square(sub(a, centre)), -1)), mul(-1.5, sum(square(sub(a, 0.1)), -1))], 0);
};

function inputFor(
  choice: EstimatorChoice,
  pi: EstimatorInput['policy'],
  options: Partial<EstimatorInput> = {},
): EstimatorInput {
  const count = options.samples ?? samples;
  const family = distributionFamilies.find((candidate) => candidate.name === pi.family) as DistributionFamily;
  const width = family.parameters(2);
  const discrete = family.capabilities.discrete;
  const policyOf = (seed: number) =>
    family.make(literal(normals(pi.batch * width, seed, 0.3), [pi.batch, width]), 2);
  return {
    policy: pi,
    target: boltzmann(critics, { temperature: 0.5 }),
    samples: count,
    behaviour: policyOf(3),
    reference: policyOf(5),
    replayedActions: discrete
      ? broadcastTo(literal([0, 1], [1, 1, 2]), [1, pi.batch, 2])
      : literal(normals(pi.batch * 2, 6, 0.3).map(Math.tanh), [1, pi.batch, 2]),
    value: literal(normals(pi.batch, 4), [pi.batch]),
    duals: Object.fromEntries(
      Object.entries(choice.estimator.duals ?? {}).map(([name, initial]) => [name, constant(initial)]),
    ),
    ...options,
  };
}

for (const choice of estimatorChoices()) {
  for (const family of distributionFamilies) {
    const missing = missingNeeds(choice.needs, family, 2);
    if (missing.length === 0) {
      test(`${choice.name} with ${family.name}: finite loss, gradient and diagnostics`, async () => {
        requireCompatible(choice, family, estimators, 2);
        const width = family.parameters(2);
        const r = await evaluate(
          ({ input }) => {
            const head = input('head', [batch, width]);
            const { loss, diagnostics } = choice.loss(inputFor(choice, family.make(head, 2)));
            assert.equal(loss.shape, []);
            return { loss, dHead: grad(loss, [head])[0], ...diagnostics };
          },
          { head: normals(batch * width, 2, 0.5) },
        );
        for (const [name, values] of Object.entries(r)) assert.ok(values.every(Number.isFinite), name);
        assert.ok(
          r.dHead.some((v) => v !== 0),
          'no gradient reaches the policy',
        );
      });
    } else {
      test(`${choice.name} with ${family.name}: refused, naming what it needs`, () => {
        assert.throws(
          () => requireCompatible(choice, family, estimators, 2),
          (error: Error) =>
            error instanceof UsageError &&
            missing.every((need) => error.message.includes(needTitles[need])) &&
            /these work: \S/.test(error.message),
        );
      });
    }
  }
}

// ---- a problem solved in closed form: Q = −½c(a − a*)², so p = N(a*, α/c) -------------------------------

const [c, centre, alpha] = [2, 0.3, 0.5];
const [mu, logStd] = [-0.1, -0.4];
const variance = Math.exp(2 * logStd);
const targetVariance = alpha / c;
/** ∂/∂mean and ∂/∂log-std of KL(π ‖ p) and of KL(p ‖ π). */
const exact = {
  reverse: [(mu - centre) / targetVariance, variance / targetVariance - 1],
  forward: [(mu - centre) / variance, 1 - (targetVariance + (centre - mu) ** 2) / variance],
};

/** Mean of the estimated gradient over `states` independent states, and its standard error. */
async function estimate(
  name: string,
  K: number,
  states: number,
  runs = 1,
  offset = 0,
  policyLogStd = logStd,
) {
  const choice = chooseEstimator(name);
  const device = exactDevice();
  const update = await device.compile(
    ({ input }) => {
      const head = input('head', [states, 2]);
      const pi = new Gaussian(head, 1, false);
      const behaviour = new Gaussian(broadcastTo(literal([0, Math.log(0.9)], [2]), [states, 2]), 1, false);
      const { loss } = choice.loss({
        policy: pi,
        target: boltzmann(
          (a) => reshape(add(mul(-0.5 * c, square(sub(a, centre))), offset), [1, K, states]),
          {
            temperature: alpha,
          },
        ),
        samples: K,
        ...(choice.needs.includes('behaviour') ? { behaviour } : {}),
        ...(choice.needs.includes('value') ? { value: broadcastTo(constant(-0.5), [states]) } : {}),
      });
      return { g: grad(loss, [head])[0] };
    },
    { seed: 12 },
  );
  update.write({ head: Array.from({ length: 2 * states }, (_, i) => (i % 2 ? policyLogStd : mu)) });
  const values: number[][] = [[], []];
  for (let run = 0; run < runs; run++) {
    update.run();
    for (const [i, v] of (await update.read('g')).entries()) values[i % 2].push(v * states);
  }
  await device.dispose();
  return values.map((v) => {
    const mean = v.reduce((a, b) => a + b) / v.length;
    const deviation = Math.sqrt(v.reduce((s, x) => s + (x - mean) ** 2, 0) / (v.length - 1));
    return { mean, error: deviation / Math.sqrt(v.length) };
  });
}

const unbiased: readonly [string, number][] = [
  ['reverse-kl/pathwise', 1],
  ['reverse-kl/pathwise', 4],
  ['reverse-kl/score:none', 4],
  ['reverse-kl/score:loo', 4],
  ['reverse-kl/score:value', 4],
];
for (const [name, K] of unbiased) {
  test(`${name}, ${K} samples: the mean gradient is the exact one within 4 standard errors`, async () => {
    const parts = await estimate(name, K, 4000, 5);
    parts.forEach(({ mean, error }, i) => {
      const off = Math.abs(mean - exact.reverse[i]) / error;
      assert.ok(off < 4, `part ${i}: ${mean} ± ${error}, exactly ${exact.reverse[i]}`);
      assert.ok(error < 0.1, `the test is too weak: standard error ${error}`);
    });
  });
}

test('reverse-kl/score:mean is the gradient times 1 − 1/K', async () => {
  const K = 4;
  const parts = await estimate('reverse-kl/score:mean', K, 4000, 5);
  parts.forEach(({ mean, error }, i) => {
    const expected = exact.reverse[i] * (1 - 1 / K);
    assert.ok(Math.abs(mean - expected) < 4 * error, `part ${i}: ${mean} ± ${error}, expected ${expected}`);
    assert.ok(Math.abs(mean - exact.reverse[i]) > 4 * error, 'the bias does not show: the test is too weak');
  });
});

test('chi2/pathwise pulls a wide policy to the target and drives a narrow one away', async () => {
  // ∂/∂mean = −(a* − m)/(2s² − v) for variances s² of the policy and v of the target; at s² ≤ v/2 the divergence is
  // infinite, and for s → 0 all samples have the gradient −Q′(m)/α of their log-ratio, with its sign turned over.
  const wide = await estimate('chi2/pathwise', 256, 200, 5, 0, 0.5 * Math.log(4 * targetVariance));
  const expected = -(centre - mu) / (8 * targetVariance - targetVariance);
  const [{ mean, error }] = wide;
  assert.ok(
    Math.abs(mean - expected) < 4 * error + 0.05 * Math.abs(expected),
    `${mean} ± ${error}, ${expected}`,
  );
  const [narrow] = await estimate('chi2/pathwise', 16, 200, 5, 0, 0.5 * Math.log(0.001 * targetVariance));
  const away = (centre - mu) / targetVariance;
  assert.ok(Math.abs(narrow.mean - away) < 4 * narrow.error + 0.05 * away, `${narrow.mean}, ${away}`);
});

test('leave-one-out has less variance than no baseline', async () => {
  // A constant added to Q changes no gradient, but all the noise of an estimate without a baseline.
  const [none, loo] = [
    await estimate('reverse-kl/score:none', 8, 2000, 1, 3),
    await estimate('reverse-kl/score:loo', 8, 2000, 1, 3),
  ];
  for (const [i, { error }] of none.entries())
    assert.ok(loo[i].error < 0.8 * error, `part ${i}: ${loo[i].error} against ${error}`);
});

for (const proposal of ['policy', 'behaviour']) {
  test(`forward-kl/snis:${proposal}: biased at few samples, and the bias falls like 1/K`, async () => {
    const name = `forward-kl/snis:${proposal}`;
    const few = await estimate(name, 2, 4000, 8);
    const many = await estimate(name, 16, 4000, 2);
    const plenty = await estimate(name, 256, 200, 2);
    // The log-std's part has the larger bias.
    const bias = (parts: typeof few, i: number) => parts[i].mean - exact.forward[i];
    const worst = Math.abs(bias(few, 0)) > Math.abs(bias(few, 1)) ? 0 : 1;
    assert.ok(Math.abs(bias(few, worst)) > 8 * few[worst].error, 'no bias to see at two samples');
    const ratio = bias(many, worst) / bias(few, worst);
    assert.ok(ratio > 0.02 && ratio < 0.3, `8 times the samples leave ${ratio} of the bias`);
    plenty.forEach(({ mean, error }, i) => {
      const allowed = 4 * error + Math.abs(bias(few, i)) / 32;
      assert.ok(
        Math.abs(mean - exact.forward[i]) < allowed,
        `part ${i}: ${mean}, exactly ${exact.forward[i]}`,
      );
    });
  });
}

// ---- fused and generic ----------------------------------------------------------------------------------

test('the fused losses equal the generic composition, in value, gradient and diagnostics', async () => {
  for (const choice of withFusedLoss()) {
    const family = distributionFamilies[1];
    const run = (fused: boolean) =>
      evaluate(
        ({ input }) => {
          const head = input('head', [batch, 4]);
          const noise =
            choice.variant === 'uniform'
              ? {
                  noise: literal(
                    normals(samples * batch * 2, 9).map((v) => 1 / (1 + Math.exp(-v))),
                    [samples, batch, 2],
                  ),
                }
              : { noise: literal(normals(samples * batch * 2, 9), [samples, batch, 2]) };
          // A prior that is 1 everywhere changes nothing but takes the generic path.
          const target = boltzmann(critics, {
            temperature: 0.5,
            ...(fused ? {} : { logPrior: (a: Tensor) => mul(0, sum(a, -1)) }),
          });
          const { loss, diagnostics } = choice.loss(
            inputFor(choice, family.make(head, 2), { target, ...noise }),
          );
          return { loss, dHead: grad(loss, [head])[0], ...diagnostics };
        },
        { head: normals(batch * 4, 2, 0.5) },
      );
    const [fused, generic] = [await run(true), await run(false)];
    for (const [part, values] of Object.entries(generic))
      allclose(
        fused[part as keyof typeof fused],
        values,
        { rtol: 1e-10, atol: 1e-11 },
        `${choice.name} ${part}`,
      );
  }
});

test('the number of kernels does not depend on the number of samples; large batches leave the fused loss', () => {
  const head = { small: 8, large: 2048 };
  for (const choice of withFusedLoss()) {
    const program = (K: number, rows: number) =>
      lowered(({ input }) => {
        const h = input('head', [rows, 4]);
        const pi = distributionFamilies[1].make(h, 2);
        const { loss } = choice.loss(inputFor(choice, pi, { samples: K }));
        return { loss, dHead: grad(loss, [h])[0] };
      });
    assert.is(program(2, head.small).kernels, program(64, head.small).kernels, choice.name);
    const isFused = (p: ReturnType<typeof program>) => p.steps.some((step) => step.label.endsWith('Loss'));
    assert.ok(isFused(program(4, head.small)), choice.name);
    assert.ok(16 * head.large > FUSED_LOSS_LIMIT);
    assert.not.ok(isFused(program(16, head.large)), choice.name);
  }
});

test('wrong requests: unknown names, too few samples, missing data, a temperature of 0', async () => {
  const usage = (pattern: RegExp) => (error: Error) =>
    error instanceof UsageError && pattern.test(error.message);
  assert.throws(() => chooseEstimator('reverse-kl/pathwize'), usage(/Did you mean 'reverse-kl\/pathwise'/));
  assert.throws(
    () => chooseEstimator('reverse-kl/score:lo'),
    usage(/Unknown variant of reverse-kl\/score 'lo'/),
  );
  assert.throws(() => chooseEstimator('reverse-kl/pathwise:x'), usage(/no variants/));
  assert.is(chooseEstimator('reverse-kl/score').name, 'reverse-kl/score:loo');
  lowered(({ input }) => {
    const pi = new Gaussian(concat([input('head', [2, 4])], 0), 2, true);
    const target = boltzmann(critics, { temperature: 1 });
    const ask = (name: string, count: number) => () =>
      chooseEstimator(name).loss({ policy: pi, target, samples: count });
    assert.throws(ask('reverse-kl/score:loo', 1), usage(/at least 2 samples/));
    assert.throws(ask('reverse-kl/pathwise', 0), usage(/at least 1 samples/));
    assert.throws(ask('reverse-kl/score:value', 4), usage(/needs the baseline/));
    assert.throws(ask('forward-kl/snis:behaviour', 4), usage(/needs the behaviour policy/));
    assert.throws(() => boltzmann(critics, { temperature: 0 }), usage(/must be above 0; got 0/));
    return {};
  });
});

test.run();
