import { Categorical } from '../distributions/categorical.ts';
import type { Distribution } from '../distributions/distribution.ts';
import { isMasked, maskedLog } from '../distributions/mask.ts';
import { UsageError } from '../errors.ts';
import {
  add,
  broadcastTo,
  concat,
  constant,
  div,
  exp,
  log,
  log1p,
  logSoftmax,
  logSumExp,
  mean,
  mul,
  neg,
  square,
  stack,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from '../tape/index.ts';
import { randomUniform } from '../tape/random.ts';
import { type Estimator, type EstimatorInput, type EstimatorResult, ratioBias } from './estimator.ts';
import { exactly, integrate } from './exact.ts';
import { fitsFusedLoss, snisLoss } from './loss-op.ts';
import { forwardKlObjective } from './objective.ts';

/**
 * KL(p ‖ π) by self-normalised importance sampling: the cross-entropy −E_p[log π], with p's expectation estimated
 * from a proposal q whose samples are weighted by softmax over samples of log p̃ − log q.
 */
export const forwardKlSnis: Estimator = {
  name: 'forward-kl/snis',
  title: 'Forward KL, self-normalised importance sampling',
  formula: '−Σ_k sg(w_k) log π(a_k), w = softmax_k(Q/α − log q)',
  source: 'Bornschein & Bengio 2015 (reweighted wake-sleep); Owen 2013',
  quality: 'consistent',
  follows: forwardKlObjective,
  bias: ratioBias,
  needs: ['logProb'],
  defaultSamples: 16,
  // One sample weighs 1, whatever the target.
  minimumSamples: 2,
  variants: [
    { name: 'policy', title: 'proposal: the policy itself', needs: [] },
    {
      name: 'behaviour',
      title: 'proposal: the policy under which each state was visited',
      needs: ['behaviour'],
    },
    { name: 'uniform', title: 'proposal: uniform on the action box', needs: ['bounded'] },
    {
      name: 'mixture',
      title: 'proposal: half policy, half uniform (defensive: no weight above 2·2^actions·p)',
      needs: ['bounded'],
    },
  ],
  loss: (input: EstimatorInput, variant: string): EstimatorResult => {
    const { target } = input;
    const { actions, logProb, logProposal: anywhere } = propose(input, variant);
    // Another proposal may draw what the policy's mask forbids; the target has no mass there, so it weighs nothing.
    const masks = input.policy.support !== undefined && variant !== 'policy';
    const logProposal = masks ? where(isMasked(logProb), -maskedLog, anywhere) : anywhere;
    const critics = stopGradient(target.critics(actions));
    const own = variant === 'policy' ? { logProb } : {};
    if (target.uniformPrior && fitsFusedLoss(critics)) {
      const { loss, effectiveSampleSize } = snisLoss(logProb, critics, target.temperature, logProposal);
      return { loss, diagnostics: { effectiveSampleSize }, ...own };
    }
    const w = snisWeights(target.logDensityOf(critics, actions), logProposal);
    const loss = neg(mean(sum(mul(w, logProb), 0)));
    const effectiveSampleSize = mean(div(1, sum(square(w), 0)));
    return { loss, diagnostics: { effectiveSampleSize }, ...own };
  },
};

/** Normalised weights [samples, batch], constants: softmax over the samples of logDensity − logProposal. */
export function snisWeights(logDensity: Tensor, logProposal: Tensor): Tensor {
  return stopGradient(exp(logSoftmax(sub(logDensity, logProposal), 0)));
}

/** Actions of the proposal with the policy's and the proposal's log-density there, by latents: nothing is unsquashed. */
function propose(
  { policy, samples, noise, behaviour }: EstimatorInput,
  variant: string,
): { actions: Tensor; logProb: Tensor; logProposal: Tensor } {
  switch (variant) {
    case 'policy': {
      const { actions, logProb } = policy.sample(samples, noise ? { noise } : {});
      return { actions, logProb, logProposal: stopGradient(logProb) };
    }
    case 'behaviour': {
      if (!behaviour)
        throw new UsageError('forward-kl/snis:behaviour needs the behaviour policy of the replayed states.');
      const { actions, latent, logProb } = behaviour.sample(samples, noise ? { noise } : {});
      return { actions, logProb: policy.logProbLatent(latent), logProposal: stopGradient(logProb) };
    }
    case 'uniform': {
      const support = policy.support?.();
      // All choices once, whatever the number of samples.
      if (support) return { ...support, logProposal: uniformDensity(policy, policy.actions) };
      const { actions, latent } = uniform(policy, samples, noise);
      return { actions, logProb: policy.logProbLatent(latent), logProposal: uniformDensity(policy, samples) };
    }
    case 'mixture': {
      const own = Math.floor(samples / 2);
      const [narrow, wide] = [policy.sample(own), uniform(policy, samples - own)];
      const logProb = policy.logProbLatent(concat([narrow.latent, wide.latent], 0));
      // q = (own·π + wide·uniform)/samples, the deterministic mixture of the two halves.
      const parts = [
        add(logProb, Math.log(own / samples)),
        add(uniformDensity(policy, samples), Math.log((samples - own) / samples)),
      ];
      return {
        actions: concat([narrow.actions, wide.actions], 0),
        logProb,
        logProposal: stopGradient(logSumExp(stack(parts, 0), 0)),
      };
    }
    default:
      throw new UsageError(`forward-kl/snis has no proposal '${variant}'.`);
  }
}

/**
 * Uniform choices, or actions uniform in the box [−1, 1]^actions with their latents. Before a tanh that is
 * ½(log u − log(1 − u)) of the u in (0, 1) that was drawn, not of the action, which has lost digits near −1.
 */
function uniform(policy: Distribution, samples: number, noise?: Tensor): { actions: Tensor; latent: Tensor } {
  const { batch, actions: size } = policy;
  if (policy.support) return new Categorical(broadcastTo(constant(0), [batch, size]), size).sample(samples);
  const u = noise ?? randomUniform([samples, batch, size]);
  const actions = sub(mul(2, u), 1);
  return { actions, latent: policy.transform ? mul(0.5, sub(log(u), log1p(neg(u)))) : actions };
}

/** log of the density of {@link uniform}: [samples, batch]. */
function uniformDensity(policy: Distribution, samples: number): Tensor {
  const { batch, actions: size } = policy;
  return broadcastTo(constant(policy.support ? -Math.log(size) : -size * Math.LN2), [samples, batch]);
}

/** The divergence itself, by enumeration or quadrature. */
export const forwardKlExact: Estimator = {
  name: 'forward-kl/exact',
  title: 'Forward KL, exact',
  formula: 'Σ_a p(log p − log π)',
  source: 'definition',
  quality: 'exact',
  follows: forwardKlObjective,
  needs: ['logProb', 'enumerable'],
  defaultSamples: 1,
  minimumSamples: 1,
  variants: [],
  loss: ({ policy, target }) =>
    exactly(policy, target, (all) =>
      integrate(all, mul(exp(all.logTarget), sub(all.logTarget, all.logPolicy))),
    ),
};
