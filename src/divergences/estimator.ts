import type { Distribution, DistributionFamily, SampleOptions } from '../distributions/distribution.ts';
import { UsageError } from '../errors.ts';
import type { Tensor } from '../tape/index.ts';
import type { Objective } from './objective.ts';
import type { Target } from './target.ts';

/** What an estimator may ask of a policy, its critic or its data. */
export type Need =
  | 'logProb'
  | 'rsample'
  | 'noise'
  | 'criticGradient'
  | 'enumerable'
  | 'finiteChoices'
  | 'bounded'
  | 'boxActions'
  | 'diagonalGaussian'
  | 'behaviour'
  | 'reference'
  | 'replayedActions'
  | 'storedDensity'
  | 'value';

/** One line for people on each need. */
export const needTitles: Readonly<Record<Need, string>> = {
  logProb: 'a density of the policy',
  rsample: 'a policy that can be sampled by reparameterisation',
  noise: 'a policy whose samples differ',
  criticGradient: "the critic's gradient with respect to the action",
  enumerable: 'actions that can be enumerated, or a box of at most 2 coordinates',
  finiteChoices:
    'a finite number of choices (over a box it is infinite: the tails of the policy are lighter than those of the target)',
  bounded: 'actions in a box',
  boxActions: 'actions that are vectors, not choices',
  diagonalGaussian: 'a diagonal Gaussian, squashed or not',
  behaviour: 'the policy under which the replayed states were visited',
  reference: 'a slowly moving copy of the policy',
  replayedActions: 'the actions stored in the replay buffer',
  storedDensity: 'a density of actions as they are executed and stored, not relaxed',
  value: 'a baseline V(s) learned beside the policy',
};

/**
 * What the mean of an estimated gradient is: `exact`, the divergence's own within the tolerance of a sum or quadrature;
 * `unbiased`, the divergence's own with any number of samples; `consistent`, the divergence's own as K → ∞;
 * `own-objective`, that of something else.
 */
export type Quality = 'exact' | 'unbiased' | 'consistent' | 'own-objective';

/** How good an estimator's gradient is. Each label is held against measurements by the tests. */
export interface Label {
  readonly quality: Quality;
  /** What the mean gradient is the gradient of: the divergence, or the estimator's own objective. */
  readonly follows: Objective;
  /** The order in which the distance from it falls, where there is one. */
  readonly bias?: string;
}

/** Of means that are ratios of sums over K samples. */
export const ratioBias = 'O(1/K)';

/** Everything a loss is computed from. Pure data: an estimator draws its samples from the policy it is given. */
export interface EstimatorInput {
  /** The policy at the batch of states. */
  readonly policy: Distribution;
  /** The target at the same states. */
  readonly target: Target;
  /** Actions sampled for each state. */
  readonly samples: number;
  /** Noise for the samples instead of fresh draws. */
  readonly noise?: SampleOptions['noise'];
  /** The policy that was current when the states were visited, as the replay buffer remembers it. */
  readonly behaviour?: Distribution;
  /** A slowly moving copy of the policy at the same states. */
  readonly reference?: Distribution;
  /** [1, batch, actions] the action stored with each state. */
  readonly replayedActions?: Tensor;
  /** Learned baseline [batch], in units of log π − Q/temperature. */
  readonly value?: Tensor;
  /** Scalars above 0 that solve the estimator's own constraints, by the names it declares. */
  readonly duals?: Readonly<Record<string, Tensor>>;
}

/** What an estimator makes of its input. */
export interface EstimatorResult {
  /** Scalar; its gradient by `grad` is the estimator (its value may be a constant away from the divergence). */
  readonly loss: Tensor;
  /** Scalars to report, by name. */
  readonly diagnostics: Readonly<Record<string, Tensor>>;
  /** [samples, batch] log π of the policy's own samples, if any were drawn: the temperature's loss reuses them. */
  readonly logProb?: Tensor;
  /** [samples, batch] log π − log p̃ at those samples, a constant: what a learned baseline predicts. */
  readonly logRatio?: Tensor;
  /** Scalar minimised in the duals. */
  readonly dualLoss?: Tensor;
}

/** One way of an estimator, with what differs from the estimator's own. */
export interface Variant extends Partial<Label> {
  readonly name: string;
  readonly title: string;
  /** Needs beyond the estimator's own. */
  readonly needs: readonly Need[];
  readonly minimumSamples?: number;
}

