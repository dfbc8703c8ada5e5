// Estimators against values worked out here in plain numbers: duals, weights, signs, and what stays where it is.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Categorical } from '../../src/distributions/categorical.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds } from '../../src/divergences/estimator.ts';
import { awrWeights } from '../../src/divergences/forward-kl-awr.ts';
import { mpoDual } from '../../src/divergences/mpo.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import {
  add,
  constant,
  grad,
  literal,
  mul,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { evaluate } from '../helpers/devices.ts';
import { gradcheck, normals } from '../helpers/gradcheck.ts';

const test = suite('known values');
const near = (actual: number, expected: number, within: number, what: string) =>
  assert.ok(Math.abs(actual - expected) <= within, `${what}: ${actual}, expected ${expected} ± ${within}`);
const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const logNormal = (x: number, m: number, l: number) =>
  -0.5 * ((x - m) / Math.exp(l)) ** 2 - l - 0.5 * Math.log(2 * Math.PI);

// ---- MPO ------------------------------------------------------------------------------------------------

const [K, batch] = [4, 3];
const q = Array.from(normals(K * batch, 5));
/** Values of one state. */
const column = (b: number, values: readonly number[] = q) =>
  Array.from({ length: K }, (_, k) => values[k * batch + b]);
const softmax = (values: readonly number[]) => {
  const most = Math.max(...values);
  const weights = values.map((v) => Math.exp(v - most));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((w) => w / total);
};

test("MPO's dual is the bound of the E-step, and its slope what is left of the bound", async () => {
  for (const [eta, epsilon] of [
    [0.7, 0.1],
    [2.5, 0.4],
  ]) {
    const { dual, slope } = await evaluate(
      ({ input }) => {
        const e = input('eta', []);
        const dual = mpoDual(literal(q, [K, batch]), e, epsilon);
        return { dual, slope: grad(dual, [e])[0] };
      },
      { eta: [eta] },
    );
    const states = [0, 1, 2].map((b) => column(b));
    const logs = states.map((own) => Math.log(average(own.map((v) => Math.exp(v / eta)))));
    near(dual[0], eta * epsilon + eta * average(logs), 1e-12, 'dual');
    // ε − KL(w ‖ uniform), the mean over states: the dual falls in η while the weights are further than ε allows.
    const kl = states.map((own) =>
      softmax(own.map((v) => v / eta)).reduce((total, w) => total + w * Math.log(w * K), 0),
    );
    near(slope[0], epsilon - average(kl), 1e-12, 'slope');
  }
});

