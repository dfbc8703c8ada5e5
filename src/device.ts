import type { Backend, DeviceBuffer, Executable, Values } from './backend/backend.ts';
import { requireLoadable, requireStorable } from './backend/loadable.ts';
import { gone } from './backend/owning.ts';
import { ShapeError, UsageError } from './errors.ts';
import { sizeOf } from './math/shape.ts';
import { lower } from './program/lower.ts';
import type { Stage } from './program/passes/pass.ts';
import type { Program, ProgramBuffer } from './program/program.ts';
import {
  clockState,
  input,
  Recording,
  type RecordingOptions,
  recordInto,
  type State,
  Tensor,
} from './tape/index.ts';
import { Update } from './update.ts';

export { type TracedStep, Update } from './update.ts';

/** How a program is recorded. */
export interface CompileOptions extends Partial<Omit<RecordingOptions, 'fusedWidth'>> {
  /** Seeds the program's own clock; ignored when a clock is given. 0 when absent. */
  readonly seed?: number;
  /** A clock shared with other programs, so that their random draws and optimisers advance together; one of its own when absent. */
  readonly clock?: State;
}

/** What a recording function gets. */
export interface Recorder {
  /** Declares a named input, written before a run unless it has an initial value. */
  input(name: string, shape: readonly number[], initial?: number): Tensor;
}

/** A backend with the states that live on it. Programs compiled on one device share their states. */
export class Device {
  private readonly buffers = new Map<State, DeviceBuffer>();
  private readonly updates = new Set<Update>();
  /** Programs that are loaded or being loaded. */
  private readonly loads = new Set<{ readonly program: Program }>();
  private ending: Promise<void> | undefined;
  /** Whether the backend has ended, and all memory with it. */
  private closed = false;

  constructor(readonly backend: Backend) {}

  /**
   * Records `body` once, lowers it and makes it ready to run.
   *
   * @param body declares inputs, records operations and returns the named outputs
   * @throws ShapeError, UsageError while recording; BackendError when the device refuses the program
   */
  async compile(
    body: (recorder: Recorder) => Readonly<Record<string, Tensor>>,
    options: CompileOptions = {},
  ): Promise<Update> {
    return this.load(this.lower(body, options));
  }

  /** The program of {@link compile}, which other devices may load too. */
  lower(
    body: (recorder: Recorder) => Readonly<Record<string, Tensor>>,
    options: CompileOptions = {},
  ): Program {
    return lower(this.record(body, options));
  }

  /** As `lower`: the program after each pass, for people who want to see what the passes do. */
  explain(
    body: (recorder: Recorder) => Readonly<Record<string, Tensor>>,
    options: CompileOptions = {},
  ): Stage[] {
    const stages: Stage[] = [];
    lower(this.record(body, options), (stage) => stages.push(stage));
    return stages;
  }

  private record(
    body: (recorder: Recorder) => Readonly<Record<string, Tensor>>,
    options: CompileOptions,
  ): Recording {
    if (options.halfHidden && this.backend.preferences.halfHidden === undefined) {
      throw new UsageError(
        `Hidden layers are stored as float16 on webgpu only; this is ${this.backend.name}.`,
        {
          hint: 'Leave `halfHidden` out, or open webgpu.',
        },
      );
    }
    const recording = new Recording(
      { ...this.backend.preferences, ...definedOnly(options) },
      options.clock ?? ownClock(options.seed ?? 0),
    );
    recordInto(recording, () => {
      for (const [name, tensor] of namedOutputs(body({ input })))
        recording.outputs.set(name, recording.own(tensor, `output '${name}'`));
      recording.finish();
    });
    return recording;
  }

  /** Makes a lowered program ready to run. @throws BackendError when the device refuses it */
  async load(program: Program): Promise<Update> {
    const owned: DeviceBuffer[] = [];
    const take = (count: number, dtype: 'f32' | 'u32', label: string): DeviceBuffer => {
      const buffer = this.backend.allocate(count, dtype, label);
      owned.push(buffer);
      return buffer;
    };
    const release = () => {
      for (const buffer of owned.splice(0)) if (!this.closed) this.backend.free(buffer);
      this.loads.delete(load);
    };
    const fresh = program.states.filter((state) => !this.buffers.has(state));
    const load = { program };
    this.requireOpen();
    requireLoadable(program, this.backend);
    this.backend.requireRoom?.([
      ...program.slots.map(({ count }, i) => ({ count, label: slotName(i) })),
      ...program.buffers.filter(takesRoom(fresh)).map(({ count, name }) => ({ count, label: name })),
    ]);
    this.loads.add(load);
    let executable: Executable | undefined;
    try {
      const slots = program.slots.map(({ count, dtype }, i) => take(count, dtype, slotName(i)));
      const bound = program.buffers.map((buffer): DeviceBuffer => {
        if (buffer.kind === 'state') return this.bufferOf(buffer.state);
        if (buffer.kind === 'temporary') return slots[buffer.slot];
        const own = take(buffer.count, buffer.dtype, buffer.name);
        if (buffer.kind === 'literal') this.backend.write(own, buffer.values);
        return own;
      });
      executable = await this.backend.load(program, bound);
      this.requireOpen();
      const update = new Update({
        program,
        backend: this.backend,
        executable,
        buffers: bound,
        requireOpen: () => this.requireOpen(),
        release: () => {
          release();
          this.updates.delete(update);
          // Nobody else can: the caller has never seen it.
          for (const state of program.states)
            if (ownClocks.has(state) && !this.userOf(state)) this.free(state);
        },
      });
      for (const [name, { shape, initial }] of program.inputs)
        if (initial !== undefined) update.write({ [name]: new Float64Array(sizeOf(shape)).fill(initial) });
      this.updates.add(update);
      return update;
    } catch (problem) {
      // What was allocated for this program alone, states included.
      executable?.dispose();
      release();
      for (const state of fresh) if (!this.userOf(state)) this.free(state);
      throw problem;
    }
  }

