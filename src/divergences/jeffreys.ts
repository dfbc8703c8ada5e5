import { exp, mul, sub } from '../tape/index.ts';
import { fDivergence } from './f-divergence.ts';

/** Half the sum of both KL divergences. */
export const jeffreys = fDivergence({
  name: 'jeffreys',
  title: 'Jeffreys',
  formula: '½(r − 1) log r',
  source: 'Jeffreys 1946',
  coefficient: (at) => -0.5 * (Math.exp(at.logTarget) + Math.exp(at.logPolicy) * at.logR),
  f: (r, logR) => mul(0.5, mul(sub(r, 1), logR)),
  scoreWeight: (r, logR) => mul(0.5, sub(sub(1, r), logR)),
  integrand: (logTarget, logPolicy) =>
    mul(0.5, mul(sub(exp(logTarget), exp(logPolicy)), sub(logTarget, logPolicy))),
});
