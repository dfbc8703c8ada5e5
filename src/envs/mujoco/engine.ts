// The physics engine, an optional package of 10 MB: loaded when first asked for, once a process. What is used of it
// is typed here, since the package's own types are loose and are absent where the package is.

import { BackendError, DataError, EnvironmentError, UsageError } from '../../errors.ts';

/** A compiled model. Its memory is the engine's and is not collected: see `CompiledModel`. */
interface Model {
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
interface Data extends PhysicsArrays {
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

interface Engine {
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

let loaded: Engine | undefined;
let loading: Promise<Engine> | undefined;

/**
 * Loads the engine; later calls return at once.
 *
 * @throws BackendError when the package is not installed or its WebAssembly does not start
 */
export async function loadMujoco(): Promise<void> {
  loading ??= load();
  try {
    loaded = await loading;
  } catch (cause) {
    loading = undefined; // the package may be installed meanwhile
    throw cause;
  }
}

async function load(): Promise<Engine> {
  try {
    const { default: start } = await import('@mujoco/mujoco');
    // What the engine has to say must not mix with a program's own output.
    const say = (text: string) => console.warn(`MuJoCo: ${text}`);
    return (await start({ print: say, printErr: say })) as unknown as Engine;
  } catch (cause) {
    const reason = (cause as Error).message.split('\n', 1)[0].replace(/\.$/, '');
    throw new BackendError(
      `The package \`@mujoco/mujoco\`, which simulates the MuJoCo tasks, cannot be loaded: ${reason}.`,
      { cause, hint: 'Install it beside this one: npm install @mujoco/mujoco@3.14.0.' },
    );
  }
}

function engine(): Engine {
  if (loaded === undefined) {
    throw new UsageError('The MuJoCo engine is not loaded.', {
      hint: 'Await prepareEnvironment(name) before makeEnvironment(name).',
    });
  }
  return loaded;
}

/** Frees what belongs to an object when that has been collected. */
const collected = new FinalizationRegistry<{ delete(): void }>((memory) => memory.delete());

/** A model, shared by all simulations of it, with its memory freed when the last of them has gone. */
export class CompiledModel {
  readonly handle: Model;

  /** The keyframe that simulations begin at; the reference configuration without one. */
  readonly keyframe: number | undefined;

  /**
   * @param files contents of what the XML includes or takes meshes, height fields and textures from, by the names that it has
   * @param keyframe name or number of the one to begin at; by default the first, if there is one; null for none
   * @throws DataError when the XML is not a model, with the engine's reason; UsageError for a keyframe that it has not
   */
  constructor(
    xml: string,
    files: Readonly<Record<string, string | Uint8Array>> = {},
    keyframe?: string | number | null,
  ) {
    this.handle = compile(xml, files);
    collected.register(this, this.handle);
    this.keyframe = this.keyOf(keyframe);
  }

  private keyOf(wanted: string | number | null | undefined): number | undefined {
    const { nkey } = this.handle;
    if (wanted === null || (wanted === undefined && nkey === 0)) return undefined;
    const { mj_name2id, mjtObj } = engine();
    const key =
      typeof wanted === 'string' ? mj_name2id(this.handle, mjtObj.mjOBJ_KEY.value, wanted) : (wanted ?? 0);
    if (Number.isSafeInteger(key) && key >= 0 && key < nkey) return key;
    throw new UsageError(`The model has no keyframe '${wanted}'.`, {
      hint: nkey === 0 ? 'It has none.' : `It has ${nkey}, numbered from 0.`,
    });
  }
}

function compile(xml: string, files: Readonly<Record<string, string | Uint8Array>>): Model {
  const { MjModel, MjVFS } = engine();
  const held = new MjVFS();
  try {
    for (const [name, content] of Object.entries(files))
      held.addBuffer(name, typeof content === 'string' ? new TextEncoder().encode(content) : content);
    return MjModel.from_xml_string(xml, held);
  } catch (cause) {
    const reason = (cause as Error).message
      .replace(/\s+/g, ' ')
      .replace(/^(MuJoCo Error: |Loading error: |Error: )+/, '')
      .trim();
    throw new DataError(`The MJCF is not a model that MuJoCo can compile: ${reason}.`, {
      cause,
      ...(/opening file/.test(reason) ? { hint: 'Give its contents: files: { name: contents }.' } : {}),
    });
  } finally {
    held.delete();
  }
}

/** The lengths of a state, so that room can be made for it before there is a simulation. */
export const stateSize = ({ handle: { nq, nv, na } }: CompiledModel): number => 1 + nq + 2 * nv + na;

/** One simulation of a model. */
export class Simulation {
  /** Look them up anew after every step: the engine moves them when its memory grows. */
  arrays: PhysicsArrays;
  private readonly data: Data;
  /** s */
  private readonly timestep: number;
  private disposed = false;