for (const decoupled of [true, false])
  test(`mpo/${decoupled ? 'decoupled' : 'coupled'}: loss and dual loss, with what each of them moves`, async () => {
    const [now, old] = [
      [0.3, -0.2],
      [-0.5, 0.4],
    ];
    const duals = { eta: 0.8, lambdaMean: 1.7, lambdaCovariance: 0.6 };
    const noise = Array.from(normals(K * batch, 8));
    const latents = noise.map((e) => old[0] + Math.exp(old[1]) * e);
    const critic = (x: number) => -0.5 * (x - 1) ** 2;
    const names = Object.keys(duals) as (keyof typeof duals)[];
    const found = await evaluate(
      ({ input }) => {
        const values = Object.fromEntries(names.map((name) => [name, input(name, [])]));
        const head = input('head', [batch, 2]);
        const { loss, dualLoss } = chooseEstimator(`mpo/${decoupled ? 'decoupled' : 'coupled'}`).loss({
          policy: new Gaussian(head, 1, false),
          reference: new Gaussian(literal([...old, ...old, ...old], [batch, 2]), 1, false),
          target: boltzmann((a) => reshape(mul(-0.5, square(sub(a, 1))), [1, K, batch]), { temperature: 1 }),
          samples: K,
          noise: literal(noise, [K, batch, 1]),
          duals: values,
        });
        if (!dualLoss) throw new Error('no dual loss');
        const inputs = names.map((name) => values[name]);
        const [dEta, dMean, dCovariance] = grad(dualLoss, inputs);
        const fixed = grad(loss, inputs).map((x) => reshape(x, []));
        return {
          ...{ loss, dualLoss, dEta, dMean, dCovariance, dualByHead: grad(dualLoss, [head])[0] },
          ...{ a: fixed[0], b: fixed[1], c: fixed[2] },
        };
      },
      { head: [...now, ...now, ...now], ...Object.fromEntries(names.map((name) => [name, [duals[name]]])) },
    );
    const states = [0, 1, 2].map((b) => column(b, latents));
    const weights = states.map((own) => softmax(own.map((x) => critic(x) / duals.eta)));
    const nll = (m: number, l: number) =>
      -average(
        states.map((own, b) => own.reduce((sum, x, k) => sum + weights[b][k] * logNormal(x, m, l), 0)),
      );
    // KL(old ‖ new), with the mean's part in the old deviation and the deviation's part without the mean.
    const klMean = 0.5 * ((now[0] - old[0]) / Math.exp(old[1])) ** 2;
    const gap = now[1] - old[1];
    const klCovariance = gap + 0.5 * Math.exp(-2 * gap) - 0.5;
    const likelihood = decoupled ? nll(now[0], old[1]) + nll(old[0], now[1]) : nll(now[0], now[1]);
    near(
      found.loss[0],
      likelihood + duals.lambdaMean * klMean + duals.lambdaCovariance * klCovariance,
      1e-10,
      'loss',
    );
    const logs = states.map((own) => Math.log(average(own.map((x) => Math.exp(critic(x) / duals.eta)))));
    const multipliers = duals.lambdaMean * (0.05 - klMean) + duals.lambdaCovariance * (0.001 - klCovariance);
    near(found.dualLoss[0], duals.eta * (0.1 + average(logs)) + multipliers, 1e-10, 'dual loss');
    // A multiplier grows, against its slope, where its trust region is left.
    near(found.dMean[0], 0.05 - klMean, 1e-12, 'slope in the mean’s multiplier');
    near(found.dCovariance[0], 0.001 - klCovariance, 1e-12, 'slope in the covariance’s multiplier');
    const kl = weights.map((own) => own.reduce((total, w) => total + w * Math.log(w * K), 0));
    near(found.dEta[0], 0.1 - average(kl), 1e-10, 'slope in η');
    // The loss moves the policy alone, the dual loss the duals alone.
    for (const part of [found.a, found.b, found.c, found.dualByHead]) assert.ok(part.every((x) => x === 0));
  });

// ---- weights --------------------------------------------------------------------------------------------

test('the mixture proposal weighs a choice by its share of both halves', async () => {
  // Over choices all samples of one choice weigh alike, so loss and effective sample size follow from how many fell on it.
  const logits = [1.2, -0.4, 0.1];
  const values = [0.5, -0.3, 1.1];
  const [policy, temperature] = [softmax(logits), 0.6];
  for (const samples of [2, 5, 7])
    for (const prior of [false, true]) {
      const own = Math.floor(samples / 2);
      const found = await evaluate(
        () => {
          const critics = (a: Tensor) =>
            reshape(sum(mul(a, literal(values, [3])), -1), [1, ...a.shape.slice(0, 2)]);
          const { loss, diagnostics } = chooseEstimator('forward-kl/snis:mixture').loss({
            policy: new Categorical(literal(logits, [1, 3]), 3),
            // A prior of 1 takes the way without the fused loss.
            target: boltzmann(critics, {
              temperature,
              ...(prior ? { logPrior: (a: Tensor) => mul(0, sum(a, -1)) } : {}),
            }),
            samples,
          });
          return { loss, ess: diagnostics.effectiveSampleSize };
        },
        {},
        { seed: samples },
      );
      const proposal = policy.map((p) => (own * p + (samples - own) / 3) / samples);
      const weight = values.map((value, i) => Math.exp(value / temperature) / proposal[i]);
      const possible: [number, number][] = [];
      for (let n = 0; n <= samples; n++)
        for (let m = 0; n + m <= samples; m++) {
          const counts = [n, m, samples - n - m];
          const total = counts.reduce((sum, c, i) => sum + c * weight[i], 0);
          const squares = counts.reduce((sum, c, i) => sum + c * weight[i] ** 2, 0);
          const loss = -counts.reduce(
            (sum, c, i) => sum + ((c * weight[i]) / total) * Math.log(policy[i]),
            0,
          );
          possible.push([loss, total ** 2 / squares]);
        }
      const fits = possible.some(
        ([loss, ess]) => Math.abs(loss - found.loss[0]) < 1e-9 && Math.abs(ess - found.ess[0]) < 1e-9,
      );
      assert.ok(fits, `loss ${found.loss[0]} and ${found.ess[0]} samples belong to no counts of ${samples}`);
      // All on one choice would fit any weights.
      assert.ok(found.ess[0] < samples - 1e-6, 'the draws tell nothing');
    }
});

