import { drawnSeed } from '../math/philox.ts';
import type { Environment, EnvironmentState, Transition } from './environment.ts';

/** What one step of one of several environments yields. */
export interface VectorTransition extends Transition {
  /** [observations] what the next action answers: the first of a new episode where this step ended one. */
  readonly next: Float32Array;
}

type Soon<T> = T | Promise<T>;

/**
 * Several environments of one task, stepped together with one call of the policy. One that ends an episode is reset in
 * the same step (Gymnasium's same-step autoreset): `observation` is the last of the old episode, `next` the first of the
 * new one. What each does depends on its place and the seed alone, never on how many workers share the work.
 */
export interface VectorEnvironment {
  readonly count: number;
  /** Starts every environment, each with its own {@link environmentSeed}. @returns [count] observations */
  reset(seed: number): Soon<Float32Array[]>;
  /** Advances all by one step. @param actions [count] each as the task takes it */
  step(actions: readonly Float32Array[]): Soon<VectorTransition[]>;
  getStates(): Soon<EnvironmentState[]>;
  /** @throws DataError when a state is malformed or of another task */
  setStates(states: readonly EnvironmentState[]): Soon<void>;
  dispose(): Soon<void>;
}

/** The seed of environment `index` of a run: independent streams, of which the first is a single environment's. */
export const environmentSeed = (seed: number, index: number): number =>
  drawnSeed(seed, 'trainingStarts', index);

/** Environments in this thread, one after the other. */
export class LocalVector implements VectorEnvironment {
  /** @param first place of the first among all of the run's, for their seeds */
  constructor(
    private readonly environments: readonly Environment[],
    private readonly first = 0,
  ) {}

  get count(): number {
    return this.environments.length;
  }

  reset(seed: number): Float32Array[] {
    return this.environments.map((environment, i) =>
      environment.reset(environmentSeed(seed, this.first + i)),
    );
  }

  step(actions: readonly Float32Array[]): VectorTransition[] {
    return this.environments.map((environment, i) => {
      const transition = environment.step(actions[i]);
      const ended = transition.terminated || transition.truncated;
      return { ...transition, next: ended ? environment.reset() : transition.observation };
    });
  }

  getStates(): EnvironmentState[] {
    return this.environments.map((environment) => environment.getState());
  }

  setStates(states: readonly EnvironmentState[]): void {
    this.environments.forEach((environment, i) => {
      environment.setState(states[i]);
    });
  }

  dispose(): void {}
}
