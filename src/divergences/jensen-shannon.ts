import { add, exp, mul, softplus, sub } from '../tape/index.ts';
import { fDivergence } from './f-divergence.ts';

/** Mean KL of both to their mixture, at most log 2. With log((r + 1)/2) = softplus(log r) − log 2. */
export const jensenShannon = fDivergence({
  name: 'jensen-shannon',
  title: 'Jensen–Shannon',
  formula: '½(r log r − (r + 1) log((r + 1)/2))',
  source: 'Lin 1991',
  f: (r, logR) => mul(0.5, sub(mul(r, logR), mul(add(r, 1), sub(softplus(logR), Math.LN2)))),
  scoreWeight: (_r, logR) => mul(-0.5, sub(softplus(logR), Math.LN2)),
  integrand: (logTarget, logPolicy) => {
    const logR = sub(logTarget, logPolicy);
    const toMiddle = sub(softplus(logR), Math.LN2);
    return mul(0.5, sub(mul(exp(logTarget), sub(logR, toMiddle)), mul(exp(logPolicy), toMiddle)));
  },
});
