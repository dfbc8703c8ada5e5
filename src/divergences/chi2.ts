import { UsageError } from '../errors.ts';
import { add, exp, logMeanExp, mean, mul, square, sub } from '../tape/index.ts';
import { type Estimator, ratioBias } from './estimator.ts';
import { fDivergence } from './f-divergence.ts';
import { renyiObjective } from './objective.ts';
import { saturated } from './saturate.ts';

/** Nats of p²/π above which it counts as e^40: the square of its gradient, which Adam keeps, still fits float32. */
const largestLog = 40;

const [score, , exact] = fDivergence({
  name: 'chi2',
  title: 'χ²(p ‖ π)',
  formula: '(r − 1)²',
  source: 'Pearson 1900; Dieng et al. 2017',
  heavyTailed: true,
  coefficient: (at) => -Math.exp(2 * at.logTarget - at.logPolicy),
  f: (r) => square(sub(r, 1)),
  scoreWeight: (r) => sub(1, square(r)),
  // p²/π − 2p + π: only the first term can be large, and it is formed in log space.
  integrand: (logTarget, logPolicy) => {
    const first = exp(saturated(sub(mul(2, logTarget), logPolicy), largestLog));
    return add(sub(first, mul(2, exp(logTarget))), exp(logPolicy));
  },
});

/**
 * CUBO of order 2 in log space, ½ log E_π[(p̃/π)²]: the χ² upper bound, whose exponential would overflow. Over a target
 * that is more than twice as wide, χ² is infinite; what K samples see of it is then smallest where the target is not,
 * and the gradient drives the policy away.
 */
const pathwise: Estimator = {
  name: 'chi2/pathwise',
  title:
    'χ²(p ‖ π), pathwise upper bound (CUBO); drives off a policy with less than half of the target’s variance',
  formula: '½ log mean_k exp 2(log p̃ − log π)',
  source: 'Dieng et al. 2017, in log space',
  quality: 'consistent',
  follows: renyiObjective(-1),
  bias: ratioBias,
  needs: ['logProb', 'rsample', 'criticGradient'],
  defaultSamples: 16,
  minimumSamples: 2,
  variants: [],
  loss: ({ policy, target, samples, noise }) => {
    if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
    const { actions, logProb } = policy.rsample(samples, noise ? { noise } : {});
    const logRatio = sub(target.logDensityOf(target.critics(actions), actions), logProb);
    return { loss: mul(0.5, mean(logMeanExp(mul(2, logRatio), 0))), logProb, diagnostics: {} };
  },
};

export const chi2: readonly Estimator[] = [score, pathwise, exact];
