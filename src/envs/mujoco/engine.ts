// The physics engine, an optional package of 10 MB. What is used of it is typed here, since the package's own types are
// loose and are absent where the package is. The tasks have one instance of it in common; each model that a user brings has
// one of its own, so that what ends an instance costs that model alone.

import { BackendError, type DivergradError, EnvironmentError } from '../../errors.ts';
import { notLoaded } from './not-loaded.ts';
import { mujocoPackage } from './source.ts';

/** A compiled model. Its memory is the engine's and is not collected: see `CompiledModel`. */
export interface Model {
  readonly nq: number;
  readonly nv: number;
  readonly nu: number;
  readonly na: number;
  readonly nbody: number;
  readonly ngeom: number;
  /** [ngeom] which kind of shape */
  readonly geom_type: Int32Array;
  /** [ngeom][3] radius and half length, or half sizes, m */
  readonly geom_size: Float64Array;
  /** [ngeom] the body it belongs to, 0 for the world */
  readonly geom_bodyid: Int32Array;
  readonly nkey: number;
  /** Samples that delayed actuators and sensors keep. */
  readonly nhistory: number;
  readonly opt: { readonly timestep: number };
  /** [nu][2] */
  readonly actuator_ctrlrange: Float64Array;
  /** [nbody] kg */
  readonly body_mass: Float64Array;
  delete(): void;
}

/** The arrays of a simulation as live views; positions of bodies are in the world frame. */
export interface PhysicsArrays {
  /** [nq] positions: m, rad or quaternions, joint by joint */
  readonly qpos: Float64Array;
  /** [nv] velocities: m/s or rad/s */
  readonly qvel: Float64Array;
  /** [na] activations of actuators that have a state */
  readonly act: Float64Array;
  /** [nu] what the actuators were told */
  readonly ctrl: Float64Array;
  /** [nv] accelerations from which the constraint solver starts */
  readonly qacc_warmstart: Float64Array;
  /** [nbody][3] origins of the bodies, m */
  readonly xpos: Float64Array;
  /** [nbody][3] their centres of mass, m */
  readonly xipos: Float64Array;
  /** [ngeom][3] centres of the shapes, m */
  readonly geom_xpos: Float64Array;
  /** [ngeom][9] their axes in the world frame, row by row */
  readonly geom_xmat: Float64Array;
  /** [nsite][3] m */
  readonly site_xpos: Float64Array;
  /** [nbody][10] inertia about the tree's centre of mass, and mass */
  readonly cinert: Float64Array;
  /** [nbody][6] angular and linear velocity */
  readonly cvel: Float64Array;
  /** [nbody][6] torque and force from outside: contacts */
  readonly cfrc_ext: Float64Array;
  /** [nv] */
  readonly qfrc_actuator: Float64Array;
  /** [nv] */
  readonly qfrc_constraint: Float64Array;
}

/** A simulation's state and whatever follows from it. */
export interface Data extends PhysicsArrays {
  time: number;
  /** Of each kind how often it came since the last reset, which clears them; 10 µs to look at one. */
  readonly warning: { size(): number; get(kind: number): WarningCount | undefined };
  delete(): void;
}

interface WarningCount {
  readonly number: number;
  readonly lastinfo: number;
  delete(): void;
}

/** Files that a model names, in memory. */
interface Files {
  addBuffer(name: string, content: Uint8Array): void;
  delete(): void;
}

export interface Engine {
  readonly MjModel: { from_xml_string(xml: string, files: Files): Model };
  readonly MjVFS: new () => Files;
  readonly mjtObj: { readonly mjOBJ_KEY: { readonly value: number } };
  readonly MjData: new (model: Model) => Data;
  mj_resetData(model: Model, data: Data): void;
  mj_resetDataKeyframe(model: Model, data: Data, key: number): void;
  mj_name2id(model: Model, kind: number, name: string): number;
  mju_warningText(kind: number, info: number): string;
  mj_forward(model: Model, data: Data): void;
  mj_step(model: Model, data: Data): void;
  mj_rnePostConstraint(model: Model, data: Data): void;
}

/** One start of the engine, with the memory of its models and simulations. */
export class Instance {
  /** Why nothing more can be asked of it. */
  private end: string | undefined;

  constructor(private readonly engine: Engine) {}

  get ended(): boolean {
    return this.end !== undefined;
  }

  /** The engine. @throws EnvironmentError when it has ended, with all that it held */
  live(): Engine {
    if (this.end === undefined) return this.engine;
    throw new EnvironmentError(`The MuJoCo engine that holds this model has ended: ${this.end}.`, {
      hint: 'Make the environment anew; other models are not affected.',
    });
  }

  /** Notes whether an error of the engine's has ended it. @returns the error in a line */
  note(cause: unknown): string {
    if (cause instanceof EnvironmentError) return cause.message;
    const said = reasonOf(cause);
    // The engine's own errors leave it sound; those of WebAssembly come from its middle.
    if (cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError) this.end ??= said;
    return said;
  }

  /** The error to throw where a simulation fails. */
  failed(cause: unknown): DivergradError {
    if (cause instanceof EnvironmentError) return cause;
    const said = this.note(cause);
    if (this.ended) return new EnvironmentError(`The model has ended MuJoCo's engine: ${said}.`, { cause });
    return new EnvironmentError(`MuJoCo cannot simulate the model: ${said}.`, {
      cause,
      ...(/memory/.test(said) ? { hint: 'Give it more: <size memory="64M"/>.' } : {}),
    });
  }
}

/** What an error of the engine's says, in a line. */
const reasonOf = (cause: unknown): string =>
  ((cause as Error | undefined)?.message ?? String(cause))
    .replace(/\s+/g, ' ')
    .replace(/^(MuJoCo Error: |Loading error: |Error: )+/, '')
    .replace(/[.\s]+$/, '')
    .trim();

let loaded: Instance | undefined;
let loading: Promise<Instance> | undefined;

/**
 * Loads the engine of the tasks; later calls return at once, unless it has ended meanwhile.
 *
 * @throws BackendError when the package is not installed or its WebAssembly does not start
 */
export async function loadMujoco(): Promise<void> {
  if (loaded?.ended) loading = undefined;
  loading ??= startInstance();
  try {
    loaded = await loading;
  } catch (cause) {
    loading = undefined; // the package may be installed meanwhile
    throw cause;
  }
}

/**
 * Starts an instance of the engine: some 70 ms and 10 MB.
 *
 * @throws BackendError when the package is not installed or its WebAssembly does not start
 */
export async function startInstance(): Promise<Instance> {
  try {
    const start = await mujocoPackage();
    if (typeof start !== 'function') throw new Error('a bundler has left it out of this page');
    // What the engine has to say must not mix with a program's own output.
    const say = (text: string) => console.warn(`MuJoCo: ${text}`);
    return new Instance((await start({ print: say, printErr: say })) as Engine);
  } catch (cause) {
    const reason = (cause as Error).message.split('\n', 1)[0].replace(/\.$/, '');
    throw new BackendError(
      `The package \`@mujoco/mujoco\`, which simulates the MuJoCo tasks, cannot be loaded: ${reason}.`,
      {
        cause,
        hint: "Install it beside this one: npm install @mujoco/mujoco@3.14.0; in a bundled page, also call mujocoFrom(() => import('@mujoco/mujoco')).",
      },
    );
  }
}

/** The engine of the tasks. @throws UsageError when it is not loaded */
export function taskInstance(): Instance {
  if (loaded === undefined || loaded.ended) throw notLoaded();
  return loaded;
}