  constructor(readonly model: CompiledModel) {
    const { MjData } = engine();
    this.timestep = model.handle.opt.timestep;
    try {
      this.data = new MjData(model.handle);
    } catch (cause) {
      throw new BackendError('MuJoCo has no memory for another simulation.', {
        cause,
        hint: 'Dispose of environments that are no longer used, or start another process.',
      });
    }
    collected.register(this, this.data, this);
    this.arrays = viewsOf(this.data);
  }

  /**
   * Back to where the model begins, its keyframe or its reference configuration, at rest, at time 0; nothing derived is
   * computed.
   */
  zero(): void {
    const { keyframe, handle } = this.model;
    if (keyframe === undefined) engine().mj_resetData(handle, this.live());
    else engine().mj_resetDataKeyframe(handle, this.live(), keyframe);
    this.look();
  }

  /** Computes everything that follows from positions, velocities and controls. */
  forward(): void {
    engine().mj_forward(this.model.handle, this.live());
    this.look();
  }

  /**
   * Advances by `count` time steps under constant controls. Positions and velocities are new then, but whatever is
   * derived from them is what the last pass inside the step has left: Gymnasium reads it so, and so do its rewards.
   *
   * @param contacts also computes `cfrc_ext`, of the last step
   * @param thorough also looks for warnings after which the engine goes on
   * @returns what the engine warns of, where it does: among others that it has reset the simulation to time 0
   */
  step(action: ArrayLike<number>, count: number, contacts: boolean, thorough: boolean): string | undefined {
    const { handle } = this.model;
    const data = this.live();
    const before = data.time;
    const { mj_step } = engine();
    this.look();
    const { ctrl } = this.arrays;
    for (let i = 0; i < ctrl.length; i++) ctrl[i] = action[i];
    for (let k = 0; k < count; k++) mj_step(handle, data);
    if (contacts) engine().mj_rnePostConstraint(handle, data);
    this.look();
    // In a first step a reset cannot be told by the time.
    const advanced = Math.abs(data.time - before - count * this.timestep) < 0.5 * this.timestep;
    return thorough || before === 0 || !advanced ? this.warning() : undefined;
  }

  /** The first warning of the engine since the simulation began. */
  warning(): string | undefined {
    const { warning } = this.live();
    for (let kind = 0; kind < warning.size(); kind++) {
      const count = warning.get(kind);
      const [number, info] = [count?.number ?? 0, count?.lastinfo ?? 0];
      count?.delete();
      if (number > 0) return engine().mju_warningText(kind, info);
    }
    return undefined;
  }

  /** Writes the state: time, positions, velocities, activations, warm start. */
  save(state: Float64Array): void {
    state[0] = this.live().time;
    this.look();
    let at = 1;
    for (const part of stateArrays(this.arrays)) {
      state.set(part, at);
      at += part.length;
    }
  }

  /** Continues from a state written by `save`, bit for bit. */
  restore(state: Float64Array): void {
    this.zero();
    this.live().time = state[0];
    let at = 1;
    for (const part of stateArrays(this.arrays)) {
      part.set(state.subarray(at, at + part.length));
      at += part.length;
    }
    // A forward pass would start the solver from its own result, which is not where the interrupted run stood.
    const warmStart = this.arrays.qacc_warmstart.slice();
    this.forward();
    this.arrays.qacc_warmstart.set(warmStart);
  }

  /** Frees the memory now instead of when this is collected. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    collected.unregister(this);
    this.data.delete();
  }

  private live(): Data {
    if (this.disposed) throw new EnvironmentError('The environment has been disposed of.');
    return this.data;
  }

  /** Growing memory leaves the old views empty. */
  private look(): void {
    if (this.arrays.qpos.length === 0) this.arrays = viewsOf(this.data);
  }
}

const stateArrays = ({ qpos, qvel, act, qacc_warmstart }: PhysicsArrays): Float64Array[] => [
  qpos,
  qvel,
  act,
  qacc_warmstart,
];

/** Every access to an array of the engine's makes a new view, so they are kept. */
function viewsOf(data: Data): PhysicsArrays {
  return {
    qpos: data.qpos,
    qvel: data.qvel,
    act: data.act,
    ctrl: data.ctrl,
    qacc_warmstart: data.qacc_warmstart,
    xpos: data.xpos,
    xipos: data.xipos,
    geom_xpos: data.geom_xpos,
    geom_xmat: data.geom_xmat,
    site_xpos: data.site_xpos,
    cinert: data.cinert,
    cvel: data.cvel,
    cfrc_ext: data.cfrc_ext,
    qfrc_actuator: data.qfrc_actuator,
    qfrc_constraint: data.qfrc_constraint,
  };
}
