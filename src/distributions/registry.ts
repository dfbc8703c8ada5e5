import { unknownName } from '../errors.ts';
import { categorical } from './categorical.ts';
import type { DistributionFamily } from './distribution.ts';
import { gaussian, tanhGaussian } from './gaussian.ts';

/** Every action distribution; the command line, the matrix, the tests and the bench follow this list. */
export const distributionFamilies: readonly DistributionFamily[] = [gaussian, tanhGaussian, categorical];

/** The family of that name. @throws UsageError naming the known ones */
export function distributionFamily(name: string): DistributionFamily {
  const found = distributionFamilies.find((family) => family.name === name);
  if (!found)
    throw unknownName(
      'distribution',
      name,
      distributionFamilies.map((family) => family.name),
    );
  return found;
}
