import { UsageError } from '../errors.ts';
import { logGamma as logGammaOf } from '../math/special.ts';
import {
  add,
  argMax,
  clamp,
  div,
  exp,
  log,
  logSoftmax,
  logSumExp,
  mul,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { gumbel, oneHot } from './categorical.ts';
import { noiseOf, requireEvents } from './checks.ts';
import type { Distribution, DistributionFamily, Sample, SampleOptions } from './distribution.ts';
import { concreteRange } from './entropy-range.ts';

/** Temperature of the relaxation when none is asked for; its own, not that of the Boltzmann target. */
const defaultRelaxation = 0.7;

/**
 * Concrete (Gumbel-softmax) distribution on the simplex of `actions` choices: y = softmax((logits + gumbel)/τ),
 * differentiable in the logits. The latent is log y, which keeps the density finite where y underflows.
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

  constructor(
    readonly logits: Tensor,
    readonly actions: number,
    readonly relaxation = defaultRelaxation,
  ) {
    if (!(relaxation > 0))
      throw new UsageError(`The relaxation's temperature must be above 0; got ${relaxation}.`);
    this.batch = logits.shape[0];
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
    return this.logProbLatent(log(clamp(actions, 2 ** -126, 1)));
  }

  logProbLatent(latent: Tensor): Tensor {
    const { actions: n, relaxation: tau } = this;
    const shifted = sub(this.logits, mul(tau, requireEvents(this, latent)));
    const products = sum(sub(shifted, latent), -1);
    const constant = logGammaOf(n) + (n - 1) * Math.log(tau);
    return add(sub(products, mul(n, logSumExp(shifted, -1))), constant);
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