test('weights of advantages are exponentials up to 20, or have mean 1 over the batch', async () => {
  const advantages = [-1, 0, 1.5, 2.9, 3.1, 40];
  const beta = 0.8;
  const { clipped, normalised } = await evaluate(() => {
    const a = literal(advantages, [6]);
    return {
      clipped: awrWeights(a, constant(beta), 'exp-clip'),
      normalised: awrWeights(a, constant(beta), 'softmax-batch'),
    };
  });
  const expected = advantages.map((a) => Math.min(Math.exp(a / beta), 20));
  const shares = softmax(advantages.map((a) => a / beta));
  for (const i of advantages.keys()) {
    near(clipped[i], expected[i], 1e-10, `weight ${i}`);
    near(normalised[i], 6 * shares[i], 1e-10, `share ${i}`);
  }
});

test('importance-weighted penalties have the gradient of what they are the mean of', async () => {
  const [states, draws] = [2, 3];
  const noise = Array.from(normals(draws * states, 4));
  for (const k of ['k1', 'k2', 'k3'])
    await gradcheck(
      ({ head }) => {
        const gaussian = (values: readonly number[]) => new Gaussian(literal(values, [states, 2]), 1, false);
        return chooseEstimator(`kl-penalty/${k}-iw`).loss({
          policy: new Gaussian(head, 1, false),
          behaviour: gaussian([0.1, 0.2, -0.3, -0.1]),
          reference: gaussian([-0.2, 0.1, 0.4, 0.3]),
          target: boltzmann((a) => reshape(a, [1, draws, states]), { temperature: 1 }),
          samples: draws,
          noise: literal(noise, [draws, states, 1]),
        }).loss;
      },
      { head: { shape: [states, 2], values: [0.3, -0.1, 0.2, 0.1] } },
    );
});

// ---- losses and gradients of one state, from fixed noise ----------------------------------------------

/** Policy N(m, e^2l), target log p̃ = −1.5(a − 0.4)² up to a constant, so that weights differ and none rules. */
const [m0, l0] = [-0.2, -0.3];
const noises = Array.from(normals(5, 13));
const logTarget = (a: number) => -1.5 * (a - 0.4) ** 2;
const mean = average;
const logMeanExp = (values: readonly number[]) => Math.log(mean(values.map(Math.exp)));
const actionsAt = (m: number, l: number) => noises.map((e) => m + Math.exp(l) * e);
/** log p̃ − log π at the samples of N(m, e^2l); with `held`, under the density of the first policy. */
const ratios = (m: number, l: number, held = false) =>
  actionsAt(m, l).map((a) => logTarget(a) - (held ? logNormal(a, m0, l0) : logNormal(a, m, l)));
