import {
  abs,
  add,
  exp,
  greater,
  log,
  log1p,
  minimum,
  mul,
  neg,
  randomUniform,
  sign,
  sub,
  where,
} from '../tape/index.ts';
import { expm1Minus } from './differences.ts';
import type { DistributionFamily } from './distribution.ts';
import { scaledRange } from './entropy-range.ts';
import { LocationScale, type Standard } from './location-scale.ts';

const standardEntropy = 1 + Math.LN2;

/** Noise: uniform in (0, 1); z = −sign(u − ½)·log(1 − 2|u − ½|). */
export const standardLaplace: Standard = {
  family: 'laplace',
  noise: randomUniform,
  variates: (u) => {
    const centred = sub(u, 0.5);
    // Near 0 and 1 from the distance to them, whose digits that to ½ has lost.
    const tail = log(mul(2, minimum(u, sub(1, u))));
    const magnitude = where(greater(abs(centred), 0.25), tail, log1p(mul(-2, abs(centred))));
    return neg(mul(sign(centred), magnitude));
  },
  logDensity: (z) => sub(neg(abs(z)), Math.LN2),
  entropy: standardEntropy,
  kl: (first, second) => {
    const gap = abs(sub(first.loc, second.loc));
    const ratio = sub(second.logScale, first.logScale);
    const scaled = mul(gap, exp(neg(first.logScale)));
    // (b₁e^(−d/b₁) + d)/b₂ + log(b₂/b₁) − 1 as two parts that each vanish where the distributions are equal.
    return add(expm1Minus(neg(ratio)), mul(exp(neg(ratio)), expm1Minus(neg(scaled))));
  },
};

export const laplace: DistributionFamily = {
  name: 'laplace',
  title: 'Laplace',
  capabilities: {
    reparameterisable: true,
    discrete: false,
    density: true,
    bounded: false,
    actionKind: 'box',
    differentiableActions: true,
    diagonalGaussian: false,
    closedKl: true,
  },
  parameters: (actions) => 2 * actions,
  entropyRange: (actions, options) => scaledRange(standardEntropy, actions, options),
  make: (head, actions, options) => LocationScale.ofHead(standardLaplace, head, actions, options),
};
