import type { Backend, DeviceBuffer, Executable, Values } from './backend/backend.ts';
import { BackendError, NumericsError, ShapeError, UsageError, unknownName } from './errors.ts';
import { formatShape, sizeOf } from './math/shape.ts';
import { clockBuffer, type Fault, faultOf } from './program/fault.ts';
import { lower } from './program/lower.ts';
import { accesses, Program, type Step } from './program/program.ts';
import {
  clockState,
  input,
  Recording,
  type RecordingOptions,
  recordInto,
  type State,
  Tensor,
} from './tape/index.ts';

export interface CompileOptions extends Partial<Omit<RecordingOptions, 'fusedWidth'>> {
  /** Seeds the program's own clock; ignored when a clock is given. */
  readonly seed?: number;
  /** A clock shared with other programs, so that their random draws and optimisers advance together. */
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
  private disposed = false;

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
      options.clock ?? clockState(options.seed ?? 0, 'clock', 'plain'),
    );
    recordInto(recording, () => {
      for (const [name, tensor] of namedOutputs(body({ input })))
        recording.outputs.set(name, recording.own(tensor, `output '${name}'`));
      recording.finish();
    });
    return lower(recording);
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
      for (const buffer of owned.splice(0)) this.backend.free(buffer);
      this.loads.delete(load);
    };
    const fresh = program.states.filter((state) => !this.buffers.has(state));
    const load = { program };
    this.requireOpen();
    this.loads.add(load);
    try {
      const slots = program.slots.map((count, i) => take(count, 'f32', `slot ${i}`));
      const bound = program.buffers.map((buffer): DeviceBuffer => {
        if (buffer.kind === 'state') return this.bufferOf(buffer.state);
        // Temporaries of bits share nothing: a slot has one element type on the CPU.
        if (buffer.kind === 'temporary' && buffer.dtype === 'f32') return slots[buffer.slot];
        const own = take(buffer.count, buffer.dtype, buffer.name);
        if (buffer.kind === 'literal') this.backend.write(own, buffer.values);
        return own;
      });
      const executable = await this.backend.load(program, bound);
      const update = new Update(program, this.backend, executable, bound, () => {
        release();
        this.updates.delete(update);
      });
      for (const [name, { shape, initial }] of program.inputs)
        if (initial !== undefined) update.write({ [name]: new Float64Array(sizeOf(shape)).fill(initial) });
      this.updates.add(update);
      return update;
    } catch (problem) {
      // What was allocated for this program alone, states included.
      release();
      for (const state of fresh) if (!this.userOf(state)) this.free(state);
      throw problem;
    }
  }

  /** Current values of a state, or `count` of them from element `offset` on, row-major. Waits for the work enqueued. */
  async read(state: State, offset = 0, count = state.size - offset): Promise<Values> {
    requireRange(state, offset, count, 'read');
    return this.backend.read(this.bufferOf(state), offset, count);
  }

  /**
   * Overwrites a state, or part of it from element `offset` on.
   * @throws ShapeError when the values do not fit, NumericsError when one is NaN or infinite
   */
  write(state: State, values: Values, offset = 0): void {
    if (typeof values?.length !== 'number')
      throw new UsageError(`State '${state.name}' must be written an array of numbers; got ${values}.`);
    requireRange(state, offset, values.length, 'write');
    requireFinite(values, `state '${state.name}'`, this.backend);
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
      requireFinite(state.initial, `the initial value of state '${state.name}'`, this.backend);
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
    if (buffer) this.backend.free(buffer);
    this.buffers.delete(state);
  }

  /** Ends all programs and the backend. */
  async dispose(): Promise<void> {
    this.disposed = true;
    for (const update of [...this.updates]) update.dispose();
    await this.backend.dispose();
  }

  private userOf(state: State): Program | undefined {
    return [...this.loads].find(({ program }) => program.states.includes(state))?.program;
  }

  private requireOpen(): void {
    if (this.disposed) throw new BackendError('The device was disposed of.');
  }
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

/** A step of a program with the buffers it has read, as they were before, and written, by name. */
export interface TracedStep {
  readonly index: number;
  readonly step: Step;
  readonly read: ReadonlyMap<string, Values>;
  readonly written: ReadonlyMap<string, Values>;
}

