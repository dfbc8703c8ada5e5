// What all MuJoCo tasks share: stepping the engine, spaces, checkpoints.

import { EnvironmentError } from '../../errors.ts';
import type { PhiloxStream } from '../../math/philox.ts';
import type { EnvironmentState } from '../environment.ts';
import { EpisodicEnvironment, type Outcome } from '../episodic.ts';
import type { Scene } from '../scene.ts';
import type { PhysicsArrays } from './engine.ts';
import { type Camera, modelScene } from './scene.ts';
import { CompiledModel, Simulation, stateSize } from './simulation.ts';

export interface MujocoSettings {
  readonly name: string;
  /** Engine steps in one step of the environment. */
  readonly frameSkip: number;
  readonly maxEpisodeSteps: number;
  readonly observations: number;
  /** Whether contact forces are read. */
  readonly contacts?: boolean;
  /** How `scene` looks at it; from the side at the first body by default. */
  readonly camera?: Camera;
}

/**
 * A task in the MuJoCo engine. Controls are the actions as they are: the engine, not the environment, limits them to
 * the actuators' ranges. Observations are unbounded. Physics: [time, positions, velocities, activations, accelerations
 * that warm-start the solver, progress].
 *
 * Positions, velocities and rewards equal those of Gymnasium 1.4.0's v5 tasks; starts have the same distributions but
 * come from another random stream.
 */
export abstract class MujocoEnvironment extends EpisodicEnvironment {
  readonly name: string;
  readonly observationSpace: { readonly kind: 'box'; readonly low: number[]; readonly high: number[] };
  readonly actionSpace: { readonly kind: 'box'; readonly low: number[]; readonly high: number[] };
  readonly maxEpisodeSteps: number;
  /** Simulated time of one step, s. */
  readonly dt: number;

  /** What a warning of the engine does, as that the simulation is unstable and has been reset. */
  onWarning: 'error' | 'terminate' = 'error';

  protected readonly simulation: Simulation;
  /** What the agent saw last; and whether the engine has warned since. */
  private seen = new Float32Array(0);
  private warned = false;

  protected constructor(
    private readonly settings: MujocoSettings,
    /** The compiled model, shared with the other environments of the task. */
    readonly model: CompiledModel,
  ) {
    super(stateSize(model) + 1);
    this.name = settings.name;
    this.maxEpisodeSteps = settings.maxEpisodeSteps;
    this.simulation = new Simulation(model);
    this.dt = settings.frameSkip * model.handle.opt.timestep;
    const unbounded = new Array<number>(settings.observations).fill(Number.POSITIVE_INFINITY);
    this.observationSpace = { kind: 'box', low: unbounded.map((x) => -x), high: unbounded };
    const range = Array.from(model.handle.actuator_ctrlrange);
    this.actionSpace = {
      kind: 'box',
      low: range.filter((_, i) => i % 2 === 0),
      high: range.filter((_, i) => i % 2 === 1),
    };
  }

  /** Moves the reference configuration, at rest, to a start drawn from the task's distribution. */
  protected abstract drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void;

  /**
   * What one step brought, with `arrays` as the step has left them.
   *
   * @param forward the mean velocity of `progress` over the step, in its unit a second
   */
  protected abstract outcome(action: ArrayLike<number>, forward: number): Outcome;

  /** Writes what the agent sees. */
  protected abstract write(observation: Float32Array | Float64Array): void;

  /**
   * The quantity whose velocity is rewarded. It is read once, after each step, and kept for the next: derived arrays
   * lag behind the positions then, and would read otherwise before the next step of a resumed run.
   */
  protected progress(): number {
    return 0;
  }

  private get reached(): number {
    return this.physics[this.physics.length - 1];
  }

  private set reached(progress: number) {
    this.physics[this.physics.length - 1] = progress;
  }

  protected get arrays(): PhysicsArrays {
    return this.simulation.arrays;
  }

  protected sampleStart(random: PhiloxStream): void {
    this.warned = false;
    this.simulation.zero();
    this.drawStart(random, this.arrays.qpos, this.arrays.qvel);
    this.simulation.forward();
    this.reached = this.progress();
  }

