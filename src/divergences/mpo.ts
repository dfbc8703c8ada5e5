import { expm1Minus } from '../distributions/differences.ts';
import type { Distribution } from '../distributions/distribution.ts';
import { Gaussian } from '../distributions/gaussian.ts';
import { UsageError } from '../errors.ts';
import {
  add,
  div,
  exp,
  logMeanExp,
  logSoftmax,
  mean,
  mul,
  neg,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { type Estimator, ratioBias, required } from './estimator.ts';
import { likelihood } from './objective.ts';
import { minimumOf } from './target.ts';

/** Bounds in nats of the E-step's KL and of the M-step's two trust regions. */
export const mpoBounds = { epsilon: 0.1, mean: 0.05, covariance: 0.001 };

/** The E-step's dual: its minimum over η gives the weights' temperature at KL bound ε. */
export function mpoDual(q: Tensor, eta: Tensor, epsilon: number): Tensor {
  return add(mul(eta, epsilon), mul(eta, mean(logMeanExp(div(q, eta), 0))));
}

/** softmax over samples of Q/η, constants: [samples, batch]. */
export const mpoWeights = (q: Tensor, eta: Tensor): Tensor => stopGradient(exp(logSoftmax(div(q, eta), 0)));

/** KL(old ‖ new) of the Gaussians split: what the mean's move costs, and the covariance's. Means over states. */
export function mpoTrustRegions(policy: Gaussian, old: Gaussian): { mean: Tensor; covariance: Tensor } {
  const [oldMean, oldLogStd] = [stopGradient(old.mean), stopGradient(old.logStd)];
  const moved = mul(0.5, square(mul(sub(policy.mean, oldMean), exp(neg(oldLogStd)))));
  const gap = sub(policy.logStd, oldLogStd);
  // gap + ½e^(−2·gap) − ½, whose digits a small move keeps.
  const spread = mul(0.5, expm1Minus(mul(-2, gap)));
  return { mean: mean(sum(moved, -1)), covariance: mean(sum(spread, -1)) };
}

/** Weighted maximum likelihood; decoupled, mean and covariance each with the other held at the old policy's. */
export function mpoLikelihood(
  policy: Gaussian,
  old: Gaussian,
  { latent, weights }: { readonly latent: Tensor; readonly weights: Tensor },
  decoupled: boolean,
): Tensor {
  const nll = (density: Distribution) => neg(mean(sum(mul(weights, density.logProbLatent(latent)), 0)));
  if (!decoupled) return nll(policy);
  const squashed = policy.family === 'tanh-gaussian';
  const [oldMean, oldLogStd] = [stopGradient(old.mean), stopGradient(old.logStd)];
  const meanOnly = Gaussian.of(policy.mean, oldLogStd, squashed, policy.options);
  const spreadOnly = Gaussian.of(oldMean, policy.logStd, squashed, policy.options);
  return add(nll(meanOnly), nll(spreadOnly));
}

function gaussianOf(distribution: Distribution): Gaussian {
  if (distribution instanceof Gaussian) return distribution;
  throw new UsageError(`MPO needs a diagonal Gaussian; got '${distribution.family}'.`);
}

const estimator = (decoupled: boolean): Estimator => {
  const name = decoupled ? 'mpo/decoupled' : 'mpo/coupled';
  return {
    name,
    title: `MPO, ${decoupled ? 'mean and covariance decoupled' : 'coupled'}`,
    formula: '−Σ_k sg(w_k) log π(a_k) + λ_μ KL_μ + λ_Σ KL_Σ, a ~ π_old, w = softmax_k(Q/η)',
    source: 'Abdolmaleki et al. 2018',
    quality: 'own-objective',
    follows: {
      name: 'likelihood under q within trust regions',
      formula: `−E_q[${decoupled ? 'log π(a; μ, Σ_old) + log π(a; μ_old, Σ)' : 'log π'}] + λ_μ KL_μ(π_old ‖ π) + λ_Σ KL_Σ(π_old ‖ π), q ∝ π_old·e^{Q/η}`,
      // At η = α; those of the trust regions, with coefficients 1, come on top.
      coefficient: likelihood((at) => at.logReference),
    },
    trustRegions: decoupled ? 'decoupled' : 'coupled',
    bias: ratioBias,
    needs: ['logProb', 'diagonalGaussian', 'reference'],
    defaultSamples: 16,
    minimumSamples: 2,
    variants: [],
    duals: { eta: 1, lambdaMean: 1, lambdaCovariance: 1 },
    loss: ({ policy, target, samples, noise, reference, duals }) => {
      const [now, old] = [gaussianOf(policy), gaussianOf(required(reference, 'reference', name))];
      if (!duals) throw new UsageError(`${name} needs its dual variables.`);
      const { actions, latent } = old.sample(samples, noise ? { noise } : {});
      const q = stopGradient(minimumOf(target.critics(actions)));
      const weights = mpoWeights(q, duals.eta);
      const regions = mpoTrustRegions(now, old);
      const penalty = add(
        mul(stopGradient(duals.lambdaMean), regions.mean),
        mul(stopGradient(duals.lambdaCovariance), regions.covariance),
      );
      const multipliers = add(
        mul(duals.lambdaMean, sub(mpoBounds.mean, stopGradient(regions.mean))),
        mul(duals.lambdaCovariance, sub(mpoBounds.covariance, stopGradient(regions.covariance))),
      );
      return {
        loss: add(mpoLikelihood(now, old, { latent, weights }, decoupled), penalty),
        dualLoss: add(mpoDual(q, duals.eta, mpoBounds.epsilon), multipliers),
        diagnostics: {
          effectiveSampleSize: mean(div(1, sum(square(weights), 0))),
          klMean: regions.mean,
          klCovariance: regions.covariance,
          eta: duals.eta,
        },
      };
    },
  };
};

export const mpo: readonly Estimator[] = [estimator(true), estimator(false)];
