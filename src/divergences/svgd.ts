import { UsageError } from '../errors.ts';
import {
  add,
  div,
  exp,
  grad,
  mean,
  mul,
  neg,
  reshape,
  square,
  stopGradient,
  sub,
  sum,
} from '../tape/index.ts';
import type { Estimator } from './estimator.ts';

/**
 * Amortised Stein variational gradient: the sampler's actions move along the steepest descent of KL(q ‖ p) in the
 * kernel's function space, φ(a_i) = mean_j [κ(a_j, a_i) ∇ log p̃(a_j) + ∇_{a_j} κ(a_j, a_i)], with a Gaussian kernel
 * whose width follows the samples' mean squared distance. The policy needs no density.
 */
export const svgd: Estimator = {
  name: 'svgd/amortised',
  title: 'Stein variational gradient, amortised (soft Q-learning)',
  formula: '−E_ε[sg(φ(a))·a_θ(ε)]',
  source: 'Haarnoja et al. 2017, eq. 13–14; Liu & Wang 2016',
  quality: 'consistent',
  needs: ['rsample', 'criticGradient'],
  defaultSamples: 16,
  minimumSamples: 2,
  variants: [],
  loss: ({ policy, target, samples, noise }) => {
    if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
    const { actions, logProb } = policy.rsample(samples, noise ? { noise } : {});
    const fixed = stopGradient(actions);
    const density = target.logDensityOf(target.critics(fixed), fixed);
    const [score] = grad(sum(density), [fixed]);
    const { batch, actions: size } = policy;
    // gap[j, i] = a_j − a_i: [samples, samples, batch, actions]
    const gap = sub(reshape(fixed, [samples, 1, batch, size]), reshape(fixed, [1, samples, batch, size]));
    const distance = sum(square(gap), -1, true);
    const width = add(div(mean(distance, [0, 1], true), Math.log(samples + 1)), 1e-6);
    const kernel = exp(neg(div(distance, width)));
    const repulsion = mul(div(mul(-2, gap), width), kernel);
    const phi = mean(add(mul(kernel, reshape(score, [samples, 1, batch, size])), repulsion), 0);
    const loss = neg(mean(sum(mul(stopGradient(phi), actions), -1)));
    return { loss, logProb, diagnostics: {} };
  },
};
