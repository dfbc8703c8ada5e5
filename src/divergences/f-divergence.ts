import { UsageError } from '../errors.ts';
import { add, clamp, exp, logSoftmax, mean, mul, stopGradient, sub, type Tensor } from '../tape/index.ts';
import { type Estimator, ratioBias } from './estimator.ts';
import { type Enumeration, exactly, integrate, type Looking } from './exact.ts';
import { type Objective, type Point, pointwise } from './objective.ts';
import { addValue } from './reverse-kl.ts';

/** Largest |log r| that e^log r and its products hold in float32. */
const largestLog = 80;
/** The nodes of `exact` gather around √(π·p) too: where both overlap, should they lie far apart. */
const overlapOrder = 0.5;

/** An f-divergence D_f(p ‖ π) = E_π[f(p/π)] with f(1) = f′(1) = 0. */
export interface FDivergence {
  /** The first half of the estimators' names. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** f(r) as text. */
  readonly formula: string;
  /** Author and year. */
  readonly source: string;
  /** f at r = p/π; log r is given beside it where that is what f needs. */
  f(r: Tensor, logR: Tensor): Tensor;
  /** f(r) − r·f′(r): the weight of ∇ log π in the score-function gradient. */
  scoreWeight(r: Tensor, logR: Tensor): Tensor;
  /** Infinite over a box, where the policy's tails are lighter than the target's: exact for choices only. */
  readonly heavyTailed?: boolean;
  /** π·f(p/π) from log p and log π, where a form is at hand that no ratio of densities overflows. */
  integrand?(logTarget: Tensor, logPolicy: Tensor, grid?: readonly number[]): Tensor;
  /** See `Objective.coefficient`: π·(f(r) − r f′(r)) to a multiple of π. */
  readonly coefficient?: (at: Point) => number;
  /** What quadrature looks closer at: f has a kink at 1, or it bends there within a few nats; and its bound. */
  readonly looking?: Pick<Looking, 'kinked' | 'bending' | 'most'>;
}

/**
 * The estimators of an f-divergence: `score`, `pathwise` and `exact`. Each f is continuous and has a derivative but for
 * single points, so that the pathwise gradient is that of the mean.
 *
 * The ratio is self-normalised over the samples, r = K·softmax_k(log p̃ − log π), since p is known only up to its
 * normaliser: consistent, with a bias that falls as 1/K.
 *
 * `f`, `scoreWeight` and `integrand` get tensors [samples, batch] and give the same shape; log-densities are in nats.
 *
 * @returns `name/score`, `name/pathwise`, `name/exact`
 */
export function fDivergence(divergence: FDivergence): Estimator[] {
  const { name, title, formula, source, coefficient } = divergence;
  const follows: Objective = {
    name: title,
    formula: `E_π[f(p/π)], f(r) = ${formula}`,
    ...(coefficient ? { coefficient: pointwise(coefficient) } : {}),
  };
  const common = { source, follows, minimumSamples: 2, variants: [] };
  const score: Estimator = {
    ...common,
    name: `${name}/score`,
    title: `${title}, score function`,
    formula: `E_π[sg(f(r) − r f′(r))·log π], f(r) = ${formula}`,
    quality: 'consistent',
    bias: ratioBias,
    needs: ['logProb'],
    defaultSamples: 16,
    loss: ({ policy, target, samples, noise }) => {
      const { actions, logProb } = policy.sample(samples, noise ? { noise } : {});
      const logR = stopGradient(
        selfNormalised(sub(target.logDensityOf(target.critics(actions), actions), logProb)),
      );
      const r = exp(logR);
      const surrogate = mean(mul(stopGradient(divergence.scoreWeight(r, logR)), logProb));
      return { loss: addValue(surrogate, mean(divergence.f(r, logR))), logProb, diagnostics: {} };
    },
  };
  const pathwise: Estimator = {
    ...common,
    name: `${name}/pathwise`,
    title: `${title}, pathwise`,
    formula: `E_ε[f(r(a_θ(ε)))], f(r) = ${formula}`,
    quality: 'consistent',
    bias: ratioBias,
    needs: ['logProb', 'rsample', 'criticGradient'],
    defaultSamples: 16,
    loss: ({ policy, target, samples, noise }) => {
      if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
      const { actions, logProb } = policy.rsample(samples, noise ? { noise } : {});
      const logR = selfNormalised(sub(target.logDensityOf(target.critics(actions), actions), logProb));
      return { loss: mean(divergence.f(exp(logR), logR)), logProb, diagnostics: {} };
    },
  };
  const exact: Estimator = {
    ...common,
    name: `${name}/exact`,
    title: `${title}, exact`,
    formula: `Σ_a π f(p/π), f(r) = ${formula}`,
    quality: 'exact',
    needs: ['logProb', divergence.heavyTailed ? 'finiteChoices' : 'enumerable'],
    defaultSamples: 1,
    minimumSamples: 1,
    loss: ({ policy, target }) =>
      exactly(policy, target, (nodes) => integrate(nodes, integrandOf(divergence, nodes)), {
        ...divergence.looking,
        order: overlapOrder,
      }),
  };
  return [score, pathwise, exact];
}

/** log r = log K + logSoftmax over the samples, of mean 1 in r: [samples, batch]. */
const selfNormalised = (logRatio: Tensor): Tensor =>
  add(logSoftmax(logRatio, 0), Math.log(logRatio.shape[0]));

/** π·f(p/π) at each point [points, batch]. */
export function integrandOf(divergence: FDivergence, { logTarget, logPolicy, grid }: Enumeration): Tensor {
  if (divergence.integrand) return divergence.integrand(logTarget, logPolicy, grid);
  const logR = clamp(sub(logTarget, logPolicy), -largestLog, largestLog);
  return mul(exp(logPolicy), divergence.f(exp(logR), logR));
}
