import { listOf } from '../breathe.ts';
import { DataError, EnvironmentError, quoted } from '../errors.ts';
import { drawnSeed } from '../math/philox.ts';
import {
  checkedObservation,
  checkedState,
  checkedTogether,
  checkedTransition,
  requireAlike,
} from './checked.ts';
import type { Environment, EnvironmentState, Transition } from './environment.ts';

/** What one step of one of several environments yields. */
export interface VectorTransition extends Transition {
  /** [observations] what the next action answers: the first of a new episode where this step ended one. */
  readonly next: Float32Array;
}

/** At once, or later. */
export type Soon<T> = T | Promise<T>;

/**
 * Several environments of one task, stepped together with one call of the policy. One that ends an episode is reset in
 * the same step (Gymnasium's same-step autoreset): `observation` is the last of the old episode, `next` the first of the
 * new one. What each does depends on its place and the seed alone, never on how many workers share the work.
 */
export interface VectorEnvironment {
  /** How many environments they are. */
  readonly count: number;
  /**
   * Starts every environment, each with its own seed, drawn from this one.
   *
   * @param signal may end a long start
   * @returns [count] observations; undefined where the signal ended it: then they may be disposed of, and nothing else
   */
  reset(seed: number, signal?: AbortSignal): Soon<Float32Array[] | undefined>;
  /**
   * Advances all by one step.
   *
   * @param actions [count] each as the task takes it
   * @param signal may end a long step
   * @returns [count] transitions; undefined where the signal ended it: then nothing was done, and all are as they were before
   */
  step(actions: readonly Float32Array[], signal?: AbortSignal): Soon<VectorTransition[] | undefined>;
  /** [count] states, as {@link Environment.getState} gives them. */
  getStates(): Soon<EnvironmentState[]>;
  /**
   * @param signal may end it early: then they may be disposed of, and nothing else
   * @throws DataError when a state is malformed or of another task
   */
  setStates(states: readonly EnvironmentState[], signal?: AbortSignal): Soon<void>;
  /** Ends what they run in. */
  dispose(): Soon<void>;
}

/** From when on a step is long, ms: a request to stop does not wait for the end of such a one. */
const LONG_MS = 100;

/** Knows whether steps take long. That alone depends on it: whether what a stop would undo is kept meanwhile. */
export class Pace {
  /** Of the first it is not known. */
  private last = Number.POSITIVE_INFINITY;

  get isLong(): boolean {
    return this.last > LONG_MS;
  }

  async of<T>(step: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    const stepped = await step();
    this.last = performance.now() - begun;
    return stepped;
  }
}

/** The seed of environment `index` of a run: independent streams, of which the first is a single environment's. */
export const environmentSeed = (seed: number, index: number): number =>
  drawnSeed(seed, 'trainingStarts', index);

/** @throws DataError when there is not one state for each of `count` environments */
export function requireStates(states: readonly EnvironmentState[], count: number): void {
  if (!Array.isArray(states) || states.length !== count)
    throw new DataError(
      `${count} environments need as many states; got ${Array.isArray(states) ? states.length : quoted(states)}.`,
    );
}

/** Environments in this thread, one after the other. */
export class LocalVector implements VectorEnvironment {
  private readonly pace = new Pace();
  private readonly environments: readonly Environment[];

  /**
   * @param first place of the first among all of the run's, for their seeds
   * @throws UsageError when there is none, or one twice; EnvironmentError when one is wrong, or two differ in their spaces
   */
  constructor(
    environments: readonly Environment[],
    private readonly first = 0,
  ) {
    this.environments = checkedTogether(environments);
  }

  get count(): number {
    return this.environments.length;
  }

  /** @throws EnvironmentError when they are not of the task of this environment */
  requireTask(task: Environment): void {
    requireAlike(task, this.environments[0]);
  }

  reset(seed: number): Promise<Float32Array[]>;
  reset(seed: number, signal?: AbortSignal): Promise<Float32Array[] | undefined>;
  async reset(seed: number, signal?: AbortSignal): Promise<Float32Array[] | undefined> {
    const one = (i: number) => this.environments[i].reset(environmentSeed(seed, this.first + i));
    const begun = await listOf(this.count, one, signal);
    return begun.length === this.count ? begun : undefined;
  }

  step(actions: readonly Float32Array[]): Promise<VectorTransition[]>;
  step(actions: readonly Float32Array[], signal?: AbortSignal): Promise<VectorTransition[] | undefined>;
  async step(
    actions: readonly Float32Array[],
    signal?: AbortSignal,
  ): Promise<VectorTransition[] | undefined> {
    const before = signal && this.pace.isLong ? this.getStates() : undefined;
    const one = (i: number) => {
      const environment = this.environments[i];
      const transition = environment.step(actions[i]);
      const ended = transition.terminated || transition.truncated;
      return { ...transition, next: ended ? environment.reset() : transition.observation };
    };
    const stepped = await this.pace.of(() => listOf(this.count, one, before && signal));
    if (!before || stepped.length === this.count) return stepped;
    this.setStates(before);
    return undefined;
  }

  getStates(): EnvironmentState[] {
    return this.environments.map((environment) => environment.getState());
  }

  setStates(states: readonly EnvironmentState[]): void {
    requireStates(states, this.count);
    this.environments.forEach((environment, i) => {
      environment.setState(states[i]);
    });
  }

  dispose(): void {}
}

/**
 * Several environments of a caller's own, whose answers are checked as those of one are.
 *
 * @param task one environment of the task
 * @throws EnvironmentError naming what is wrong, in which environment and step
 */
export function checkedVector(vector: VectorEnvironment, task: Environment): VectorEnvironment {
  if (vector instanceof LocalVector) {
    vector.requireTask(task);
    return vector;
  }
  const { count } = vector;
  if (!Number.isSafeInteger(count) || count < 1)
    throw new EnvironmentError(`The parallel environments of '${task.name}' are ${count} in number.`);
  let steps = 0;
  const each = (given: unknown, when: string): unknown[] => {
    if (Array.isArray(given) && given.length === count) return given;
    const seen = Array.isArray(given) ? `${given.length} answers` : `no list (${typeof given})`;
    throw new EnvironmentError(`The ${count} parallel environments of '${task.name}' gave ${seen} ${when}.`);
  };
  return {
    count,
    async reset(seed, signal) {
      const when = `when they were reset with seed ${seed}`;
      const begun = await vector.reset(seed, signal);
      if (begun === undefined && signal?.aborted) return undefined;
      return each(begun, when).map((given, i) => checkedObservation(task, given, `at place ${i}, ${when}`));
    },
    async step(actions, signal) {
      const when = `in step ${++steps}`;
      const stepped = await vector.step(actions, signal);
      if (stepped === undefined && signal?.aborted) return undefined;
      return each(stepped, when).map((given, i) => ({
        ...checkedTransition(task, given, `at place ${i}, ${when}`),
        next: checkedObservation(task, (given as VectorTransition).next, `at place ${i}, after ${when}`),
      }));
    },
    async getStates() {
      const when = 'when their states were read';
      return each(await vector.getStates(), when).map((given, i) =>
        checkedState(task, given, `at place ${i}, ${when}`),
      );
    },
    setStates: (states, signal) => vector.setStates(states, signal),
    dispose: () => vector.dispose(),
  };
}