/** A compiled program: write its inputs, run it any number of times, read its outputs. */
export class Update {
  private ran = false;
  private disposed = false;
  private readonly guarded: readonly State[];

  constructor(
    readonly program: Program,
    private readonly backend: Backend,
    private readonly executable: Executable,
    private readonly buffers: readonly DeviceBuffer[],
    private readonly release: () => void,
    /** Inputs that the program reads and that have no values yet. */
    private readonly unwritten = inputsRead(program),
  ) {
    this.guarded = program.states.filter((state) => state.guard);
  }

  /**
   * Writes named inputs, row-major.
   * @throws UsageError for a name the program lacks or for what is no list of numbers, ShapeError for a wrong length, NumericsError for NaN or infinity
   */
  write(inputs: Readonly<Record<string, ArrayLike<number>>>): void {
    this.requireLoaded();
    for (const [name, values] of Object.entries(inputs)) {
      const port = this.program.inputs.get(name);
      if (!port) throw unknownName('input', name, [...this.program.inputs.keys()]);
      if (typeof values?.length !== 'number')
        throw new UsageError(`Input '${name}' must be an array of numbers; got ${values}.`);
      if (values.length !== sizeOf(port.shape)) {
        throw new ShapeError(
          `Input '${name}' has shape ${formatShape(port.shape)} (${sizeOf(port.shape)} values); got ${values.length}.`,
        );
      }
      requireFinite(values, `input '${name}'`, this.backend);
      const typed =
        values instanceof Float32Array || values instanceof Float64Array ? values : Float64Array.from(values);
      this.backend.write(this.buffers[port.buffer], typed);
      this.unwritten.delete(name);
    }
  }

  /**
   * Enqueues `times` updates. On WebGPU this is one submit, and nothing is read back.
   * @throws UsageError while an input has no values
   */
  run(times = 1): void {
    if (!Number.isInteger(times) || times < 0)
      throw new UsageError(`run(${times}): the number of updates must be a whole number from 0.`);
    if (times === 0) return;
    this.begin();
    this.executable.run(times);
  }

  /**
   * Runs some updates and gives the mean time of each of the program's steps in milliseconds by the device's own clock
   * (WebGPU's timestamp queries); undefined where it has none. It reads back after every update.
   * @throws UsageError for fewer than one update
   */
  async timeSteps(updates = 16): Promise<number[] | undefined> {
    if (!Number.isInteger(updates) || updates < 1)
      throw new UsageError(`timeSteps(${updates}): the number of updates must be a whole number from 1.`);
    if (!this.executable.timeSteps) return undefined;
    this.begin();
    return this.executable.timeSteps(updates);
  }

  /** Values of a named output as the last run left them, row-major. @throws UsageError before the first run */
  async read(name: string): Promise<Values> {
    this.requireLoaded();
    const port = this.program.outputs.get(name);
    if (!port) throw unknownName('output', name, [...this.program.outputs.keys()]);
    if (!this.ran) throw new UsageError(`Output '${name}' has no value yet: run the update first.`);
    return this.backend.read(this.buffers[port.buffer], 0, sizeOf(port.shape));
  }

  /** An output of one element. @throws ShapeError when it has several */
  async readScalar(name: string): Promise<number> {
    const port = this.program.outputs.get(name);
    if (port && sizeOf(port.shape) !== 1)
      throw new ShapeError(`Output '${name}' has shape ${formatShape(port.shape)}; it is no scalar.`);
    return (await this.read(name))[0];
  }

  /**
   * Where an update first met NaN or infinity: in a scalar output, a gradient or a parameter. Every update looks, at
   * the end of each optimiser step and of its own; this reads what was noted. Undefined while all was finite, and for
   * programs that neither draw nor optimise.
   */
  async fault(): Promise<Fault | undefined> {
    const clock = clockBuffer(this.program);
    return clock === undefined
      ? undefined
      : faultOf(this.program, await this.backend.read(this.buffers[clock]));
  }

