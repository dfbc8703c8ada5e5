import { UsageError } from '../errors.ts';
import {
  add,
  argMax,
  broadcastTo,
  equal,
  exp,
  literal,
  log,
  logSoftmax,
  mul,
  neg,
  randomUniform,
  reshape,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import type { Distribution, DistributionFamily, Sample, SampleOptions } from './distribution.ts';

/**
 * Categorical over `actions` choices; an action is its one-hot vector. Head: logits [batch, actions].
 * Noise: standard Gumbel [samples, batch, actions]; the sample is argmax(logits + noise).
 *
 * @source Gumbel-max: Maddison, Tarlow & Minka 2014
 */
export class Categorical implements Distribution {
  readonly family = 'categorical';
  readonly bounded = true;
  readonly batch: number;
  /** [batch, actions] normalised log-probabilities */
  readonly logProbs: Tensor;

  constructor(
    readonly logits: Tensor,
    readonly actions: number,
  ) {
    this.batch = logits.shape[0];
    this.logProbs = logSoftmax(logits, -1);
  }

  sample(samples: number, { noise }: SampleOptions = {}): Sample {
    const gumbel = noise ?? neg(log(neg(log(randomUniform([samples, this.batch, this.actions])))));
    const actions = stopGradient(oneHot(argMax(add(this.logits, gumbel), -1, true), this.actions));
    return { actions, latent: actions, logProb: this.logProb(actions) };
  }

  logProb(actions: Tensor): Tensor {
    return sum(mul(actions, this.logProbs), -1);
  }

  logProbLatent(latent: Tensor): Tensor {
    return this.logProb(latent);
  }

  entropy(): Tensor {
    return neg(sum(mul(exp(this.logProbs), this.logProbs), -1));
  }

  mode(): Tensor {
    return oneHot(argMax(this.logits, -1, true), this.actions);
  }

  kl(other: Distribution): Tensor {
    if (!(other instanceof Categorical))
      throw new UsageError(`kl needs two distributions of one family; got categorical and ${other.family}`);
    return sum(mul(exp(this.logProbs), sub(this.logProbs, other.logProbs)), -1);
  }

  support(): { actions: Tensor; logProb: Tensor } {
    const identity = Array.from({ length: this.actions ** 2 }, (_, i) =>
      Number(i % (this.actions + 1) === 0),
    );
    const actions = broadcastTo(literal(identity, [this.actions, 1, this.actions]), [
      this.actions,
      this.batch,
      this.actions,
    ]);
    return { actions, logProb: this.logProb(actions) };
  }

  detach(): Categorical {
    return new Categorical(stopGradient(this.logits), this.actions);
  }
}

/** One-hot vectors [..., choices] of indices [..., 1]. */
export function oneHot(index: Tensor, choices: number): Tensor {
  const labels = literal(
    Array.from({ length: choices }, (_, i) => i),
    [choices],
  );
  return equal(index, reshape(labels, [...index.shape.slice(0, -1).map(() => 1), choices]));
}

export const categorical: DistributionFamily = {
  name: 'categorical',
  title: 'Categorical',
  capabilities: {
    reparameterisable: false,
    discrete: true,
    density: true,
    bounded: true,
    actionKind: 'discrete',
    differentiableActions: false,
    diagonalGaussian: false,
    closedKl: true,
  },
  parameters: (actions) => actions,
  entropyRange: (actions) => [0, Math.log(actions)],
  make: (head, actions) => new Categorical(head, actions),
};
