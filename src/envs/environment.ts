// The contract between an environment and the training loop: Gymnasium's (Towers et al. 2024), with typed
// arrays instead of NumPy, and with the whole state readable and writable as JSON for checkpoints.

import type { PhiloxState } from '../math/philox.ts';
import type { Scene } from './scene.ts';

/** Numbers within bounds (one pair a coordinate, ±∞ where there is none), or one of n choices. */
export type Space =
  | { readonly kind: 'box'; readonly low: readonly number[]; readonly high: readonly number[] }
  | { readonly kind: 'discrete'; readonly n: number };

/** What one step yields. */
export interface Transition {
  /** [observations] it is copied before the next step. */
  readonly observation: Float32Array;
  /** Of this step, finite. */
  readonly reward: number;
  /** The task ended: the value of what follows is zero. */
  readonly terminated: boolean;
  /** The time limit cut the episode: what follows still has a value. Both flags may be true at once. */
  readonly truncated: boolean;
}

/** Everything needed to resume: plain JSON. */
export interface EnvironmentState {
  /** Name of the environment it belongs to. */
  readonly environment: string;
  /** The simulated state, in the order and units the environment documents. */
  readonly physics: readonly number[];
  /** Steps since the episode began. */
  readonly elapsedSteps: number;
  /** False before the first reset and after an episode has ended: only `reset` may follow. */
  readonly running: boolean;
  /** Where the random stream stands. */
  readonly random: PhiloxState;
}

/** An episodic task with one agent. */
export interface Environment {
  /** Of the task; saved states belong to it. */
  readonly name: string;
  /** Bounds of an observation, a pair a number; ±∞ where there is none. */
  readonly observationSpace: Extract<Space, { kind: 'box' }>;
  /** A box of finite bounds, or choices. */
  readonly actionSpace: Space;
  /** Time limit in steps; the step that reaches it is truncated. */
  readonly maxEpisodeSteps: number;

  /**
   * Starts an episode.
   *
   * @param seed restarts the random stream; without it the stream goes on (seed 0 before the first reset)
   * @returns [observations] the first observation, a new array
   */
  reset(seed?: number): Float32Array;

  /**
   * Advances one step.
   *
   * @param action [actions] in the environment's units, clipped where it says so; discrete: [1], the index
   * @throws EnvironmentError outside an episode, or for an action of the wrong size or value
   */
  step(action: ArrayLike<number>): Transition;

  /** @returns a copy that later steps do not change */
  getState(): EnvironmentState;

  /**
   * Resumes from `getState` (also after a round trip through JSON): what follows is equal bit for bit.
   *
   * @throws DataError when the state is malformed or belongs to another environment
   */
  setState(state: EnvironmentState): void;

  /** What the current state looks like, as plain data; absent where nothing can be drawn. */
  scene?(): Scene;
}
