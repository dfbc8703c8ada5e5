import { UsageError } from '../errors.ts';
import { mean, neg } from '../tape/index.ts';
import type { Estimator } from './estimator.ts';
import { expectedQObjective } from './objective.ts';
import { minimumOf } from './target.ts';

/** The limit of zero temperature: the policy climbs Q, and its entropy counts for nothing. */
export const dpg: Estimator = {
  name: 'dpg/pathwise',
  title: 'Deterministic policy gradient',
  formula: '−E_ε[Q(s, a_θ(ε))]',
  source: 'Silver et al. 2014',
  quality: 'unbiased',
  follows: expectedQObjective,
  needs: ['rsample', 'criticGradient'],
  defaultSamples: 1,
  minimumSamples: 1,
  variants: [],
  loss: ({ policy, target, samples, noise }) => {
    if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
    const { actions, logProb } = policy.rsample(samples, noise ? { noise } : {});
    return { loss: neg(mean(minimumOf(target.critics(actions)))), logProb, diagnostics: {} };
  },
};
