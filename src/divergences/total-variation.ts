import { abs, exp, greater, mul, sub } from '../tape/index.ts';
import { fDivergence } from './f-divergence.ts';

/** |log r| up to which r counts as 1: its own rounding would else decide the sign where all samples are one choice. */
const tie = 1e-5;

/** Total variation, at most 1. Its f has a kink at 1, so there is no pathwise estimator. */
export const totalVariation = fDivergence({
  name: 'total-variation',
  title: 'Total variation',
  formula: '½|r − 1|',
  source: 'Levin, Peres & Wilmer 2009',
  smooth: false,
  f: (r) => mul(0.5, abs(sub(r, 1))),
  scoreWeight: (_r, logR) => mul(0.5, sub(greater(-tie, logR), greater(logR, tie))),
  integrand: (logTarget, logPolicy) => mul(0.5, abs(sub(exp(logTarget), exp(logPolicy)))),
});