/** r = p/π with p normalised over the samples. */
const relative = (logs: readonly number[]) => softmax(logs).map((w) => w * logs.length);
const fs: Readonly<Record<string, { f: (r: number) => number; slope: (r: number) => number }>> = {
  chi2: { f: (r) => (r - 1) ** 2, slope: (r) => 2 * (r - 1) },
  jeffreys: { f: (r) => 0.5 * (r - 1) * Math.log(r), slope: (r) => 0.5 * (Math.log(r) + (r - 1) / r) },
  'jensen-shannon': {
    f: (r) => 0.5 * (r * Math.log(r) - (r + 1) * Math.log((r + 1) / 2)),
    slope: (r) => 0.5 * (Math.log(r) - Math.log((r + 1) / 2)),
  },
  hellinger: { f: (r) => 0.5 * (Math.sqrt(r) - 1) ** 2, slope: (r) => 0.5 * (1 - 1 / Math.sqrt(r)) },
  'total-variation': { f: (r) => 0.5 * Math.abs(r - 1), slope: (r) => 0.5 * Math.sign(r - 1) },
};

interface Known {
  readonly loss: number;
  /** A function whose gradient the estimator's is: of the policy's mean and log-std. */
  readonly of: (m: number, l: number) => number;
}
const first = ratios(m0, l0);
/** Σ weight·log π at the first samples, weights and samples fixed. */
const surrogate = (weights: readonly number[]) => (m: number, l: number) =>
  actionsAt(m0, l0).reduce((sum, a, k) => sum + weights[k] * logNormal(a, m, l), 0);
const f0 = first.map((x) => -x);
const total = f0.reduce((a, b) => a + b);
const known: Record<string, Known> = {
  'reverse-kl/score:none': { loss: mean(f0), of: surrogate(f0.map((f) => f / 5)) },
  'reverse-kl/score:loo': { loss: mean(f0), of: surrogate(f0.map((f) => (f - (total - f) / 4) / 5)) },
  'reverse-kl/score:mean': { loss: mean(f0), of: surrogate(f0.map((f) => (f - total / 5) / 5)) },
  'reverse-kl/pathwise': { loss: mean(f0), of: (m, l) => -mean(ratios(m, l)) },
  'reverse-kl/pathwise-stl': { loss: mean(f0), of: (m, l) => -mean(ratios(m, l, true)) },
  'chi2/pathwise': {
    loss: 0.5 * logMeanExp(first.map((x) => 2 * x)),
    of: (m, l) => 0.5 * logMeanExp(ratios(m, l).map((x) => 2 * x)),
  },
};
for (const [name, { f, slope }] of Object.entries(fs)) {
  const r = relative(first);
  known[`${name}/score`] = { loss: mean(r.map(f)), of: surrogate(r.map((x) => (f(x) - x * slope(x)) / 5)) };
  if (name !== 'chi2' && name !== 'total-variation')
    known[`${name}/pathwise`] = { loss: mean(r.map(f)), of: (m, l) => mean(relative(ratios(m, l)).map(f)) };
}
for (const order of [0.5, 2, -1]) {
  // Bounds of log Z from below are maximised, the one from above minimised.
  const sign = order > 0 ? -1 : 1;
  const bound = (logs: readonly number[]) =>
    (sign * logMeanExp(logs.map((x) => (1 - order) * x))) / (1 - order);
  const w = softmax(first.map((x) => (1 - order) * x));
  const dreg = w.map((x) => order * x + (1 - order) * x * x);
  const loss = bound(first);
  known[`renyi/pathwise:${order}`] = { loss, of: (m, l) => bound(ratios(m, l)) };
  known[`renyi/dreg:${order}`] = {
    loss,
    of: (m, l) => sign * ratios(m, l, true).reduce((sum, x, k) => sum + dreg[k] * x, 0),
  };
  const factor = (sign * order) / (1 - order);
  known[`renyi/score:${order}`] = { loss, of: surrogate(w.map((x) => factor * (x - 1 / 5))) };
  known[`renyi/score:${order}-uncentred`] = { loss, of: surrogate(w.map((x) => factor * x)) };
}
{
  const w = softmax(first);
  const centre = actionsAt(m0, l0).reduce((sum, a, k) => sum + w[k] * a, 0);
  const variance = actionsAt(m0, l0).reduce((sum, a, k) => sum + w[k] * (a - centre) ** 2, 0);
  // KL of the projection to the policy.
  const of = (m: number, l: number) =>
    l - 0.5 * Math.log(variance) + (variance + (centre - m) ** 2) / (2 * Math.exp(2 * l)) - 0.5;
  known['forward-kl/moment'] = { loss: of(m0, l0), of };
  const cross = surrogate(w.map((x) => -x));
  known['forward-kl/snis:policy'] = { loss: cross(m0, l0), of: cross };
}

