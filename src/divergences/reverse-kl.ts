import { UsageError } from '../errors.ts';
import type { ScoreBaseline } from '../kernels/index.ts';
import { div, exp, mean, mul, reshape, stopGradient, sub, sum, type Tensor } from '../tape/index.ts';
import { type Estimator, type EstimatorInput, type EstimatorResult, ratioBias } from './estimator.ts';
import { exactly, integrate } from './exact.ts';
import { fitsFusedLoss, reverseKlLoss, scoreLoss } from './loss-op.ts';
import { reverseKlObjective } from './objective.ts';

/**
 * KL(π ‖ p), whose minimum over all policies is the soft-optimal one. Both estimators drop log Z(s), a constant
 * of the policy.
 */
export const reverseKlPathwise: Estimator = {
  name: 'reverse-kl/pathwise',
  title: 'Reverse KL, pathwise (SAC)',
  formula: 'E_ε[log π(a_θ(ε)) − Q(s, a_θ(ε))/α]',
  source: 'Haarnoja et al. 2018',
  quality: 'unbiased',
  follows: reverseKlObjective,
  needs: ['logProb', 'rsample', 'criticGradient'],
  defaultSamples: 1,
  minimumSamples: 1,
  variants: [],
  loss: ({ policy, target, samples, noise }: EstimatorInput): EstimatorResult => {
    if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
    const { actions, logProb } = policy.rsample(samples, noise ? { noise } : {});
    const critics = target.critics(actions);
    const loss =
      target.uniformPrior && fitsFusedLoss(critics)
        ? reverseKlLoss(logProb, critics, target.temperature)
        : mean(sub(logProb, target.logDensityOf(critics, actions)));
    return { loss, logProb, diagnostics: {} };
  },
};

/**
 * "Sticking the landing": the density's own dependence on θ is left out, whose mean is zero, so the variance
 * vanishes as π approaches p.
 */
export const reverseKlPathwiseStl: Estimator = {
  name: 'reverse-kl/pathwise-stl',
  title: 'Reverse KL, pathwise, sticking the landing',
  formula: 'E_ε[log π_sg(θ)(a_θ(ε)) − Q(s, a_θ(ε))/α]',
  source: 'Roeder, Wu & Duvenaud 2017',
  quality: 'unbiased',
  follows: reverseKlObjective,
  needs: ['logProb', 'rsample', 'criticGradient'],
  defaultSamples: 1,
  minimumSamples: 1,
  variants: [],
  loss: ({ policy, target, samples, noise }: EstimatorInput): EstimatorResult => {
    if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
    const { actions, latent } = policy.rsample(samples, noise ? { noise } : {});
    const logProb = policy.detach().logProbLatent(latent);
    const critics = target.critics(actions);
    const loss =
      target.uniformPrior && fitsFusedLoss(critics)
        ? reverseKlLoss(logProb, critics, target.temperature)
        : mean(sub(logProb, target.logDensityOf(critics, actions)));
    return { loss, logProb, diagnostics: {} };
  },
};

/** The divergence itself, by enumeration or quadrature. */
export const reverseKlExact: Estimator = {
  name: 'reverse-kl/exact',
  title: 'Reverse KL, exact',
  formula: 'Σ_a π(log π − log p)',
  source: 'definition; Christodoulou 2019 for discrete SAC',
  quality: 'exact',
  follows: reverseKlObjective,
  needs: ['logProb', 'enumerable'],
  defaultSamples: 1,
  minimumSamples: 1,
  variants: [],
  loss: ({ policy, target }: EstimatorInput): EstimatorResult =>
    exactly(policy, target, (all) =>
      integrate(all, mul(exp(all.logPolicy), sub(all.logPolicy, all.logTarget))),
    ),
};

export const reverseKlScore: Estimator = {
  name: 'reverse-kl/score',
  title: 'Reverse KL, score function',
  formula: 'E_π[sg(log π − Q/α − b)·log π]',
  source: 'Williams 1992; leave-one-out baseline: Kool et al. 2019',
  quality: 'unbiased',
  follows: reverseKlObjective,
  needs: ['logProb'],
  defaultSamples: 16,
  minimumSamples: 1,
  variants: [
    { name: 'loo', title: 'baseline: mean of the other samples', needs: [], minimumSamples: 2 },
    { name: 'none', title: 'no baseline', needs: [] },
    {
      name: 'mean',
      title: 'baseline: mean of all samples, its own included (the gradient times 1 − 1/K)',
      needs: [],
      minimumSamples: 2,
      quality: 'consistent',
      bias: ratioBias,
    },
    { name: 'value', title: 'baseline: V(s), learned', needs: ['value'] },
  ],
  loss: ({ policy, target, samples, noise, value }: EstimatorInput, variant: string): EstimatorResult => {
    const baseline = variant as ScoreBaseline;
    if (baseline === 'value' && !value)
      throw new UsageError('reverse-kl/score:value needs the baseline V(s).');
    const { actions, logProb } = policy.sample(samples, noise ? { noise } : {});
    const critics = stopGradient(target.critics(actions));
    const loss =
      target.uniformPrior && fitsFusedLoss(critics)
        ? scoreLoss(logProb, critics, target.temperature, { baseline, value })
        : genericScore(logProb, target.logDensityOf(critics, actions), baseline, value);
    const logRatio = stopGradient(sub(logProb, target.logDensityOf(critics, actions)));
    return { loss, logProb, logRatio, diagnostics: {} };
  },
};

/** The surrogate's gradient with the value mean f, for any number of samples and any prior. */
function genericScore(logProb: Tensor, logDensity: Tensor, baseline: ScoreBaseline, value?: Tensor): Tensor {
  const f = stopGradient(sub(logProb, logDensity));
  const [samples, batch] = f.shape;
  const total = sum(f, 0, true);
  let b: Tensor | number = 0;
  if (baseline === 'mean') b = div(total, samples);
  if (baseline === 'loo') b = div(sub(total, f), samples - 1);
  if (baseline === 'value' && value) b = stopGradient(reshape(value, [1, batch]));
  const weight = stopGradient(sub(f, b));
  const surrogate = mean(mul(weight, logProb));
  // Its value is replaced by the divergence's estimate; the gradient is the surrogate's.
  return addValue(surrogate, mean(f));
}

/** A tensor with the gradient of `surrogate` and the value of `value`. */
export function addValue(surrogate: Tensor, value: Tensor): Tensor {
  return sub(stopGradient(value), sub(stopGradient(surrogate), surrogate));
}

export const reverseKl: readonly Estimator[] = [
  reverseKlPathwise,
  reverseKlPathwiseStl,
  reverseKlScore,
  reverseKlExact,
];
