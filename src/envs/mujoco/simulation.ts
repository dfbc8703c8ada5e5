// Models and simulations in an instance of the physics engine.

import { BackendError, DataError, EnvironmentError, UsageError } from '../../errors.ts';
import { type Data, type Instance, type Model, type PhysicsArrays, taskInstance } from './engine.ts';
import { requireModest } from './limits.ts';

/** Frees what belongs to an object when that has been collected. */
const collected = new FinalizationRegistry<{ delete(): void }>((memory) => {
  try {
    memory.delete();
  } catch {
    // Its engine has ended.
  }
});

/** A model, shared by all simulations of it, with its memory freed when the last of them has gone. */
export class CompiledModel {
  readonly handle: Model;

  /** The keyframe that simulations begin at; the reference configuration without one. */
  readonly keyframe: number | undefined;

  /**
   * @param files contents of what the XML includes or takes meshes, height fields and textures from, by the names that it has
   * @param keyframe name or number of the one to begin at; by default the first, if there is one; null for none
   * @param instance the tasks' by default
   * @throws DataError when the XML is not a model, with the engine's reason, or asks for more than the engine survives;
   *   UsageError for a keyframe that it has not
   */
  constructor(
    xml: string,
    files: Readonly<Record<string, string | Uint8Array>> = {},
    keyframe?: string | number | null,
    readonly instance: Instance = taskInstance(),
  ) {
    this.handle = compile(instance, xml, files);
    collected.register(this, this.handle);
    this.keyframe = this.keyOf(keyframe);
  }

  private keyOf(wanted: string | number | null | undefined): number | undefined {
    const { nkey } = this.handle;
    if (wanted === null || (wanted === undefined && nkey === 0)) return undefined;
    const { mj_name2id, mjtObj } = this.instance.live();
    const key =
      typeof wanted === 'string' ? mj_name2id(this.handle, mjtObj.mjOBJ_KEY.value, wanted) : (wanted ?? 0);
    if (Number.isSafeInteger(key) && key >= 0 && key < nkey) return key;
    throw new UsageError(`The model has no keyframe '${wanted}'.`, {
      hint: nkey === 0 ? 'It has none.' : `It has ${nkey}, numbered from 0.`,
    });
  }
}

function compile(
  instance: Instance,
  xml: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Model {
  requireModest(xml, files);
  const { MjModel, MjVFS } = instance.live();
  const held = new MjVFS();
  try {
    for (const [name, content] of Object.entries(files))
      held.addBuffer(name, typeof content === 'string' ? new TextEncoder().encode(content) : content);
    return MjModel.from_xml_string(xml, held);
  } catch (cause) {
    const reason = instance.note(cause);
    throw new DataError(
      instance.ended
        ? `The MJCF ends MuJoCo's engine when it is compiled: ${reason}.`
        : `The MJCF is not a model that MuJoCo can compile: ${reason}.`,
      {
        cause,
        ...(/opening file/.test(reason) ? { hint: 'Give its contents: files: { name: contents }.' } : {}),
      },
    );
  } finally {
    if (!instance.ended) held.delete();
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
    const { MjData } = model.instance.live();
    this.timestep = model.handle.opt.timestep;
    try {
      this.data = new MjData(model.handle);
    } catch (cause) {
      model.instance.note(cause);
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
    const { keyframe, handle, instance } = this.model;
    const data = this.live();
    try {
      if (keyframe === undefined) instance.live().mj_resetData(handle, data);
      else instance.live().mj_resetDataKeyframe(handle, data, keyframe);
    } catch (cause) {
      throw instance.failed(cause);
    }
    this.look();
  }

  /** Computes everything that follows from positions, velocities and controls. */
  forward(): void {
    const { handle, instance } = this.model;
    const data = this.live();
    try {
      instance.live().mj_forward(handle, data);
    } catch (cause) {
      throw instance.failed(cause);
    }
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
    const { handle, instance } = this.model;
    const data = this.live();
    const before = data.time;
    const { mj_step, mj_rnePostConstraint } = instance.live();
    this.look();
    const { ctrl } = this.arrays;
    for (let i = 0; i < ctrl.length; i++) ctrl[i] = action[i];
    try {
      for (let k = 0; k < count; k++) mj_step(handle, data);
      if (contacts) mj_rnePostConstraint(handle, data);
    } catch (cause) {
      throw instance.failed(cause);
    }
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
      if (number > 0) return this.model.instance.live().mju_warningText(kind, info);
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
    // What an engine held has ended with it.
    if (!this.model.instance.ended) this.data.delete();
  }

  private live(): Data {
    if (this.disposed) throw new EnvironmentError('The environment has been disposed of.');
    this.model.instance.live();
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
