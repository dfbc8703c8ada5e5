import { unknownName } from '../errors.ts';
import { beta } from './beta.ts';
import { categorical } from './categorical.ts';
import { checkedFamily } from './checks.ts';
import { deterministic } from './deterministic.ts';
import type { DistributionFamily } from './distribution.ts';
import { gaussian, tanhGaussian } from './gaussian.ts';
import { gaussianFull } from './gaussian-full.ts';
import { gaussianMixture, tanhGaussianMixture } from './gaussian-mixture.ts';
import { laplace } from './laplace.ts';
import { logistic } from './logistic.ts';
import { relaxedCategorical } from './relaxed-categorical.ts';
import { studentT } from './student-t.ts';

/** Every action distribution; the command line, the matrix, the tests and the bench follow this list. */
export const distributionFamilies: readonly DistributionFamily[] = [
  gaussian,
  tanhGaussian,
  gaussianFull,
  laplace,
  studentT,
  logistic,
  beta,
  gaussianMixture,
  tanhGaussianMixture,
  categorical,
  relaxedCategorical,
  deterministic,
].map(checkedFamily);

/** What the families are called elsewhere. */
const alsoCalled: Readonly<Record<string, string>> = {
  normal: 'gaussian',
  diagonalgaussian: 'gaussian',
  multivariatenormal: 'gaussian-full',
  squashedgaussian: 'tanh-gaussian',
  squashednormal: 'tanh-gaussian',
  tanhnormal: 'tanh-gaussian',
  gmm: 'gaussian-mixture',
  softmax: 'categorical',
  gumbelsoftmax: 'relaxed-categorical',
  concrete: 'relaxed-categorical',
  delta: 'deterministic',
  dirac: 'deterministic',
};

/** The family of that name. @throws UsageError naming the known ones */
export function distributionFamily(name: string): DistributionFamily {
  const found = distributionFamilies.find((family) => family.name === name);
  if (!found)
    throw unknownName(
      'distribution',
      name,
      distributionFamilies.map((family) => family.name),
      alsoCalled,
    );
  return found;
}
