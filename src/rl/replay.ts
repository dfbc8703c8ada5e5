import type { DeviceBuffer } from '../backend/backend.ts';
import type { Device } from '../device.ts';
import { DataError, NumericsError, quoted, requireOptions, ShapeError, UsageError } from '../errors.ts';
import { replaySample as kernel } from '../kernels/index.ts';
import {
  callOf,
  currentRecording,
  inputAt,
  type Op,
  outputAt,
  read,
  record,
  reshape,
  State,
  sliceAxis,
  type Tensor,
} from '../tape/index.ts';
import { requireRanges } from './ranges.ts';

/** Size and rows of a replay buffer. */
export interface ReplayOptions {
  /** Transitions kept; the oldest give way. At most 2^24. */
  readonly capacity: number;
  /** Numbers of an observation. */
  readonly observations: number;
  /** Coordinates of an action; the number of actions when they are discrete (one-hot). */
  readonly actions: number;
  /**
   * Actions lie in the box [−1, 1], as a learner writes them; one beyond is refused. `false` for a learner of one's own whose
   * actions have other units; true when absent.
   */
  readonly boxed?: boolean;
  /** Policy outputs remembered with each transition, for estimators that sample the behaviour policy; 0, for none, when absent. */
  readonly behaviour?: number;
}

/** What a replay buffer holds. */
export interface ReplayContents {
  /** [held, width] rows in the order of the ring's storage. */
  readonly rows: Float32Array;
  /** Row that the next transition takes. */
  readonly next: number;
}

/** Elements of a replay buffer that are read or written at once: 16 MiB. */
const PIECE = 2 ** 22;

/** One step of an environment. */
export interface StoredTransition {
  /** [observations] what the action answered. */
  readonly observation: ArrayLike<number>;
  /** [actions] */
  readonly action: ArrayLike<number>;
  /** Of this step, finite. */
  readonly reward: number;
  /** The episode ended for good: no bootstrap. A time limit is not a termination. */
  readonly terminated: boolean;
  /** [observations] what came of it; the last of its episode where one ended. */
  readonly nextObservation: ArrayLike<number>;
  /** [behaviour] outputs of the policy at the observation when the action was taken. */
  readonly behaviour?: ArrayLike<number>;
}

/** Transitions drawn on the device, as views of one buffer `rows` [batch, width]. */
export interface TransitionBatch {
  /** [batch, width] all of it. */
  readonly rows: Tensor;
  /** Of `rows`. */
  readonly rewardColumn: number;
  /** Of `rows`. */
  readonly terminatedColumn: number;
  /** [batch, observations] */
  readonly states: Tensor;
  /** [batch, actions] */
  readonly actions: Tensor;
  /** [batch] */
  readonly rewards: Tensor;
  /** [batch] 1 or 0 */
  readonly terminated: Tensor;
  /** [batch, observations] */
  readonly nextStates: Tensor;
  /** [batch, behaviour] */
  readonly behaviour?: Tensor;
}

interface SampleAttributes {
  readonly batch: number;
  readonly draw: number;
}

/** Inputs: storage [capacity, width], fill [1] u32, clock. Output: rows [batch, width]. */
const replaySampleOp: Op<SampleAttributes> = {
  name: 'replaySample',
  words: [1, 2],
  infer: ([storage], { batch }) => [{ shape: [batch, storage.shape[1]], dtype: 'f32' }],
  call: ({ node, attributes: { batch, draw } }) =>
    callOf(
      kernel,
      { storage: inputAt(0), fill: inputAt(1), clock: inputAt(2), y: outputAt(0) },
      { batch, width: node.inputs[0].shape[1], draw },
    ),
};

const NOTHING: ArrayLike<number> = [];

/**
 * A ring of transitions that lives on the device: adding one is a small write, drawing a batch is a kernel, and
 * neither reads anything back. Rows: observation, action, reward, terminated, next observation, behaviour.
 */
export class ReplayBuffer {
  readonly storage: State;
  /** Number of transitions held, as the kernels read it. */
  readonly fill: State;
  private readonly width: number;
  /** Where `add` puts a transition and the number held together; `device.write` copies them at once. */
  private readonly row: Float32Array<ArrayBuffer>;
  private readonly count = new Uint32Array(1);
  private next = 0;
  private held = 0;
  /** The number held as a device has it, beside the transitions: another one's, or what was freed, holds none. */
  private home: DeviceBuffer | undefined;

  constructor(readonly options: ReplayOptions) {
    requireOptions('ReplayBuffer', options, 'capacity', 'observations', 'actions');
    const { capacity, observations, actions, behaviour = 0 } = options;
    requireRanges('ReplayBuffer', { capacity, observations, actions, behaviour });
    this.width = 2 * observations + actions + 2 + behaviour;
    this.row = new Float32Array(this.width);
    this.storage = new State('replay', [capacity, this.width]);
    this.fill = new State('replay.fill', [1], new Uint32Array(1));
    this.fill.guard = (memory) => {
      if (this.held > 0) return this.requireHome(memory);
      throw new UsageError('The update cannot run: it draws from a replay buffer that holds no transition.', {
        hint: 'Add one first.',
      });
    };
  }

  /** Transitions held. */
  get size(): number {
    return this.held;
  }

