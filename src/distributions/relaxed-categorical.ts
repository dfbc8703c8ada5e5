import { UsageError } from '../errors.ts';
import {
  add,
  argMax,
  clamp,
  div,
  exp,
  greater,
  log,
  logGamma,
  logSoftmax,
  logSumExp,
  mul,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from '../tape/index.ts';
import { gumbel, oneHot } from './categorical.ts';
import { noiseOf, requireEvents } from './checks.ts';
import type { Distribution, DistributionFamily, Sample, SampleOptions } from './distribution.ts';
import { concreteRange } from './entropy-range.ts';
import { isMasked, maskedLog, maskedLogits } from './mask.ts';

/** Temperature of the relaxation when none is asked for; its own, not that of the Boltzmann target. */
const defaultRelaxation = 0.7;

/**
 * Concrete (Gumbel-softmax) distribution on the simplex of `actions` choices: y = softmax((logits + gumbel)/τ),
 * differentiable in the logits. The latent is log y, which keeps the density finite where y underflows. A logit of −∞ masks
 * its choice: y is 0 there, and the density is that on the simplex of the others, with n their number.
 * Noise: standard Gumbel [samples, batch, actions].
 *
 * log p(y) = log Γ(n) + (n − 1) log τ + Σ(l_i − (τ + 1) log y_i) − n·logSumExp(l_i − τ log y_i)
 *
 * @source Maddison, Mnih & Teh 2017; Jang, Gu & Poole 2017
 */
export class RelaxedCategorical implements Distribution {
  readonly family = 'relaxed-categorical';
  readonly bounded = false;
  readonly batch: number;

  /** [batch, actions], finite where masked */
  readonly logits: Tensor;

  constructor(
    logits: Tensor,
    readonly actions: number,
    readonly relaxation = defaultRelaxation,
  ) {
    if (!(relaxation > 0))
      throw new UsageError(`The relaxation's temperature must be above 0; got ${relaxation}.`);
    this.batch = logits.shape[0];
    this.logits = maskedLogits(logits);
  }

  rsample(samples: number, options: SampleOptions = {}): Sample {
    const noise = noiseOf(this, samples, options, gumbel);
    const latent = logSoftmax(div(add(this.logits, noise), this.relaxation), -1);
    return { actions: exp(latent), latent, logProb: this.logProbLatent(latent) };
  }

  sample(samples: number, options: SampleOptions = {}): Sample {
    const drawn = this.rsample(samples, options);
    const [actions, latent] = [stopGradient(drawn.actions), stopGradient(drawn.latent)];
    return { actions, latent, logProb: this.logProbLatent(latent) };
  }

  logProb(actions: Tensor): Tensor {
    const outside = greater(sum(mul(requireEvents(this, actions), isMasked(this.logits)), -1), 0);
    const inside = this.logProbLatent(log(clamp(actions, 2 ** -126, 1)));
    return where(outside, Number.NEGATIVE_INFINITY, inside);
  }

  logProbLatent(latent: Tensor): Tensor {
    const { relaxation: tau } = this;
    const masked = isMasked(this.logits);
    const n = sum(sub(1, masked), -1);
    const shifted = sub(this.logits, mul(tau, requireEvents(this, latent)));
    const products = sum(where(masked, 0, sub(shifted, latent)), -1);
    const constant = stopGradient(add(logGamma(n), mul(Math.log(tau), sub(n, 1))));
    return add(sub(products, mul(n, logSumExp(where(masked, maskedLog, shifted), -1))), constant);
  }

  /** The one-hot vector of the most likely choice. */
  mode(): Tensor {
    return oneHot(argMax(this.logits, -1, true), this.actions);
  }

  detach(): RelaxedCategorical {
    return new RelaxedCategorical(stopGradient(this.logits), this.actions, this.relaxation);
  }
}

export const relaxedCategorical: DistributionFamily = {
  name: 'relaxed-categorical',
  title: 'Relaxed categorical (Gumbel-softmax)',
  capabilities: {
    reparameterisable: true,
    discrete: false,
    density: true,
    bounded: false,
    actionKind: 'discrete',
    differentiableActions: true,
    diagonalGaussian: false,
    closedKl: false,
  },
  parameters: (actions) => actions,
  entropyRange: (actions) => concreteRange(actions, defaultRelaxation),
  make: (head, actions) => new RelaxedCategorical(head, actions),
};
