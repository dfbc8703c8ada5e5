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
import { type Estimator, required } from './estimator.ts';
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

/** Advantage-weighted regression: the forward KL with the replay buffer as proposal, one action a state. */
export const forwardKlAwr: Estimator = {
  name: 'forward-kl/awr',
  title: 'Forward KL, advantage-weighted regression (AWR, AWAC)',
  formula: '−sg(w)·log π(a_replay), w = min(e^{A/α}, 20) or batch·softmax_b(A/α), A = Q − mean_k Q(s, a_k)',
  source: 'Peng et al. 2019, eq. 9; Nair et al. 2020, eq. 11',
  quality: 'consistent',
  needs: ['logProb', 'storedDensity', 'replayedActions'],
  // Samples of the policy estimate V(s) = E_π[Q].
  defaultSamples: 4,
  minimumSamples: 1,
  variants: [
    { name: 'exp-clip', title: 'weights limited to 20', needs: [] },
    { name: 'softmax-batch', title: 'weights normalised over the batch', needs: [] },
  ],
  loss: (input, variant) => {
    const { policy, target, samples, noise } = input;
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