  /**
   * Some of the steps as an update of their own on the same memory, to time or inspect them. Dispose of it before
   * this update.
   */
  async section(keep: (step: Step, index: number) => boolean): Promise<Update> {
    const { steps, buffers, slots, inputs, outputs, states } = this.program;
    const program = new Program(steps.filter(keep), buffers, slots, inputs, outputs, states);
    const executable = await this.backend.load(program, this.buffers);
    return new Update(program, this.backend, executable, this.buffers, () => undefined, this.unwritten);
  }

  /** Runs one update step by step, each with what it has read and written: slow, to look for a fault. */
  async *trace(): AsyncGenerator<TracedStep> {
    const { buffers } = this.program;
    for await (const { index, step, before, after } of this.stepwise()) {
      const { read } = accesses(step);
      const named = (values: ReadonlyMap<number, Values>) =>
        new Map([...values].map(([buffer, held]) => [buffers[buffer].name, held]));
      const seen = new Map([...before].filter(([buffer]) => read.includes(buffer)));
      yield { index, step, read: named(seen), written: named(after) };
    }
  }

  /**
   * Runs one update step by step.
   *
   * @returns each step with all buffers that it touches as they were before, and those that it writes as they are after,
   * by their number in the program
   */
  async *stepwise(): AsyncGenerator<{
    readonly index: number;
    readonly step: Step;
    readonly before: ReadonlyMap<number, Values>;
    readonly after: ReadonlyMap<number, Values>;
  }> {
    this.begin();
    for (const [index, step] of this.program.steps.entries()) {
      const { read, written } = accesses(step);
      const before = await this.contents([...new Set([...read, ...written])]);
      const single = await this.section((_, i) => i === index);
      single.run();
      const after = await this.contents(written);
      single.executable.dispose();
      yield { index, step, before, after };
    }
  }

  private begin(): void {
    this.requireLoaded();
    if (this.unwritten.size > 0) {
      const names = [...this.unwritten].map((name) => `'${name}'`).join(', ');
      throw new UsageError(`The update cannot run: nothing was written to ${names}.`, {
        hint: 'Write every input first, or declare it with an initial value.',
      });
    }
    for (let i = 0; i < this.guarded.length; i++) this.guarded[i].guard?.();
    this.ran = true;
  }

  private async contents(buffers: readonly number[]): Promise<Map<number, Values>> {
    const contents = new Map<number, Values>();
    for (const buffer of buffers) {
      contents.set(
        buffer,
        await this.backend.read(this.buffers[buffer], 0, this.program.buffers[buffer].count),
      );
    }
    return contents;
  }

  toString(): string {
    return this.program.toString();
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.executable.dispose();
    this.release();
  }

  private requireLoaded(): void {
    if (this.disposed) throw new BackendError('The program was disposed of.');
  }
}

function inputsRead({ inputs, outputs, steps }: Program): Set<string> {
  const buffers = new Set([
    ...steps.flatMap((step) => accesses(step).read),
    ...[...outputs.values()].map(({ buffer }) => buffer),
  ]);
  return new Set([...inputs].flatMap(([name, { buffer }]) => (buffers.has(buffer) ? [name] : [])));
}

/** @throws NumericsError unless all values are finite as the backend stores them: 1e39 is not, in float32 */
function requireFinite(values: ArrayLike<number>, what: string, { information }: Backend): void {
  const stored = information.precision === 'f64' ? (x: number) => x : Math.fround;
  for (let i = 0; i < values.length; i++) {
    const known = typeof values[i] === 'number';
    if (known && Number.isFinite(stored(values[i]))) continue;
    const beyond = known && Number.isFinite(values[i]) ? `, beyond float32 (${Math.fround(values[i])})` : '';
    throw new NumericsError(`${what} holds ${values[i]} at element ${i}${beyond}.`, {
      hint: 'Inputs must be finite. To mask a choice, write 1 and 0 and record where(mask, logits, -Infinity).',
    });
  }
}

const definedOnly = (options: CompileOptions): Partial<RecordingOptions> => ({
  ...(options.mlp === undefined ? {} : { mlp: options.mlp }),
  ...(options.joinedBindings === undefined ? {} : { joinedBindings: options.joinedBindings }),
  ...(options.joinedPasses === undefined ? {} : { joinedPasses: options.joinedPasses }),
  ...(options.halfHidden === undefined ? {} : { halfHidden: options.halfHidden }),
});
