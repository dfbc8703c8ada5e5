import { requireName, requireNew } from '../arguments.ts';
import { quoted, UsageError, unknownName } from '../errors.ts';
import { chi2 } from './chi2.ts';
import { dpg } from './dpg.ts';
import {
  type Estimator,
  type EstimatorChoice,
  type Label,
  type Need,
  needTitles,
  type Quality,
  requireInput,
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
import type { EstimatorName } from './names.ts';
import { penalised, penalisedParts } from './penalised.ts';
import { renyi } from './renyi.ts';
import { reverseKl } from './reverse-kl.ts';
import { svgd } from './svgd.ts';
import { totalVariation } from './total-variation.ts';

/** Every estimator, those of plugins last; the command line, the matrix, the tests and the bench follow this list. */
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

/**
 * Adds an estimator, or several, as {@link fDivergence} makes, to all that goes by name: `chooseEstimator`, the matrix, bench,
 * quality, studies.
 *
 * @throws UsageError naming the part that is wrong, or the name that is registered already; then none is added
 */
export function registerEstimator(...added: readonly (Estimator | readonly Estimator[])[]): void {
  const given = added.flat();
  const taken = estimators.map(({ name }) => name);
  for (const estimator of given) {
    requireNew('estimator', estimator, parts, taken);
    const { name, needs, quality, follows, minimumSamples, defaultSamples } = estimator;
    if (!/^[^/]+\/[^/]+$/.test(name))
      throw new UsageError(`The estimator '${name}' must be named divergence/estimator.`, {
        hint: `Write '${name.replaceAll('/', '-')}/score', say.`,
      });
    for (const need of needs) requireName(`need of '${name}'`, need, Object.keys(needTitles) as Need[]);
    requireName(`quality of '${name}'`, quality, qualities);
    requireVariants(estimator);
    if (typeof follows.name !== 'string' || typeof follows.formula !== 'string')
      throw new UsageError(`The estimator '${name}' follows ${quoted(follows)}.`, {
        hint: "Write follows: { name: 'KL(π ‖ p)', formula: '…' }.",
      });
    if (defaultSamples < minimumSamples)
      throw new UsageError(
        `The estimator '${name}' takes ${defaultSamples} samples by default and needs ${minimumSamples}.`,
      );
    taken.push(name);
  }
  (estimators as Estimator[]).push(...given);
}

/** @throws UsageError naming the variant that has no name of its own, no title, or a need that is none */
function requireVariants({ name, variants }: Estimator): void {
  const taken: string[] = [];
  for (const variant of variants) {
    requireNew(`variant of '${name}'`, variant, { name: 'text', title: 'text', needs: 'list' }, taken);
    for (const need of variant.needs)
      requireName(`need of '${name}:${variant.name}'`, need, Object.keys(needTitles) as Need[]);
    taken.push(variant.name);
  }
}

const parts = {
  name: 'text',
  title: 'text',
  formula: 'text',
  source: 'text',
  needs: 'list',
  variants: 'list',
  quality: 'text',
  follows: 'object',
  defaultSamples: 'count',
  minimumSamples: 'count',
  loss: 'function',
} as const;

const qualities: readonly Quality[] = ['exact', 'unbiased', 'consistent', 'own-objective'];

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
export function chooseEstimator(text: EstimatorName): EstimatorChoice {
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
      requireInput(full, input);
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