  protected advance(action: ArrayLike<number>): Outcome {
    const { frameSkip, contacts = false } = this.settings;
    const thorough = (this.elapsedSteps + 1) % STEPS_BETWEEN_LOOKS === 0;
    const warning = this.simulation.step(action, frameSkip, contacts, thorough);
    if (warning !== undefined) return this.endBy(warning);
    const before = this.reached;
    this.reached = this.progress();
    return this.outcome(action, (this.reached - before) / this.dt);
  }

  protected observe(): Float32Array {
    if (this.warned) return this.seen.slice();
    const observation = new Float32Array(this.settings.observations);
    this.write(observation);
    if (this.onWarning === 'terminate') this.seen = observation.slice();
    return observation;
  }

  /** The physics after a warning are not those of the task: the step has no reward, and shows what was seen before it. */
  private endBy(warning: string): Outcome {
    if (this.onWarning === 'error')
      throw new EnvironmentError(
        `The engine warns in step ${this.elapsedSteps + 1} of an episode of '${this.name}': ${warning.replace(/\.$/, '')}.`,
        {
          hint: "A smaller time step or weaker actuators may help; onWarning = 'terminate' ends such episodes.",
        },
      );
    this.warned = true;
    return { reward: 0, terminated: true };
  }

  /** [observations] the latest observation before it was rounded to float32, a new array. */
  exactObservation(): Float64Array {
    const observation = new Float64Array(this.settings.observations);
    this.write(observation);
    return observation;
  }

  /** The shapes as the last step has left them: they lag behind the positions by one engine step, as `xpos` does. */
  scene(): Scene {
    return modelScene(this.model, this.arrays, this.settings.camera ?? follower);
  }

  /**
   * Starts an episode at given positions and velocities, in the engine's order and units.
   *
   * @returns [observations] the first observation, a new array
   * @throws EnvironmentError for too few or too many numbers
   */
  startAt(qpos: ArrayLike<number>, qvel: ArrayLike<number>): Float32Array {
    const { nq, nv } = this.model.handle;
    for (const [name, given, wanted] of [
      ['positions', qpos.length, nq],
      ['velocities', qvel.length, nv],
    ]) {
      if (given !== wanted)
        throw new EnvironmentError(`The environment '${this.name}' has ${wanted} ${name} but got ${given}.`);
    }
    this.simulation.zero();
    this.arrays.qpos.set(qpos);
    this.arrays.qvel.set(qvel);
    this.simulation.forward();
    this.reached = this.progress();
    this.setState({ ...this.getState(), elapsedSteps: 0, running: true });
    return this.observe();
  }

  override getState(): EnvironmentState {
    this.simulation.save(this.physics);
    return super.getState();
  }

  override setState(state: EnvironmentState): void {
    super.setState(state);
    this.simulation.restore(this.physics);
    this.warned = false;
    this.observe();
  }

  /** Frees the engine's memory for this environment now; otherwise it is freed when this is collected. */
  dispose(): void {
    this.simulation.dispose();
  }
}

/** Warnings after which the engine goes on are looked for in each so many steps: looking takes as long as small physics do. */
const STEPS_BETWEEN_LOOKS = 16;

const follower: Camera = { from: 'side', reach: 2, centre: [0, 0.9], follow: 1 };

const models = new Map<string, CompiledModel>();

/** The model of one of our tasks, compiled once. */
export function sharedModel(name: string, xml: () => string): CompiledModel {
  const known = models.get(name);
  if (known && !known.instance.ended) return known;
  const made = new CompiledModel(xml());
  models.set(name, made);
  return made;
}

/** Adds to each entry a number uniform in [−scale, scale). */
export function addUniform(target: Float64Array, scale: number, random: PhiloxStream): void {
  for (let i = 0; i < target.length; i++) target[i] += random.uniformIn(-scale, scale);
}

/** Adds to each entry a normal number with the given standard deviation. */
export function addNormal(target: Float64Array, deviation: number, random: PhiloxStream): void {
  for (let i = 0; i < target.length; i++) target[i] += deviation * random.nextNormal();
}

/** Σ x². */
export function sumOfSquares(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return sum;
}

export const allFinite = (values: Float64Array): boolean => {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
};
