import { add, log, log1p, mul, neg, randomUniform, softplus, sub } from '../tape/index.ts';
import type { DistributionFamily } from './distribution.ts';
import { scaledRange } from './entropy-range.ts';
import { LocationScale, type Standard } from './location-scale.ts';

const standardEntropy = 2;

/** Noise: uniform in (0, 1); z = log u − log(1 − u). */
export const standardLogistic: Standard = {
  family: 'logistic',
  noise: randomUniform,
  variates: (u) => sub(log(u), log1p(neg(u))),
  logDensity: (z) => neg(add(z, mul(2, softplus(neg(z))))),
  entropy: standardEntropy,
};

export const logistic: DistributionFamily = {
  name: 'logistic',
  title: 'Logistic',
  capabilities: {
    reparameterisable: true,
    discrete: false,
    density: true,
    bounded: false,
    actionKind: 'box',
    differentiableActions: true,
    diagonalGaussian: false,
    closedKl: false,
  },
  parameters: (actions) => 2 * actions,
  entropyRange: (actions, options) => scaledRange(standardEntropy, actions, options),
  make: (head, actions, options) => LocationScale.ofHead(standardLogistic, head, actions, options),
};
