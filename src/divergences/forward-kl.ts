import { Categorical } from '../distributions/categorical.ts';
import { UsageError } from '../errors.ts';
import {
  add,
  broadcastTo,
  concat,
  constant,
  div,
  exp,
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
} from '../tape/index.ts';
import { randomUniform } from '../tape/random.ts';
import type { Estimator, EstimatorInput, EstimatorResult } from './estimator.ts';
import { exactly, integrate } from './exact.ts';
import { fitsFusedLoss, snisLoss } from './loss-op.ts';

/**
 * KL(p ‖ π) by self-normalised importance sampling: the cross-entropy −E_p[log π], with p's expectation estimated
 * from a proposal q whose samples are weighted by softmax over samples of log p̃ − log q.
 */
export const forwardKlSnis: Estimator = {
  name: 'forward-kl/snis',
  title: 'Forward KL, self-normalised importance sampling',
  formula: '−Σ_k sg(w_k) log π(a_k), w = softmax_k(Q/α − log q)',
  source: 'Bornschein & Bengio 2015 (reweighted wake-sleep), eq. 5; Owen 2013, section 9.2',
  quality: 'consistent',
  needs: ['logProb'],
  defaultSamples: 16,
  minimumSamples: 1,
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
    const { actions, logProb, logProposal } = propose(input, variant);
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

/** Actions of the proposal with the policy's and the proposal's log-density there. */
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
      const drawn = behaviour.sample(samples, noise ? { noise } : {});
      return {
        actions: drawn.actions,
        logProb: policy.logProbLatent(drawn.latent),
        logProposal: stopGradient(drawn.logProb),
      };
    }
    case 'uniform': {
      const { batch, actions: size } = policy;
      const support = policy.support?.();
      // Uniform over the choices, or over the box [−1, 1]^actions with density 2^−actions.
      const actions = support
        ? support.actions
        : sub(mul(2, noise ?? randomUniform([samples, batch, size])), 1);
      const logDensity = support ? -Math.log(size) : -size * Math.LN2;
      return {
        actions,
        logProb: policy.logProb(actions),
        logProposal: broadcastTo(constant(logDensity), actions.shape.slice(0, 2)),
      };
    }
    case 'mixture': {
      if (samples < 2)
        throw new UsageError(
          `forward-kl/snis:mixture needs at least 2 samples for each state; got ${samples}.`,
        );
      const { batch, actions: size } = policy;
      const own = Math.floor(samples / 2);
      const wide = samples - own;
      const choice = policy.support !== undefined;
      const uniform = choice
        ? new Categorical(broadcastTo(constant(0), [batch, size]), size).sample(wide).actions
        : sub(mul(2, randomUniform([wide, batch, size])), 1);
      const actions = concat([policy.sample(own).actions, uniform], 0);
      const logUniform = choice ? -Math.log(size) : -size * Math.LN2;
      const logProb = policy.logProb(actions);
      // q = (own·π + wide·uniform)/samples, the deterministic mixture of the two halves.
      const parts = [
        add(logProb, Math.log(own / samples)),
        broadcastTo(constant(logUniform + Math.log(wide / samples)), [samples, batch]),
      ];
      return { actions, logProb, logProposal: stopGradient(logSumExp(stack(parts, 0), 0)) };
    }
    default:
      throw new UsageError(`forward-kl/snis has no proposal '${variant}'.`);
  }
}

/** The divergence itself, by enumeration or quadrature. */
export const forwardKlExact: Estimator = {
  name: 'forward-kl/exact',
  title: 'Forward KL, exact',
  formula: 'Σ_a p(log p − log π)',
  source: 'definition',
  quality: 'exact',
  needs: ['logProb', 'enumerable'],
  defaultSamples: 1,
  minimumSamples: 1,
  variants: [],
  loss: ({ policy, target }) =>
    exactly(policy, target, (all) =>
      integrate(all, mul(exp(all.logTarget), sub(all.logTarget, all.logPolicy))),
    ),
};
