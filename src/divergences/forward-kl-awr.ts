import { UsageError } from '../errors.ts';
import {
  div,
  exp,
  mean,
  minimum,
  mul,
  neg,
  reshape,
  softmax,
  stopGradient,
  sub,
  type Tensor,
} from '../tape/index.ts';
import { type Estimator, ratioBias, required } from './estimator.ts';
import { likelihood } from './objective.ts';
import { minimumOf } from './target.ts';

/** Largest weight of a transition under `exp-clip`. */
const maxWeight = 20;

/**
 * Weights of the replayed actions [batch] from their advantages, constants: exp(A/β) limited to `limit`, or
 * normalised over the batch to mean 1.
 */
export function awrWeights(advantage: Tensor, temperature: Tensor, kind: string, limit = maxWeight): Tensor {
  const scaled = div(advantage, temperature);
  const weights = kind === 'exp-clip' ? minimum(exp(scaled), limit) : mul(advantage.size, softmax(scaled, 0));
  return stopGradient(weights);
}

/** −mean_b w log π(a_replay): log-likelihood of replayed actions [1, batch, actions], weighted. */
export const awrLoss = (logProb: Tensor, weights: Tensor): Tensor =>
  neg(mean(mul(weights, reshape(logProb, weights.shape))));

/**
 * Advantage-weighted regression: maximum likelihood of the replayed actions, weighted by e^{A/α}. The behaviour policy β
 * that chose them stays a factor of what is followed, β·e^{A/α}: it is no proposal, since nothing divides by it.
 */
export const forwardKlAwr: Estimator = {
  name: 'forward-kl/awr',
  title: 'Advantage-weighted regression (AWR, AWAC), to β·e^{A/α} for actions of the behaviour policy β',
  formula: '−sg(w)·log π(a_replay), w = min(e^{A/α}, 20) or batch·softmax_b(A/α), A = Q − mean_k Q(s, a_k)',
  source: 'Peng et al. 2019; Nair et al. 2020',
  quality: 'own-objective',
  follows: {
    name: 'clipped likelihood under β',
    formula: '−E_β[min(e^{A/α}, 20)·log π], A = Q − E_π[Q]',
    coefficient: ({ temperature, integral }) => {
      const value = integral((at) => Math.exp(at.logPolicy) * at.q);
      return (at) => -Math.exp(at.logBehaviour) * Math.min(maxWeight, Math.exp((at.q - value) / temperature));
    },
  },
  // The value is a mean over the policy's samples, inside an exponential.
  bias: ratioBias,
  needs: ['logProb', 'storedDensity', 'replayedActions'],
  // Samples of the policy estimate V(s) = E_π[Q].
  defaultSamples: 4,
  minimumSamples: 1,
  variants: [
    { name: 'exp-clip', title: 'weights limited to 20', needs: [] },
    {
      name: 'softmax-batch',
      title: 'weights normalised over the batch',
      needs: [],
      quality: 'own-objective',
      follows: {
        name: 'KL(β·e^{A/α} ‖ π)',
        formula: '−E_β[e^{A/α}·log π]/E_β[e^{A/α}], A = Q − E_π[Q]',
        coefficient: likelihood((at) => at.logBehaviour),
      },
      bias: 'O(1/batch + 1/K)',
    },
  ],
  loss: (input, variant) => {
    const { policy, target, samples, noise } = input;
    if (variant === 'softmax-batch' && policy.batch < 2)
      throw new UsageError(
        `forward-kl/awr:softmax-batch needs a batch of at least 2 states; got ${policy.batch}, whose weight is 1 whatever the target.`,
      );
    const replayed = required(input.replayedActions, 'replayedActions', 'forward-kl/awr');
    const own = policy.sample(samples, noise ? { noise } : {});
    const value = mean(minimumOf(target.critics(own.actions)), 0);
    const q = reshape(minimumOf(target.critics(replayed)), [policy.batch]);
    const advantage = stopGradient(sub(q, value));
    const weights = awrWeights(advantage, target.temperature, variant);
    const loss = awrLoss(policy.logProb(replayed), weights);
    return { loss, logProb: own.logProb, diagnostics: { meanWeight: mean(weights) } };
  },
};
