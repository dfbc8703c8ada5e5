// What a training run is asked for.
import type { Environment } from '../envs/environment.ts';
import type { VectorEnvironment } from '../envs/vector.ts';
import type { ActorCritic } from './actor-critic.ts';
import type { CheckpointOptions } from './checkpoint.ts';
import type { Evaluation } from './evaluation.ts';

/** The numbers of a run, each with what it is where it is not given. `ranges` says what it may be. */
export const trainDefaults = {
  /** Transitions in a batch. */
  batch: 64,
  /** Transitions in the replay buffer. */
  capacity: 100_000,
  /** Steps with uniform random actions, before the first update. */
  warmup: 500,
  /** Gradient steps after each environment step. */
  updatesPerStep: 1,
  /** Steps between evaluations. */
  evaluateEvery: 1000,
  /** Episodes of an evaluation. */
  evaluationEpisodes: 10,
  /** Of environments, actions and batches. */
  seed: 0,
};

export type TrainNumbers = Readonly<typeof trainDefaults>;

/** Only the numbers of a run. */
export const trainNumbersOf = (settings: TrainNumbers): TrainNumbers =>
  Object.fromEntries(
    Object.keys(trainDefaults).map((name) => [name, settings[name as keyof TrainNumbers]]),
  ) as TrainNumbers;

/** A training run; its numbers are those of {@link trainDefaults} where they are absent. */
export interface TrainOptions extends Partial<TrainNumbers> {
  /** Fresh environments of the task, one to learn in and the others to evaluate in. */
  readonly makeEnvironment: () => Environment;
  /** What is trained. */
  readonly learner: ActorCritic;
  /** Environment steps. */
  readonly steps: number;
  /** Told after each environment step and its updates; nobody when absent. */
  readonly onStep?: (step: number) => void;
  /** Told after each evaluation, and waited for; nobody when absent. */
  readonly onEvaluation?: (evaluation: Evaluation) => void | Promise<void>;
  /**
   * Environments to learn in, stepped together with one policy call; one from `makeEnvironment` when absent. A step of
   * all of them counts as that many steps, and is followed by as many times `updatesPerStep` updates.
   */
  readonly environments?: VectorEnvironment | undefined;
  /** Stops the run after the current update, or step of an environment; a checkpoint is saved, and the run goes on from there; it runs to its end when absent. */
  readonly signal?: AbortSignal;
  /** Saves the whole run at times, and goes on from one saved; nothing is saved when absent. */
  readonly checkpoint?: CheckpointOptions | undefined;
  /** An update, counted from 1, to carry out step by step, in search of the one that gives NaN or infinity; none when absent. */
  readonly inspect?: number;
}
