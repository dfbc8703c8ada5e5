import { UsageError, unknownName } from '../errors.ts';
import type { Estimator, EstimatorChoice } from './estimator.ts';
import { forwardKlSnis } from './forward-kl.ts';
import { reverseKlPathwise, reverseKlScore } from './reverse-kl.ts';

/** Every estimator; the command line, the matrix, the tests and the bench follow this list. */
export const estimators: readonly Estimator[] = [reverseKlPathwise, reverseKlScore, forwardKlSnis];

/** The estimator against which costs are compared. */
export const baselineEstimator = 'reverse-kl/pathwise';

/**
 * The estimator written `divergence/estimator` or `divergence/estimator:variant`.
 * @throws UsageError naming the known ones
 */
export function chooseEstimator(text: string): EstimatorChoice {
  const [name, asked] = text.split(':', 2);
  const estimator = estimators.find((candidate) => candidate.name === name);
  if (!estimator)
    throw unknownName(
      'estimator',
      name,
      estimators.map((candidate) => candidate.name),
    );
  const variant = asked ?? estimator.variants[0]?.name ?? '';
  const chosen = estimator.variants.find((candidate) => candidate.name === variant);
  if (variant !== '' && !chosen) {
    if (estimator.variants.length === 0) throw new UsageError(`${name} has no variants; got '${text}'.`);
    throw unknownName(
      `variant of ${name}`,
      variant,
      estimator.variants.map((candidate) => candidate.name),
    );
  }
  return {
    name: variant ? `${name}:${variant}` : name,
    estimator,
    variant,
    needs: [...estimator.needs, ...(chosen?.needs ?? [])],
    loss: (input) => {
      if (input.samples < estimator.minimumSamples) {
        throw new UsageError(
          `${name} needs at least ${estimator.minimumSamples} samples for each state; got ${input.samples}.`,
        );
      }
      return estimator.loss(input, variant);
    },
  };
}

/** All estimators with all their variants, as the bench and the matrix list them. */
export const estimatorChoices = (): EstimatorChoice[] =>
  estimators.flatMap((estimator) =>
    estimator.variants.length === 0
      ? [chooseEstimator(estimator.name)]
      : estimator.variants.map((variant) => chooseEstimator(`${estimator.name}:${variant.name}`)),
  );
