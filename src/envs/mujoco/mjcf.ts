// Tasks from a model that the user brings.

import { UsageError, unknownName } from '../../errors.ts';
import type { PhiloxStream } from '../../math/philox.ts';
import type { Outcome } from '../episodic.ts';
import { addUniform, MujocoEnvironment } from './base.ts';
import { type Instance, type PhysicsArrays, startInstance } from './engine.ts';
import { CompiledModel, Simulation } from './simulation.ts';

/** What a reward may depend on. */
export interface MjcfStep {
  /** The engine's arrays after the step. */
  readonly arrays: PhysicsArrays;
  readonly action: ArrayLike<number>;
  /** Mean velocity of `progress` over the step, in its unit a second; 0 without `progress`. */
  readonly forward: number;
}

/** The task that a model is made into. */
export interface MjcfOptions {
  /** Name of the environment; `mjcf` by default. */
  readonly name?: string;
  /** Engine steps in one step of the environment; 1 by default. */
  readonly frameSkip?: number;
  /** 1000 by default. */
  readonly maxEpisodeSteps?: number;
  /** Half the width of the uniform noise on every position and velocity of the start; 0 by default. */
  readonly startNoise?: number;
  /** What the XML includes, and its meshes, height fields and textures: contents by the names that it has; none by default. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Name or number of the keyframe to start from; by default the first, if there is one; null for none. */
  readonly keyframe?: string | number | null;
  /** What a warning of the engine does, as that the simulation is unstable; `error` by default. */
  readonly onWarning?: 'error' | 'terminate';
  /** Writes the observation, which has `size` numbers; by default all positions, then all velocities. */
  readonly observation?: {
    /** Numbers of an observation. */
    readonly size: number;
    /** Writes all of them. */
    readonly write: (arrays: PhysicsArrays, observation: Float32Array | Float64Array) => void;
  };
  /** The quantity whose velocity the reward is given as `forward`, e.g. x of a body; without it `forward` is 0. */
  readonly progress?: (arrays: PhysicsArrays) => number;
  /** Of one step. */
  readonly reward: (step: MjcfStep) => number;
  /** Whether the task has ended; never by default. */
  readonly terminated?: (arrays: PhysicsArrays) => boolean;
}

/**
 * Compiles a model in MJCF, MuJoCo's XML, into a task, in an engine of its own, which is started for it. Actions are the
 * controls, within each actuator's `ctrlrange`. What the XML names is taken from `files`.
 *
 * ```ts
 * const make = await fromMjcf(xml, { reward: ({ forward }) => forward, progress: ({ qpos }) => qpos[0] });
 * const environment = make();
 * ```
 *
 * The arrays given to the functions are the engine's own: read them, and do not keep them.
 *
 * The engine compiles in one call, which takes some seconds for 2,000 bodies and lets nothing else happen meanwhile. Ctrl-C
 * ends a program in its middle, unless the program handles that itself: then let it compile in a worker, which it can end.
 *
 * @returns makes environments, as many as wanted, that share the compiled model
 * @throws DataError when the XML cannot be compiled, with the engine's reason, or asks for more than the engine survives
 * @throws EnvironmentError when it cannot be simulated
 * @throws UsageError for options that are unknown or out of range, or a model with nothing to move or to control
 * @throws BackendError when the engine cannot be loaded
 */
export async function fromMjcf(xml: string, options: MjcfOptions): Promise<() => MujocoEnvironment> {
  requireKnown(options);
  const whole = {
    frameSkip: options.frameSkip ?? 1,
    maxEpisodeSteps: options.maxEpisodeSteps ?? 1000,
    'observation.size': options.observation?.size ?? 1,
  };
  for (const [name, value] of Object.entries(whole)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError(`${name} must be a whole number from 1; got ${value}.`);
  }
  if (whole['observation.size'] > MOST_OBSERVATIONS)
    throw new UsageError(
      `observation.size must be at most ${MOST_OBSERVATIONS}; got ${whole['observation.size']}.`,
    );
  const { startNoise = 0 } = options;
  if (!(startNoise >= 0 && startNoise < Number.POSITIVE_INFINITY))
    throw new UsageError(`startNoise must be a number from 0; got ${startNoise}.`);
  const instance = spare && !spare.ended ? spare : await startInstance();
  spare = undefined;
  try {
    const model = compiled(xml, options, instance);
    return () => new MjcfEnvironment(model, options);
  } catch (problem) {
    // What was refused has taken nothing of it.
    spare = instance;
    throw problem;
  }
}

