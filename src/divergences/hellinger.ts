import { exp, mul, square, sub } from '../tape/index.ts';
import { fDivergence } from './f-divergence.ts';

/** Squared Hellinger distance, at most 1. */
export const hellinger = fDivergence({
  name: 'hellinger',
  title: 'Squared Hellinger',
  formula: '½(√r − 1)²',
  source: 'Hellinger 1909',
  coefficient: (at) => -0.5 * Math.exp(0.5 * (at.logPolicy + at.logTarget)),
  f: (_r, logR) => mul(0.5, square(sub(exp(mul(0.5, logR)), 1))),
  scoreWeight: (_r, logR) => mul(0.5, sub(1, exp(mul(0.5, logR)))),
  integrand: (logTarget, logPolicy) =>
    mul(0.5, square(sub(exp(mul(0.5, logTarget)), exp(mul(0.5, logPolicy))))),
});
