import { inverseTanh, squash } from '../distributions/gaussian.ts';
import { UsageError } from '../errors.ts';
import {
  add,
  div,
  exp,
  grad,
  literal,
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

/** Squared units of the action, below which the kernel is no narrower. */
const leastWidth = 1e-6;

/**
 * Amortised Stein variational gradient: each sample x_i moves along the mean over the other samples j of
 * κ_j(x_j, x_i) ∇ log p̃(x_j) + ∇_{x_j} κ_j(x_j, x_i), κ_j(x, y) = exp(−‖x − y‖²/h_j). The policy needs no density.
 *
 * Each x_j is a draw that neither x_i nor the width h_j depends on, so that for π = p the mean of each term is 0 by
 * Stein's identity, with any number of samples. The sample itself is no other (its term, whose kernel is always 1, would
 * pull all samples to the mode), and h_j, the mean squared distance over log(K + 1), leaves out the distances of x_j.
 * In a box, where densities need not die out at the edge, samples move before the squashing, x = tanh⁻¹ a.
 */
export const svgd: Estimator = {
  name: 'svgd/amortised',
  title: 'Stein variational gradient, amortised (soft Q-learning)',
  formula: '−E_ε[sg(φ(x))·x_θ(ε)], φ(x_i) = mean_{j≠i} κ_j(x_j, x_i) ∇ log p̃(x_j) + ∇_{x_j} κ_j(x_j, x_i)',
  source: 'Haarnoja et al. 2017; Liu & Wang 2016',
  quality: 'own-objective',
  follows: {
    name: 'Stein flow of KL(π ‖ p) in the kernel’s space',
    formula: '−E_π[φ(x)·∂x/∂θ], φ(x) = E_{y ~ π}[κ(y, x) ∇ log p̃(y) + ∇_y κ(y, x)]',
  },
  needs: ['rsample', 'noise', 'criticGradient'],
  defaultSamples: 16,
  // Of two, the other alone has no distance for a width.
  minimumSamples: 3,
  // Each sample with each other.
  costGrowth: 'square',
  variants: [],
  loss: ({ policy, target, samples, noise }) => {
    if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
    const { actions, latent, logProb } = policy.rsample(samples, noise ? { noise } : {});
    const { batch, actions: size, bounded } = policy;
    const place = policy.transform ? latent : bounded ? inverseTanh(actions) : actions;
    const fixed = stopGradient(place);
    const { actions: at, logVolume } = bounded ? squash(fixed) : { actions: fixed, logVolume: 0 };
    const [score] = grad(sum(add(target.logDensityOf(target.critics(at), at), logVolume)), [fixed]);
    // gap[j, i] = x_j − x_i: [samples, samples, batch, actions]
    const gap = sub(reshape(fixed, [samples, 1, batch, size]), reshape(fixed, [1, samples, batch, size]));
    const distance = sum(square(gap), -1, true);
    const others = sub(sum(distance, [0, 1], true), mul(2, sum(distance, 1, true)));
    const width = add(mul(others, 1 / ((samples - 1) ** 2 * Math.log(samples + 1))), leastWidth);
    const kernel = mul(offDiagonal(samples), exp(neg(div(distance, width))));
    const repulsion = mul(div(mul(-2, gap), width), kernel);
    const terms = add(mul(kernel, reshape(score, [samples, 1, batch, size])), repulsion);
    const phi = mul(1 / (samples - 1), sum(terms, 0));
    const loss = neg(mean(sum(mul(stopGradient(phi), place), -1)));
    return { loss, logProb, diagnostics: {} };
  },
};

/** 1 but for 0 where j = i: [samples, samples, 1, 1]. */
const offDiagonal = (samples: number) =>
  literal(
    Array.from({ length: samples ** 2 }, (_, at) => Number(at % (samples + 1) !== 0)),
    [samples, samples, 1, 1],
  );
