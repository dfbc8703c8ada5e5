import {
  abs,
  add,
  argMax,
  broadcastTo,
  equal,
  exp,
  greater,
  literal,
  log,
  logSoftmax,
  logSumExp,
  max,
  mul,
  neg,
  randomUniform,
  reshape,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from '../tape/index.ts';
import { noiseOf, requireAlike, requireEvents } from './checks.ts';
import { expm1Minus } from './differences.ts';
import type { Distribution, DistributionFamily, Sample, SampleOptions } from './distribution.ts';
import { isMasked, maskedLogits } from './mask.ts';

/**
 * Categorical over `actions` choices; an action is its one-hot vector. Head: logits [batch, actions]. A logit of −∞ masks
 * its choice: it has probability 0, is never sampled, adds nothing to an entropy or divergence, and gets no gradient; a
 * state in which all are masked gives NaN. `logProb` of a masked choice is −∞; `support` and `logProbLatent` have
 * {@link maskedLog} there.
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

  /** [batch, actions], finite where masked */
  readonly logits: Tensor;

  constructor(
    logits: Tensor,
    readonly actions: number,
  ) {
    this.batch = logits.shape[0];
    this.logits = maskedLogits(logits);
    this.logProbs = logSoftmax(this.logits, -1);
  }

  sample(samples: number, options: SampleOptions = {}): Sample {
    const noise = noiseOf(this, samples, options, gumbel);
    const actions = stopGradient(oneHot(argMax(add(this.logits, noise), -1, true), this.actions));
    return { actions, latent: actions, logProb: this.logProbLatent(actions) };
  }

  logProb(actions: Tensor): Tensor {
    const logProb = this.logProbLatent(actions);
    return where(isMasked(logProb), Number.NEGATIVE_INFINITY, logProb);
  }

  logProbLatent(latent: Tensor): Tensor {
    return sum(mul(requireEvents(this, latent), this.logProbs), -1);
  }

  entropy(): Tensor {
    return neg(sum(mul(exp(this.logProbs), this.logProbs), -1));
  }

  mode(): Tensor {
    return oneHot(argMax(this.logits, -1, true), this.actions);
  }

  kl(second: Distribution): Tensor {
    const other = requireAlike<Categorical>(this, second);
    const p = exp(this.logProbs);
    // +∞ where a choice of this one is masked in the other.
    const outside = max(mul(greater(p, 0), isMasked(other.logProbs)), -1);
    // p log(p/q), and q − p, which adds nothing in all: p(e^g − 1 − g) of g = log(q/p), which keeps its digits near 0.
    const gap = sub(
      sub(other.logits, this.logits),
      sub(logSumExp(other.logits, -1, true), logSumExp(this.logits, -1, true)),
    );
    const isClose = greater(0.5, abs(gap));
    const close = mul(p, expm1Minus(where(isClose, gap, 0)));
    const far = sub(sub(exp(other.logProbs), p), mul(p, where(isClose, 0, gap)));
    return where(outside, Number.POSITIVE_INFINITY, sum(where(isClose, close, far), -1));
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
    return { actions, logProb: this.logProbLatent(actions) };
  }

  detach(): Categorical {
    return new Categorical(stopGradient(this.logits), this.actions);
  }
}

/** Standard Gumbel noise. */
export const gumbel = (shape: readonly number[]): Tensor => neg(log(neg(log(randomUniform(shape)))));

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