for (const [name, { loss, of }] of Object.entries(known))
  test(`${name}: loss and gradient are the formula's, with the fused kernel and without`, async () => {
    for (const prior of [false, true]) {
      const found = await evaluate(
        ({ input }) => {
          const head = input('head', [1, 2]);
          const result = chooseEstimator(name).loss({
            policy: new Gaussian(head, 1, false),
            target: boltzmann((a) => reshape(mul(-0.75, square(sub(a, 0.4))), [1, 5, 1]), {
              temperature: 0.5,
              ...(prior ? { logPrior: (a: Tensor) => mul(0, sum(a, -1)) } : {}),
            }),
            samples: 5,
            noise: literal(noises, [5, 1, 1]),
          });
          return { loss: result.loss, slope: grad(result.loss, [head])[0] };
        },
        { head: [m0, l0] },
      );
      near(found.loss[0], loss, 1e-9, `loss, prior ${prior}`);
      const h = 1e-5;
      near(
        found.slope[0],
        (of(m0 + h, l0) - of(m0 - h, l0)) / (2 * h),
        1e-6,
        `slope in the mean, prior ${prior}`,
      );
      near(
        found.slope[1],
        (of(m0, l0 + h) - of(m0, l0 - h)) / (2 * h),
        1e-6,
        `slope in the log-std, prior ${prior}`,
      );
    }
  });

// ---- targets and steps ----------------------------------------------------------------------------------

test('the prior of a target counts as much as its critic', async () => {
  const { log } = await evaluate(() => {
    const target = boltzmann((a) => reshape(mul(3, a), [1, 2, 1]), {
      temperature: 0.5,
      logPrior: (a) => sum(mul(-7, a), -1),
    });
    const actions = literal([0.2, -0.4], [2, 1, 1]);
    return { log: target.logDensityOf(target.critics(actions), actions) };
  });
  near(log[0], (3 * 0.2) / 0.5 - 7 * 0.2, 1e-12, 'at 0.2');
  near(log[1], (3 * -0.4) / 0.5 + 7 * 0.4, 1e-12, 'at −0.4');
});

for (const squashed of [false, true])
  test(`Langevin steps leave a policy where it is that is its own target${squashed ? ', squashed' : ''}`, async () => {
    // Narrow, so that a step that was not corrected would widen it.
    const [mean, logStd, states, draws] = [squashed ? 1.2 : 0.3, squashed ? -0.7 : -2, 1500, 4];
    const values = Array.from({ length: 2 * states }, (_, i) => (i % 2 ? logStd : mean));
    const { slopes, acceptance } = await evaluate(
      ({ input }) => {
        const head = input('head', [states, 2]);
        const policy = new Gaussian(head, 1, squashed);
        const own = policy.detach();
        const { loss, diagnostics } = chooseEstimator('forward-kl/mcmc').loss({
          policy,
          target: boltzmann((a) => reshape(mul(0, sum(a, -1)), [1, draws, states]), {
            temperature: 1,
            logPrior: (a) => own.logProb(a),
          }),
          samples: draws,
        });
        return { slopes: grad(loss, [head])[0], acceptance: diagnostics.acceptance };
      },
      { head: values },
    );
    // The score has mean zero under the policy itself; its deviation over `draws` of a state is known.
    for (const [i, what, deviation] of [
      [0, 'mean', Math.exp(-logStd)],
      [1, 'log-std', Math.SQRT2],
    ] as const) {
      const each = Array.from({ length: states }, (_, s) => slopes[2 * s + i] * states);
      near(average(each), 0, 4.5 * (deviation / Math.sqrt(draws * states)), `slope in the ${what}`);
    }
    assert.ok(acceptance[0] > 0.5 && acceptance[0] <= 1, `acceptance ${acceptance[0]}`);
  });

