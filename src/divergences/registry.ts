import { UsageError, unknownName } from '../errors.ts';
import { chi2 } from './chi2.ts';
import { dpg } from './dpg.ts';
import {
  type Estimator,
  type EstimatorChoice,
  type Label,
  requireSamples,
  type Variant,
} from './estimator.ts';
import { forwardKlExact, forwardKlSnis } from './forward-kl.ts';
import { forwardKlAwr } from './forward-kl-awr.ts';
import { forwardKlMcmc } from './forward-kl-mcmc.ts';
import { forwardKlMoment } from './forward-kl-moment.ts';
import { hellinger } from './hellinger.ts';
import { jeffreys } from './jeffreys.ts';
import { jensenShannon } from './jensen-shannon.ts';
import { klPenalties } from './kl-penalty.ts';
import { mpo } from './mpo.ts';
import { penalised, penalisedParts } from './penalised.ts';
import { renyi } from './renyi.ts';
import { reverseKl } from './reverse-kl.ts';
import { svgd } from './svgd.ts';
import { totalVariation } from './total-variation.ts';

/** Every estimator; the command line, the matrix, the tests and the bench follow this list. */
export const estimators: readonly Estimator[] = [
  ...reverseKl,
  forwardKlSnis,
  forwardKlAwr,
  forwardKlMcmc,
  forwardKlMoment,
  forwardKlExact,
  ...renyi,
  ...chi2,
  ...jeffreys,
  ...jensenShannon,
  ...hellinger,
  ...totalVariation,
  ...mpo,
  svgd,
  dpg,
  ...klPenalties,
];

/** The estimator against which costs are compared. */
export const baselineEstimator = 'reverse-kl/pathwise';

/** Algorithms by the names they are known by, and the estimator of their policy's gradient. */
const alsoCalled: Readonly<Record<string, string>> = {
  sac: baselineEstimator,
  softactorcritic: baselineEstimator,
  kl: baselineEstimator,
  reparam: baselineEstimator,
  reparameterised: baselineEstimator,
  reparameterized: baselineEstimator,
  reinforce: 'reverse-kl/score',
  ddpg: 'dpg/pathwise',
  td3: 'dpg/pathwise',
  mpo: 'mpo/decoupled',
  vmpo: 'mpo/decoupled',
  awac: 'forward-kl/awr',
  crr: 'forward-kl/awr',
  softqlearning: 'svgd/amortised',
  sql: 'svgd/amortised',
  js: 'jensen-shannon/pathwise',
  tv: 'total-variation/pathwise',
};

/**
 * The estimator written `divergence/estimator` or `divergence/estimator:variant`, or with a penalty,
 * `divergence/estimator+kl-penalty/estimator@coefficient`.
 *
 * @throws UsageError naming the known ones
 */
export function chooseEstimator(text: string): EstimatorChoice {
  if (typeof text !== 'string')
    throw unknownName(
      'estimator',
      text,
      estimators.map((each) => each.name),
    );
  const parts = penalisedParts(text);
  if (parts) return penalised(chooseEstimator(parts.base), chooseEstimator(parts.penalty), parts.coefficient);
  const colon = text.indexOf(':');
  const [name, asked] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
  const estimator = estimators.find((candidate) => candidate.name === name);
  if (!estimator)
    throw unknownName(
      'estimator',
      name,
      estimators.map((candidate) => candidate.name),
      alsoCalled,
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
  const full = variant ? `${name}:${variant}` : name;
  const minimumSamples = chosen?.minimumSamples ?? estimator.minimumSamples;
  return {
    name: full,
    estimator,
    variant,
    needs: [...estimator.needs, ...(chosen?.needs ?? [])],
    minimumSamples,
    ...labelOf(estimator, chosen),
    loss: (input) => {
      requireSamples({ name: full, minimumSamples }, input.samples);
      return estimator.loss(input, variant);
    },
  };
}

/** The estimator's label with what differs in the variant's; a quality comes with a bias of its own. */
function labelOf(estimator: Estimator, variant?: Variant): Label {
  const { bias } = variant?.quality ? variant : estimator;
  return {
    quality: variant?.quality ?? estimator.quality,
    follows: variant?.follows ?? estimator.follows,
    ...(bias === undefined ? {} : { bias }),
  };
}

/** All estimators with all their variants, as the bench and the matrix list them. */
export const estimatorChoices = (): EstimatorChoice[] =>
  estimators.flatMap((estimator) =>
    estimator.variants.length === 0
      ? [chooseEstimator(estimator.name)]
      : estimator.variants.map((variant) => chooseEstimator(`${estimator.name}:${variant.name}`)),
  );
