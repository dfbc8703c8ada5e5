import { Gaussian } from '../distributions/gaussian.ts';
import { UsageError } from '../errors.ts';
import {
  add,
  div,
  exp,
  log,
  maximum,
  mean,
  mul,
  neg,
  reshape,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { type Estimator, ratioBias } from './estimator.ts';
import { snisWeights } from './forward-kl.ts';
import { forwardKlObjective } from './objective.ts';

/** Smallest variance of the projection, in squared units of the latent: one sample alone would give 0. */
const leastVariance = 1e-8;

/** Mean and variance [batch, actions] of latents [samples, batch, actions] under normalised weights [samples, batch]. */
export function weightedMoments(weights: Tensor, latent: Tensor): { mean: Tensor; variance: Tensor } {
  const w = reshape(weights, [...weights.shape, 1]);
  const centre = sum(mul(w, latent), 0);
  return { mean: centre, variance: sum(mul(w, square(sub(latent, centre))), 0) };
}

/** mean_b KL(N(mean, variance) ‖ policy) of the Gaussians before any squashing, moments constant. */
export function momentLoss(policy: Gaussian, moments: { mean: Tensor; variance: Tensor }): Tensor {
  const variance = stopGradient(maximum(moments.variance, leastVariance));
  const gap = sub(policy.logStd, mul(0.5, log(variance)));
  const squares = add(variance, square(sub(stopGradient(moments.mean), policy.mean)));
  const scaled = mul(0.5, mul(squares, exp(neg(mul(2, policy.logStd)))));
  return mean(sum(sub(add(gap, scaled), 0.5), -1));
}

/** The forward KL's projection onto a Gaussian in closed form: the moments that SNIS estimates. */
export const forwardKlMoment: Estimator = {
  name: 'forward-kl/moment',
  title: 'Forward KL, moment projection',
  formula: 'KL(N(μ_w, Σ_w) ‖ π), moments weighted by w = softmax_k(Q/α − log π)',
  source: 'Minka 2001 (moment matching); its gradient equals that of forward-kl/snis:policy',
  quality: 'consistent',
  follows: forwardKlObjective,
  bias: ratioBias,
  needs: ['logProb', 'diagonalGaussian'],
  defaultSamples: 16,
  minimumSamples: 2,
  variants: [],
  loss: ({ policy, target, samples, noise }) => {
    if (!(policy instanceof Gaussian))
      throw new UsageError(`forward-kl/moment needs a diagonal Gaussian; got '${policy.family}'.`);
    const { actions, latent, logProb } = policy.sample(samples, noise ? { noise } : {});
    const density = stopGradient(target.logDensityOf(target.critics(actions), actions));
    const weights = snisWeights(density, stopGradient(logProb));
    const effectiveSampleSize = mean(div(1, sum(square(weights), 0)));
    return {
      loss: momentLoss(policy, weightedMoments(weights, latent)),
      logProb,
      diagnostics: { effectiveSampleSize },
    };
  },
};