/** An instance of the engine without a model in use. */
let spare: Instance | undefined;

/** @throws as {@link fromMjcf} does */
function compiled(xml: string, options: MjcfOptions, instance: Instance): CompiledModel {
  const model = new CompiledModel(xml, options.files, options.keyframe, instance);
  const { nq, nu, nhistory, actuator_ctrlrange: range } = model.handle;
  if (nq === 0) throw new UsageError('The model has no joints: nothing in it can move.');
  if (nu === 0) throw new UsageError('The model has no actuators: there are no actions.');
  if (nhistory > 0) throw new UsageError('The model has delays: what they hold cannot be saved and resumed.');
  for (let i = 0; i < nu; i++) {
    if (!(range[2 * i] < range[2 * i + 1]))
      throw new UsageError(`Actuator ${i} of the model has no ctrlrange.`, {
        hint: 'Every actuator needs one: it bounds the action.',
      });
  }
  // Whether it can be simulated at all.
  const trial = new Simulation(model);
  try {
    trial.zero();
    trial.forward();
  } finally {
    trial.dispose();
  }
  return model;
}

const known: Readonly<Record<keyof MjcfOptions, (value: unknown) => boolean>> = {
  name: (value) => typeof value === 'string' && value !== '',
  frameSkip: isNumber,
  maxEpisodeSteps: isNumber,
  startNoise: isNumber,
  files: (value) => isRecord(value) && Object.values(value).every(isContent),
  keyframe: (value) => value === null || typeof value === 'string' || typeof value === 'number',
  onWarning: (value) => value === 'error' || value === 'terminate',
  observation: (value) => isRecord(value) && isNumber(value.size) && typeof value.write === 'function',
  progress: isFunction,
  reward: isFunction,
  terminated: isFunction,
};

const MOST_OBSERVATIONS = 2 ** 20;

function requireKnown(options: MjcfOptions): void {
  if (!isRecord(options))
    throw new UsageError(`The task needs options, at least a reward; got ${String(options)}.`);
  const names = Object.keys(known) as (keyof MjcfOptions)[];
  for (const name of Object.keys(options))
    if (!Object.hasOwn(known, name)) throw unknownName('option', name, names);
  for (const name of Object.keys(options.observation ?? {}))
    if (name !== 'size' && name !== 'write')
      throw unknownName('option of the observation', name, ['size', 'write']);
  if (options.reward === undefined)
    throw new UsageError('The task has no reward.', { hint: 'Give a function `reward`.' });
  for (const name of names)
    if (options[name] !== undefined && !known[name](options[name]))
      throw new UsageError(`The option ${name} is not of its kind: ${String(options[name])}.`);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}
function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
function isContent(value: unknown): boolean {
  return typeof value === 'string' || value instanceof Uint8Array;
}
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

class MjcfEnvironment extends MujocoEnvironment {
  constructor(
    model: CompiledModel,
    private readonly options: MjcfOptions,
  ) {
    const { nq, nv } = model.handle;
    super(
      {
        name: options.name ?? 'mjcf',
        frameSkip: options.frameSkip ?? 1,
        maxEpisodeSteps: options.maxEpisodeSteps ?? 1000,
        observations: options.observation?.size ?? nq + nv,
        contacts: true,
      },
      model,
    );
    this.onWarning = options.onWarning ?? 'error';
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    const { startNoise = 0 } = this.options;
    addUniform(qpos, startNoise, random);
    addUniform(qvel, startNoise, random);
  }

  protected override progress(): number {
    return this.options.progress?.(this.arrays) ?? 0;
  }

  protected outcome(action: ArrayLike<number>, forward: number): Outcome {
    const { arrays } = this;
    const { reward, terminated } = this.options;
    return { reward: reward({ arrays, action, forward }), terminated: terminated?.(arrays) ?? false };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { arrays } = this;
    if (this.options.observation) {
      this.options.observation.write(arrays, observation);
      return;
    }
    observation.set(arrays.qpos);
    observation.set(arrays.qvel, arrays.qpos.length);
  }
}
