import { softplus as softplusOf } from '../math/special.ts';
import { add, exp, mul, neg, softplus, sub, type Tensor } from '../tape/index.ts';
import { fDivergence } from './f-divergence.ts';

/** log of r, and of 1, over the mean (r + 1)/2 of both: not by a difference of log r, which is large. */
const overMean = (logR: Tensor) => [sub(Math.LN2, softplus(neg(logR))), sub(Math.LN2, softplus(logR))];

/** Mean KL of both to their mixture, at most log 2. */
export const jensenShannon = fDivergence({
  name: 'jensen-shannon',
  title: 'Jensen–Shannon',
  formula: '½(r log r − (r + 1) log((r + 1)/2))',
  source: 'Lin 1991',
  coefficient: (at) => -0.5 * Math.exp(at.logPolicy) * softplusOf(at.logR),
  f: (r, logR) => {
    const [ofTarget, ofPolicy] = overMean(logR);
    return mul(0.5, add(mul(r, ofTarget), ofPolicy));
  },
  scoreWeight: (_r, logR) => mul(0.5, overMean(logR)[1]),
  integrand: (logTarget, logPolicy) => {
    const [ofTarget, ofPolicy] = overMean(sub(logTarget, logPolicy));
    return mul(0.5, add(mul(exp(logTarget), ofTarget), mul(exp(logPolicy), ofPolicy)));
  },
});