  /** Current values of a state, or `count` of them from element `offset` on, row-major. Waits for the work enqueued. */
  async read(state: State, offset = 0, count = state.size - offset): Promise<Values> {
    requireRange(state, offset, count, 'read');
    const fresh = !this.buffers.has(state);
    const buffer = this.bufferOf(state);
    try {
      return await this.backend.read(buffer, offset, count);
    } catch (problem) {
      // Memory that it could not have.
      if (fresh && this.buffers.get(state) === buffer && !this.userOf(state)) this.free(state);
      throw problem;
    }
  }

  /**
   * Overwrites a state, or part of it from element `offset` on.
   * @throws ShapeError when the values do not fit, NumericsError when one is NaN or infinite, or cannot be stored
   */
  write(state: State, values: Values, offset = 0): void {
    if (typeof values?.length !== 'number')
      throw new UsageError(`State '${state.name}' must be written an array of numbers; got ${values}.`);
    requireRange(state, offset, values.length, 'write');
    requireStorable(values, `state '${state.name}'`, this.backend, state.dtype);
    this.backend.write(this.bufferOf(state), values, offset);
  }

  /**
   * The device memory of a state, allocated and filled with its initial values at first use.
   * @throws NumericsError when one of these is NaN or infinite
   */
  bufferOf(state: State): DeviceBuffer {
    this.requireOpen();
    const known = this.buffers.get(state);
    if (known) return known;
    if (state.initial)
      requireStorable(state.initial, `the initial value of state '${state.name}'`, this.backend, state.dtype);
    const buffer = this.backend.allocate(state.size, state.dtype, state.name);
    try {
      if (state.initial) this.backend.write(buffer, state.initial);
    } catch (problem) {
      this.backend.free(buffer);
      throw problem;
    }
    this.buffers.set(state, buffer);
    return buffer;
  }

  /**
   * Releases the device memory of a state; it starts from its initial values if used again.
   * @throws UsageError while a program uses it
   */
  free(state: State): void {
    const user = this.userOf(state);
    if (user)
      throw new UsageError(`State '${state.name}' cannot be freed: a program still uses it.`, {
        hint: `Dispose of the update with the outputs ${[...user.outputs.keys()].join(', ') || '(none)'} first.`,
      });
    const buffer = this.buffers.get(state);
    if (buffer && !this.closed) this.backend.free(buffer);
    this.buffers.delete(state);
  }

  /** Ends all programs and the backend; called again, it waits for the same end. */
  dispose(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  private async end(): Promise<void> {
    for (const update of [...this.updates]) update.dispose();
    this.closed = true;
    await this.backend.dispose();
  }

  private userOf(state: State): Program | undefined {
    return [...this.loads].find(({ program }) => program.states.includes(state))?.program;
  }

  private requireOpen(): void {
    if (this.ending) throw gone('device');
  }
}

const slotName = (i: number): string => `slot ${i}`;

/** Whether a buffer is made for its program: those of states that are there already are not, nor are those in slots. */
const takesRoom =
  (fresh: readonly State[]) =>
  (buffer: ProgramBuffer): boolean =>
    buffer.kind === 'state' ? fresh.includes(buffer.state) : buffer.kind !== 'temporary';

/** Clocks of programs that were given none; they end with the last use of their program on a device. */
const ownClocks = new WeakSet<State>();

function ownClock(seed: number): State {
  const clock = clockState(seed, 'clock', 'plain');
  ownClocks.add(clock);
  return clock;
}

/** @throws UsageError unless a recording function returned tensors by name */
function namedOutputs(returned: unknown): [name: string, tensor: Tensor][] {
  const refuse = (what: string, hint: string) =>
    new UsageError(`The function given to compile returned ${what}.`, { hint });
  if (typeof (returned as PromiseLike<unknown> | null)?.then === 'function')
    throw refuse('a promise', 'Recording is synchronous: do not make it async, and await data before it.');
  if (
    typeof returned !== 'object' ||
    returned === null ||
    returned instanceof Tensor ||
    Array.isArray(returned)
  )
    throw refuse(
      returned instanceof Tensor
        ? `the tensor ${returned}`
        : Array.isArray(returned)
          ? 'an array'
          : `${returned}`,
      'Return an object of tensors by name, such as { loss }; {} where there are none.',
    );
  return Object.entries(returned).map(([name, tensor]) => {
    if (tensor instanceof Tensor) return [name, tensor];
    throw refuse(`${tensor} as output '${name}'`, 'Every output must be a tensor of this recording.');
  });
}

/** @throws ShapeError unless these elements are inside the state */
function requireRange(state: State, offset: number, count: number, verb: string): void {
  if (
    Number.isInteger(offset) &&
    Number.isInteger(count) &&
    offset >= 0 &&
    count >= 0 &&
    offset + count <= state.size
  )
    return;
  throw new ShapeError(
    `State '${state.name}' has ${state.size} elements; cannot ${verb} ${count} at ${offset}.`,
  );
}

const definedOnly = (options: CompileOptions): Partial<RecordingOptions> => ({
  ...(options.mlp === undefined ? {} : { mlp: options.mlp }),
  ...(options.joinedBindings === undefined ? {} : { joinedBindings: options.joinedBindings }),
  ...(options.halfHidden === undefined ? {} : { halfHidden: options.halfHidden }),
});
