// The part of the contract that is the same for every environment: episodes, time limit, random stream,
// checks of actions, checkpoints. An environment adds its start, its dynamics and what is observed of it.

import { DataError, EnvironmentError, quoted } from '../errors.ts';
import { PhiloxStream } from '../math/philox.ts';
import type { Environment, EnvironmentState, Space, Transition } from './environment.ts';

/** What the dynamics report of one step. */
export interface Outcome {
  /** Of this step, finite. */
  readonly reward: number;
  /** The task ended. The time limit is none of the dynamics. */
  readonly terminated: boolean;
}

/**
 * An environment that is written by saying three things: how an episode begins (`sampleStart`), what a step does (`advance`) and
 * what is seen (`observe`). Episodes, the time limit, the random stream, checks of actions and saved states are here.
 */
export abstract class EpisodicEnvironment implements Environment {
  abstract readonly name: string;
  abstract readonly observationSpace: Extract<Space, { kind: 'box' }>;
  abstract readonly actionSpace: Space;
  abstract readonly maxEpisodeSteps: number;

  /** The simulated state in float64. */
  protected readonly physics: Float64Array;
  /** Steps since the episode began. */
  protected elapsedSteps = 0;
  private running = false;
  private random = new PhiloxStream(0, 'environment');

  /** @param physicsSize how many numbers the simulated state holds */
  protected constructor(physicsSize: number) {
    this.physics = new Float64Array(physicsSize);
  }

  /** Fills `physics` with a start drawn from the environment's distribution. */
  protected abstract sampleStart(random: PhiloxStream): void;

  /** Advances `physics` by one step under a checked action; `random` is for dynamics that are stochastic. */
  protected abstract advance(action: ArrayLike<number>, random: PhiloxStream): Outcome;

  /** [observations] what the agent sees of `physics`. */
  protected abstract observe(): Float32Array;

  reset(seed?: number): Float32Array {
    if (seed !== undefined) this.random = new PhiloxStream(seed, 'environment');
    this.sampleStart(this.random);
    this.elapsedSteps = 0;
    this.running = true;
    return this.observe();
  }

  step(action: ArrayLike<number>): Transition {
    if (!this.running) {
      const when = this.elapsedSteps === 0 ? 'before the first reset' : 'after its episode had ended';
      throw new EnvironmentError(`The environment '${this.name}' was stepped ${when}.`, {
        hint: 'Call reset() first.',
      });
    }
    this.checkAction(action);
    // Where the dynamics fail, only a reset may follow.
    this.running = false;
    const { reward, terminated } = this.advance(action, this.random);
    this.elapsedSteps++;
    const truncated = this.elapsedSteps >= this.maxEpisodeSteps;
    this.running = !terminated && !truncated;
    return { observation: this.observe(), reward, terminated, truncated };
  }

  getState(): EnvironmentState {
    return {
      environment: this.name,
      physics: Array.from(this.physics),
      elapsedSteps: this.elapsedSteps,
      running: this.running,
      random: this.random.getState(),
    };
  }

  setState(state: EnvironmentState): void {
    const { environment, physics, elapsedSteps, running, random } = state;
    if (environment !== this.name) {
      throw new DataError(`A state of '${environment}' was given to the environment '${this.name}'.`);
    }
    const valid =
      Array.isArray(physics) &&
      physics.length === this.physics.length &&
      physics.every(Number.isFinite) &&
      Number.isSafeInteger(elapsedSteps) &&
      elapsedSteps >= 0 &&
      typeof running === 'boolean' &&
      typeof random === 'object' &&
      random !== null;
    if (!valid) {
      throw new DataError(`The state of the environment '${this.name}' is malformed: ${quoted(state)}.`);
    }
    // The stream checks its own state, so nothing else may have changed before.
    this.random.setState(random);
    this.physics.set(physics);
    this.elapsedSteps = elapsedSteps;
    this.running = running;
  }

  private checkAction(action: ArrayLike<number>): void {
    const space = this.actionSpace;
    const size = space.kind === 'box' ? space.low.length : 1;
    if (action.length !== size) {
      throw new EnvironmentError(
        `The environment '${this.name}' takes an action of ${size} number(s) but got ${action.length}.`,
      );
    }
    for (let i = 0; i < size; i++) {
      const value = action[i];
      if (space.kind === 'discrete' && !(Number.isInteger(value) && value >= 0 && value < space.n)) {
        throw new EnvironmentError(
          `The environment '${this.name}' takes a whole number from 0 to ${space.n - 1} but got ${value}.`,
        );
      }
      if (!Number.isFinite(value)) {
        throw new EnvironmentError(
          `The environment '${this.name}' takes finite actions but got ${value} at position ${i}.`,
        );
      }
    }
  }
}

/** `value`, or the nearer of the two bounds when it lies outside. */
export function clip(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
