import type { Tensor } from '../tape/index.ts';

/** Samples of a policy: several actions for each state. */
export interface Sample {
  /** [samples, batch, actions]; one-hot for discrete actions */
  readonly actions: Tensor;
  /**
   * [samples, batch, actions] the value from which the action follows without noise (before the tanh): kept so
   * that a density never has to invert a squashing. Equal to the actions where there is none.
   */
  readonly latent: Tensor;
  /** [samples, batch] log-density in nats of the actions */
  readonly logProb: Tensor;
}

/** How samples are drawn. */
export interface SampleOptions {
  /** Noise to use instead of fresh draws, in the shape the family documents, for tests against references; fresh draws when absent. */
  readonly noise?: Tensor;
}

/**
 * A policy's action distribution at a batch of states. `batch` states, event shape `[actions]`.
 *
 * Log-densities are in nats, summed over the action's coordinates, with respect to the action itself (after any
 * squashing).
 */
export interface Distribution {
  /** Name of the family it is of. */
  readonly family: string;
  /** All actions lie in the box [−1, 1]. */
  readonly bounded: boolean;
  /** Number of states. */
  readonly batch: number;
  /** Coordinates of an action; the number of actions when they are discrete. */
  readonly actions: number;
  /** Samples through which no gradient passes; `logProb` carries the gradient of the density at fixed actions. */
  sample(samples: number, options?: SampleOptions): Sample;
  /** Pathwise samples: gradients pass through actions and `logProb` (the total derivative). */
  rsample?(samples: number, options?: SampleOptions): Sample;
  /** Log-density of given actions [samples, batch, actions] → [samples, batch]. */
  logProb(actions: Tensor): Tensor;
  /** Log-density at given latents, differentiable in both: [samples, batch, actions] → [samples, batch]. */
  logProbLatent(latent: Tensor): Tensor;
  /** Entropy [batch] in nats, where there is a closed form. */
  readonly entropy?: (() => Tensor) | undefined;
  /** The most likely action, or its squashed mean: [batch, actions]. */
  mode(): Tensor;
  /** KL(this ‖ other) [batch] in nats, for two of the same family. */
  readonly kl?: ((other: Distribution) => Tensor) | undefined;
  /** All actions with their log-probabilities, for discrete actions: [actions, batch, actions], [actions, batch]. */
  support?(): { readonly actions: Tensor; readonly logProb: Tensor };
  /**
   * The action of each latent with the logarithm of the volume change, [samples, batch]: moves in the latent's space
   * stay inside the box. Absent where the latent is the action.
   */
  readonly transform?:
    | ((latent: Tensor) => { readonly actions: Tensor; readonly logVolume: Tensor })
    | undefined;
  /** For a policy in the box: its density in the latent u = tanh⁻¹ a, for quadrature. */
  readonly boxDensity?: (() => BoxDensity) | undefined;
  /** The same distribution with no gradient to its parameters. */
  detach(): Distribution;
}

/**
 * A policy on the box [−1, 1] in the latent u = tanh⁻¹ a of every coordinate, where its tails keep their digits:
 * beyond |u| = 9 an action is ±1 in float32.
 */
export interface BoxDensity {
  /** [components, batch, actions] where the density has its mass, constants. */
  readonly centre: Tensor;
  /** [components, batch, actions] how widely around each centre, constants. */
  readonly scale: Tensor;
  /** Where the log-density bends sharply between its parts, and how widely, [bends, batch, actions], constants. */
  readonly bends?: {
    readonly centre: Tensor;
    readonly scale: Tensor;
    /** [bends, batch, 1] how many nodes each shall have, relative to a centre; 0 for one that is none */
    readonly weight: Tensor;
  };
  /** What `logDensity` depends on, each [batch, …]. */
  readonly parameters: readonly Tensor[];
  /** As `parameters`, constants: how large ∂ log π is in each, about the root of its Fisher information. */
  readonly steepness: readonly Tensor[];
  /** Log-density of the latent itself, differentiable in the parameters: [points, batch, actions] → [points, batch]. */
  logDensity(latent: Tensor): Tensor;
}

/** What the compatibility of an estimator with a family is decided on. */
export interface Capabilities {
  /** Has {@link Distribution.rsample}. */
  readonly reparameterisable: boolean;
  /** All samples of a state are one action. */
  readonly certain?: boolean;
  /** Has a density, or probabilities. */
  readonly density: boolean;
  /** Actions can be enumerated. */
  readonly discrete: boolean;
  /** All actions lie in the box [−1, 1]. */
  readonly bounded: boolean;
  /** Environments it acts in: a box, or choices (one-hot or relaxed). */
  readonly actionKind: 'box' | 'discrete';
  /** A critic has a gradient with respect to the action. */
  readonly differentiableActions: boolean;
  /** Gaussian before any squashing, with mean and diagonal standard deviation as its parameters. */
  readonly diagonalGaussian: boolean;
  /** Has {@link Distribution.kl}. */
  readonly closedKl: boolean;
}

/** Infimum and supremum in nats; either may be infinite, and need not be reached. */
export type EntropyRange = readonly [low: number, high: number];

/** Options of a family that are fixed when a policy is made. */
export interface FamilyOptions {
  /** Bounds of log-std, in log units of the action; gradients pass at the bounds. [−20, 2] when absent. */
  readonly logStd?: readonly [low: number, high: number];
}

/** A family of action distributions: one registry line. */
export interface DistributionFamily {
  /** As `distributionFamily` and `--distribution` take it. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** What estimators may ask of it. */
  readonly capabilities: Capabilities;
  /** Outputs a policy network needs for `actions` coordinates. */
  parameters(actions: number): number;
  /** Least and greatest entropy in nats over all its parameters; absent where there is no density. */
  entropyRange?(actions: number, options?: FamilyOptions): EntropyRange;
  /** Distribution from the network's outputs `head` [batch, parameters(actions)]. */
  make(head: Tensor, actions: number, options?: FamilyOptions): Distribution;
}