/** A divergence with one way to estimate its gradient: one registry line. */
export interface Estimator extends Label {
  /** `divergence/estimator` */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** The loss, as text. */
  readonly formula: string;
  /** Author and year. */
  readonly source: string;
  /** What the policy, its critic or the data must have; variants may need more. */
  readonly needs: readonly Need[];
  /** Samples for each state when none are asked for. */
  readonly defaultSamples: number;
  /** Fewest samples for each state from which the target can be learnt. */
  readonly minimumSamples: number;
  /** How memory and time of the loss itself grow with the samples of a state: `linear` when absent. */
  readonly costGrowth?: 'square';
  /** Has two KLs from the old policy, of mean and covariance, in its loss; `decoupled`: each with the other held. */
  readonly trustRegions?: 'coupled' | 'decoupled';
  /** Never reads the critics: of use only when added to a loss. */
  readonly penalty?: boolean;
  /** Alternatives written `name:variant`; the first is the default. */
  readonly variants: readonly Variant[];
  /** Dual variables learned beside the policy, with their first values (above 0). */
  readonly duals?: Readonly<Record<string, number>>;
  loss(input: EstimatorInput, variant: string): EstimatorResult;
}

/** An estimator with its variant chosen. */
export interface EstimatorChoice extends Label {
  /** `divergence/estimator` or `divergence/estimator:variant` */
  readonly name: string;
  /** The line of the registry. */
  readonly estimator: Estimator;
  /** Name of the variant; '' where there are none. */
  readonly variant: string;
  /** Those of the estimator and of the variant. */
  readonly needs: readonly Need[];
  /** Fewest samples for each state from which the target can be learnt. */
  readonly minimumSamples: number;
  /** @throws UsageError for fewer samples than the least, or an input that is missing */
  loss(input: EstimatorInput): EstimatorResult;
}

/** Coordinates of a box up to which expectations are taken by quadrature. */
export const QUADRATURE_DIMENSIONS = 2;

/**
 * The needs of an estimator that a family does not meet.
 * @param actions coordinates of an action, or choices; 1 when absent
 * @returns [] where they go together
 */
export function missingNeeds(
  needs: readonly Need[],
  { capabilities }: DistributionFamily,
  actions = 1,
): Need[] {
  const box = capabilities.actionKind === 'box';
  const met: Readonly<Record<Need, boolean>> = {
    logProb: capabilities.density,
    rsample: capabilities.reparameterisable,
    noise: !capabilities.certain,
    criticGradient: capabilities.differentiableActions,
    enumerable: capabilities.discrete || (box && capabilities.bounded && actions <= QUADRATURE_DIMENSIONS),
    finiteChoices: capabilities.discrete,
    bounded: capabilities.bounded,
    boxActions: box,
    diagonalGaussian: capabilities.diagonalGaussian,
    behaviour: true,
    reference: true,
    replayedActions: true,
    storedDensity: capabilities.density && (box || capabilities.discrete),
    value: true,
  };
  return needs.filter((need) => !met[need]);
}

/** The part of an estimator's input that it declared as a need. @throws UsageError when the caller left it out */
export function required<T>(value: T | undefined, need: Need, estimator: string): T {
  if (value === undefined)
    throw new UsageError(`${estimator} needs ${needTitles[need]}, which was not given.`);
  return value;
}

/** @throws UsageError for fewer samples than the least from which the estimator can learn the target */
export function requireSamples(
  { name, minimumSamples }: Pick<EstimatorChoice, 'name' | 'minimumSamples'>,
  samples: number,
): void {
  if (Number.isInteger(samples) && samples >= minimumSamples) return;
  throw new UsageError(
    `${name} needs at least ${minimumSamples} samples for each state, a whole number; got ${samples}.`,
    minimumSamples > 1 ? { hint: 'With fewer the policy learns nothing of the target.' } : {},
  );
}

/**
 * @throws UsageError naming the missing needs and the estimators that would work
 */
export function requireCompatible(
  choice: EstimatorChoice,
  family: DistributionFamily,
  all: readonly Estimator[],
  actions = 1,
): void {
  const missing = missingNeeds(choice.needs, family, actions);
  if (missing.length === 0) return;
  const working = all.filter(
    (estimator) =>
      !estimator.penalty &&
      missingNeeds([...estimator.needs, ...(estimator.variants[0]?.needs ?? [])], family, actions).length ===
        0,
  );
  throw new UsageError(
    `${choice.name} does not work with the distribution '${family.name}': it needs ${missing.map((need) => needTitles[need]).join(' and ')}.`,
    { hint: `With '${family.name}' these work: ${working.map((estimator) => estimator.name).join(', ')}.` },
  );
}
