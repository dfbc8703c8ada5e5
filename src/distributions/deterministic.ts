import { UsageError } from '../errors.ts';
import {
  add,
  broadcastTo,
  clamp,
  constant,
  mul,
  randomNormal,
  reshape,
  stopGradient,
  type Tensor,
  tanh,
} from '../tape/index.ts';
import { noiseOf } from './checks.ts';
import type { Distribution, DistributionFamily, Sample, SampleOptions } from './distribution.ts';

/** Standard deviation of the exploration noise, in units of the box [−1, 1]. */
const exploration = 0.1;

/**
 * A deterministic policy a = tanh(head). It has no density: its log-probability counts as 0, so that a soft Bellman
 * target has no entropy term. `sample` adds Gaussian exploration noise; `rsample` is the policy itself.
 *
 * @source Silver et al. 2014; the exploration noise as in Fujimoto et al. 2018
 */
export class Deterministic implements Distribution {
  readonly family = 'deterministic';
  readonly bounded = true;
  readonly batch: number;

  constructor(
    readonly head: Tensor,
    readonly actions: number,
  ) {
    this.batch = head.shape[0];
  }

  sample(samples: number, options: SampleOptions = {}): Sample {
    const drawn = noiseOf(this, samples, options, randomNormal);
    const actions = stopGradient(clamp(add(tanh(this.head), mul(exploration, drawn)), -1, 1));
    return { actions, latent: actions, logProb: this.certain(samples) };
  }

  rsample(samples: number): Sample {
    const latent = broadcastTo(reshape(this.head, [1, this.batch, this.actions]), [
      samples,
      this.batch,
      this.actions,
    ]);
    return { actions: tanh(latent), latent, logProb: this.certain(samples) };
  }

  /** @throws UsageError always: there is no density */
  logProb(): Tensor {
    throw new UsageError("A deterministic policy has no density; 'dpg/pathwise' trains it without one.");
  }

  /** @throws UsageError always: there is no density */
  logProbLatent(): Tensor {
    return this.logProb();
  }

  mode(): Tensor {
    return tanh(this.head);
  }

  detach(): Deterministic {
    return new Deterministic(stopGradient(this.head), this.actions);
  }

  private certain(samples: number): Tensor {
    return broadcastTo(constant(0), [samples, this.batch]);
  }
}

export const deterministic: DistributionFamily = {
  name: 'deterministic',
  title: 'Deterministic (tanh)',
  capabilities: {
    reparameterisable: true,
    certain: true,
    discrete: false,
    density: false,
    bounded: true,
    actionKind: 'box',
    differentiableActions: true,
    diagonalGaussian: false,
    closedKl: false,
  },
  parameters: (actions) => actions,
  make: (head, actions) => new Deterministic(head, actions),
};
