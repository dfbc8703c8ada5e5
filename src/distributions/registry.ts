import { requireName, requireNew } from '../arguments.ts';
import { quoted, UsageError, unknownName } from '../errors.ts';
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
import type { DistributionName } from './names.ts';
import { relaxedCategorical } from './relaxed-categorical.ts';
import { studentT } from './student-t.ts';

/** Every action distribution, those of plugins last; the command line, the matrix, the tests and the bench follow this list. */
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

/**
 * Adds a family to all that goes by name: `distributionFamily`, the matrix, bench, quality, studies, saved policies.
 *
 * @throws UsageError naming the part that is wrong, or the name that is registered already
 */
export function registerFamily(family: DistributionFamily): void {
  requireNew(
    'distribution',
    family,
    parts,
    distributionFamilies.map(({ name }) => name),
  );
  const { name, capabilities } = family;
  for (const [capability, wanted] of Object.entries(flags))
    if (typeof capabilities[capability as keyof typeof flags] !== 'boolean')
      throw new UsageError(
        `The distribution '${name}' has ${capability} ${quoted(capabilities[capability as keyof typeof flags])}; it must be true or false: ${wanted}.`,
      );
  requireName(`actionKind of '${name}'`, capabilities.actionKind, ['box', 'discrete']);
  (distributionFamilies as DistributionFamily[]).push(checkedFamily(family));
}

const parts = {
  name: 'text',
  title: 'text',
  capabilities: 'object',
  parameters: 'function',
  make: 'function',
} as const;

/** Each with what it says. */
const flags = {
  reparameterisable: 'whether it has rsample',
  density: 'whether it has a density',
  discrete: 'whether its actions can be enumerated',
  bounded: 'whether all actions lie in the box [−1, 1]',
  differentiableActions: 'whether a critic has a gradient with respect to the action',
  diagonalGaussian: 'whether it is a diagonal Gaussian before any squashing',
  closedKl: 'whether it has kl',
} as const;
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
export function distributionFamily(name: DistributionName): DistributionFamily {
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