test('an estimator takes the least number of samples it needs, and no fewer', async () => {
  for (const name of [
    'mpo/decoupled',
    'svgd/amortised',
    'chi2/score',
    'forward-kl/moment',
    'reverse-kl/pathwise',
  ]) {
    const choice = chooseEstimator(name);
    const least = choice.minimumSamples;
    const policy = () => new Gaussian(literal([0.1, -0.2], [1, 2]), 1, false);
    await evaluate(() => {
      const loss = (samples: number) =>
        choice.loss({
          policy: policy(),
          reference: policy(),
          target: boltzmann((a) => reshape(add(a, 1), [1, samples, 1]), { temperature: 1 }),
          samples,
          duals: Object.fromEntries(
            Object.keys(choice.estimator.duals ?? {}).map((dual) => [dual, constant(1)]),
          ),
        }).loss;
      assert.throws(() => loss(least - 1));
      return { loss: loss(least) };
    });
  }
});

test('particles push each other apart, by as much as their kernel says', async () => {
  // Without a slope of the target only the kernel moves them: φ(aᵢ) = meanⱼ −2(aⱼ − aᵢ)/hⱼ·κ, from aⱼ to beyond aᵢ.
  const noise = [-0.4, 0.1, 0.9];
  const { slope } = await evaluate(
    ({ input }) => {
      const head = input('head', [1, 2]);
      const { loss } = chooseEstimator('svgd/amortised').loss({
        policy: new Gaussian(head, 1, false),
        target: boltzmann((a) => reshape(mul(0, a), [1, 3, 1]), { temperature: 1 }),
        samples: 3,
        noise: literal(noise, [3, 1, 1]),
      });
      return { slope: grad(loss, [head])[0] };
    },
    { head: [0, 0] },
  );
  // ∂a/∂log-std is the noise, so −Σ φ·a < 0 says that the particles move apart.
  assert.ok(slope[1] < -0.01, `slope in the log-std ${slope[1]}`);
});

test('expectations over a box are taken by quadrature up to two coordinates', async () => {
  const choice = chooseEstimator('reverse-kl/exact');
  const family = distributionFamily('tanh-gaussian');
  assert.equal(
    [1, 2, 3].map((actions) => missingNeeds(choice.needs, family, actions)),
    [[], [], ['enumerable']],
  );
  // Against a uniform target KL(π ‖ p) is log 2 a coordinate less the entropy, here of independent coordinates.
  const entropy = (m: number, l: number) => {
    const count = 2000;
    const step = 16 / count;
    return Array.from({ length: count }, (_, i) => m + Math.exp(l) * (-8 + (i + 0.5) * step)).reduce(
      (sum, u) => {
        const log = logNormal(u, m, l);
        // Of tanh u: log 1 − tanh² is added.
        return sum - step * Math.exp(l) * Math.exp(log) * (log + 2 * Math.log(Math.cosh(u)));
      },
      0,
    );
  };
  for (const [size, head] of [
    [1, [0.3, -0.4]],
    [2, [0.3, -0.2, -0.4, 0.1]],
  ] as const) {
    const { loss } = await evaluate(() => {
      const uniform = (a: Tensor) => reshape(mul(0, sum(a, -1)), [1, ...a.shape.slice(0, 2)]);
      const policy = family.make(literal(head, [1, 2 * size]), size);
      return {
        loss: choice.loss({ policy, target: boltzmann(uniform, { temperature: 1 }), samples: 1 }).loss,
      };
    });
    const coordinates = Array.from({ length: size }, (_, i) => entropy(head[i], head[size + i]));
    near(loss[0], size * Math.log(2) - coordinates.reduce((a, b) => a + b), 1e-5, `${size} coordinates`);
  }
});

test.run();