  /** The transitions held and where the next one goes, for checkpoints. Only what is held is read. */
  async save(device: Device): Promise<ReplayContents> {
    const { held, next, width } = this;
    if (held > 0) this.requireHome(device.bufferOf(this.fill));
    const rows = new Float32Array(held * width);
    // In pieces, so that a readback of a large buffer needs no second one of its size.
    const piece = Math.max(1, Math.floor(PIECE / width)) * width;
    for (let at = 0; at < rows.length; at += piece) {
      rows.set(await device.read(this.storage, at, Math.min(piece, rows.length - at)), at);
    }
    return { rows, next };
  }

  /** @throws DataError when the contents do not fit this buffer, NumericsError when a value is not finite */
  restore(device: Device, { rows, next }: ReplayContents): void {
    const { capacity } = this.options;
    const held = rows.length / this.width;
    // Until the ring is full, the next row is the first that is free.
    const fits =
      Number.isInteger(held) &&
      held <= capacity &&
      (held === capacity ? Number.isInteger(next) && next >= 0 && next < capacity : next === held);
    if (!fits) {
      throw new DataError(
        `${rows.length} values with the next row at ${next} do not fit a replay buffer of ${capacity} rows of ${this.width}.`,
      );
    }
    for (let at = 0; at < rows.length; at += PIECE)
      device.write(this.storage, rows.subarray(at, at + PIECE), at);
    device.write(this.fill, Uint32Array.of(held));
    this.home = device.bufferOf(this.fill);
    this.next = next;
    this.held = held;
  }

  /**
   * Stores one transition, over the oldest when full.
   * @throws ShapeError when a part has the wrong length, NumericsError when one is not finite, UsageError for an action outside
   * the box, or on another device
   * than the others were stored on, or where these were freed
   */
  add(device: Device, transition: StoredTransition): void {
    const { capacity, observations, actions, behaviour = 0 } = this.options;
    const { row } = this;
    const home = device.bufferOf(this.fill);
    if (this.held > 0) this.requireHome(home);
    const next = observations + actions + 2;
    this.put('observation', transition.observation, 0, observations);
    this.put('action', transition.action, observations, actions);
    if (this.options.boxed !== false) this.requireBoxed(transition.action);
    this.hold('reward', transition.reward, next - 2);
    if (typeof transition.terminated !== 'boolean')
      throw new UsageError(
        `A transition's terminated is ${quoted(transition.terminated)}; it must be true or false.`,
        {
          hint: 'An episode that ended by itself is terminated; one that was cut off by a time limit is not.',
        },
      );
    row[next - 1] = transition.terminated ? 1 : 0;
    this.put('next observation', transition.nextObservation, next, observations);
    this.put('behaviour', transition.behaviour ?? NOTHING, next + observations, behaviour);
    device.write(this.storage, row, this.next * this.width);
    this.next = (this.next + 1) % capacity;
    this.held = Math.min(capacity, this.held + 1);
    this.count[0] = this.held;
    device.write(this.fill, this.count);
    this.home = home;
  }

  private requireHome(memory: object): void {
    if (memory === this.home) return;
    throw new UsageError(
      `The replay buffer's ${this.held} transitions are in other memory: on another device, or freed since.`,
      { hint: 'Use it on the device that they were added on, or `restore` what was saved.' },
    );
  }

  private requireBoxed(action: ArrayLike<number>): void {
    for (let i = 0; i < action.length; i++)
      if (action[i] > 1 || action[i] < -1)
        throw new UsageError(`A transition's action is ${action[i]} at ${i}, outside the box [−1, 1].`, {
          hint: "Store the learner's action, not the environment's; or make the buffer with boxed: false.",
        });
  }

  private put(name: string, values: ArrayLike<number>, at: number, count: number): void {
    if (values.length !== count)
      throw new ShapeError(`A transition's ${name} has ${count} values here; got ${values.length}.`);
    for (let i = 0; i < count; i++) this.hold(name, values[i], at + i, i);
  }

  private hold(name: string, value: number, at: number, i?: number): void {
    this.row[at] = value;
    if (typeof value === 'number' && Number.isFinite(this.row[at])) return;
    const where = i === undefined ? '' : ` at ${i}`;
    throw new NumericsError(`A transition's ${name} is ${value}${where}, which float32 does not hold.`, {
      hint: 'Transitions are finite numbers.',
    });
  }

  /**
   * Records the drawing of a batch, with replacement, anew at every update.
   *
   * @throws UsageError for a batch out of range; a run does so while the buffer is empty
   */
  sample(batch: number): TransitionBatch {
    requireRanges('ReplayBuffer', { batch });
    const { observations, actions, behaviour = 0 } = this.options;
    const recording = currentRecording();
    const inputs = [read(this.storage), read(this.fill), recording.clock()];
    const rows = record(replaySampleOp, inputs, { batch, draw: recording.nextDraw() });
    const rewardColumn = observations + actions;
    const columns = (from: number, count: number) => sliceAxis(rows, 1, from, from + count);
    const next = rewardColumn + 2;
    return {
      rows,
      rewardColumn,
      terminatedColumn: rewardColumn + 1,
      states: columns(0, observations),
      actions: columns(observations, actions),
      rewards: reshape(columns(rewardColumn, 1), [batch]),
      terminated: reshape(columns(rewardColumn + 1, 1), [batch]),
      nextStates: columns(next, observations),
      ...(behaviour > 0 ? { behaviour: columns(next + observations, behaviour) } : {}),
    };
  }
}
