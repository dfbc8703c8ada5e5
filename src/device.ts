import type { Backend, DeviceBuffer, Executable, Values } from './backend/backend.ts';
import { NumericsError, ShapeError, UsageError, unknownName } from './errors.ts';
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
  type Tensor,
} from './tape/index.ts';

export interface CompileOptions extends Partial<Omit<RecordingOptions, 'fusedWidth'>> {
  /** Seeds the program's own clock; ignored when a clock is given. */
  readonly seed?: number;
  /** A clock shared with other programs, so that their random draws and optimisers advance together. */
  readonly clock?: State;
}

/** What a recording function gets. */
export interface Recorder {
  /** Declares a named input. */
  input(name: string, shape: readonly number[]): Tensor;
}

/** A backend with the states that live on it. Programs compiled on one device share their states. */
export class Device {
  private readonly buffers = new Map<State, DeviceBuffer>();
  private readonly updates = new Set<Update>();

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
      options.clock ?? clockState(options.seed ?? 0),
    );
    recordInto(recording, () => {
      for (const [name, tensor] of Object.entries(body({ input }))) recording.outputs.set(name, tensor);
      recording.finish();
    });
    return lower(recording);
  }

  /** Makes a lowered program ready to run. @throws BackendError when the device refuses it */
  async load(program: Program): Promise<Update> {
    const slots = program.slots.map((count, i) => this.backend.allocate(count, 'f32', `slot ${i}`));
    const owned: DeviceBuffer[] = [...slots];
    const bound = program.buffers.map((buffer): DeviceBuffer => {
      if (buffer.kind === 'state') return this.bufferOf(buffer.state);
      // Temporaries of bits share nothing: a slot has one element type on the CPU.
      if (buffer.kind === 'temporary' && buffer.dtype === 'f32') return slots[buffer.slot];
      const own = this.backend.allocate(buffer.count, buffer.dtype, buffer.name);
      owned.push(own);
      if (buffer.kind === 'literal') this.backend.write(own, buffer.values);
      return own;
    });
    const executable = await this.backend.load(program, bound);
    const update = new Update(program, this.backend, executable, bound, () => {
      for (const buffer of owned) this.backend.free(buffer);
      this.updates.delete(update);
    });
    this.updates.add(update);
    return update;
  }

  /** Current values of a state, or `count` of them from element `offset` on, row-major. Waits for the work enqueued. */
  async read(state: State, offset = 0, count = Math.max(1, state.size) - offset): Promise<Values> {
    return this.backend.read(this.bufferOf(state), offset, count);
  }

  /**
   * Overwrites a state, or part of it from element `offset` on.
   * @throws ShapeError when the values do not fit, NumericsError when one is NaN or infinite
   */
  write(state: State, values: Values, offset = 0): void {
    if (offset < 0 || offset + values.length > state.size) {
      throw new ShapeError(
        `State '${state.name}' has ${state.size} elements; cannot write ${values.length} at ${offset}.`,
      );
    }
    requireFinite(values, `state '${state.name}'`);
    this.backend.write(this.bufferOf(state), values, offset);
  }

  /** The device memory of a state, allocated and filled with its initial values at first use. */
  bufferOf(state: State): DeviceBuffer {
    const known = this.buffers.get(state);
    if (known) return known;
    const buffer = this.backend.allocate(Math.max(1, state.size), state.dtype, state.name);
    if (state.initial) this.backend.write(buffer, state.initial);
    this.buffers.set(state, buffer);
    return buffer;
  }

  /** Releases the device memory of a state; it starts from its initial values if used again. */
  free(state: State): void {
    const buffer = this.buffers.get(state);
    if (buffer) this.backend.free(buffer);
    this.buffers.delete(state);
  }

  /** Ends all programs and the backend. */
  async dispose(): Promise<void> {
    for (const update of [...this.updates]) update.dispose();
    await this.backend.dispose();
  }
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

  constructor(
    readonly program: Program,
    private readonly backend: Backend,
    private readonly executable: Executable,
    private readonly buffers: readonly DeviceBuffer[],
    private readonly release: () => void,
  ) {}

  /**
   * Writes named inputs, row-major.
   * @throws UsageError for a name the program lacks, ShapeError for a wrong length, NumericsError for NaN or infinity
   */
  write(inputs: Readonly<Record<string, ArrayLike<number>>>): void {
    for (const [name, values] of Object.entries(inputs)) {
      const port = this.program.inputs.get(name);
      if (!port) throw unknownName('input', name, [...this.program.inputs.keys()]);
      if (values.length !== sizeOf(port.shape)) {
        throw new ShapeError(
          `Input '${name}' has shape ${formatShape(port.shape)} (${sizeOf(port.shape)} values); got ${values.length}.`,
        );
      }
      requireFinite(values, `input '${name}'`);
      const typed =
        values instanceof Float32Array || values instanceof Float64Array ? values : Float64Array.from(values);
      this.backend.write(this.buffers[port.buffer], typed);
    }
  }

  /** Enqueues `times` updates. On WebGPU this is one submit, and nothing is read back. */
  run(times = 1): void {
    if (!Number.isInteger(times) || times < 0)
      throw new UsageError(`run(${times}): the number of updates must be a whole number from 0.`);
    if (times === 0) return;
    this.ran = true;
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
    this.ran = true;
    return this.executable.timeSteps(updates);
  }

  /** Values of a named output as the last run left them, row-major. @throws UsageError before the first run */
  async read(name: string): Promise<Values> {
    const port = this.program.outputs.get(name);
    if (!port) throw unknownName('output', name, [...this.program.outputs.keys()]);
    if (!this.ran) throw new UsageError(`Output '${name}' has no value yet: run the update first.`);
    return this.backend.read(this.buffers[port.buffer], 0, Math.max(1, sizeOf(port.shape)));
  }

  /** A scalar output. */
  async readScalar(name: string): Promise<number> {
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
    return new Update(program, this.backend, executable, this.buffers, () => undefined);
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
    this.ran = true;
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
    this.executable.dispose();
    this.release();
  }
}

function requireFinite(values: ArrayLike<number>, what: string): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]))
      throw new NumericsError(`${what} holds ${values[i]} at element ${i}.`, {
        hint: 'Inputs must be finite.',
      });
  }
}

const definedOnly = (options: CompileOptions): Partial<RecordingOptions> => ({
  ...(options.mlp === undefined ? {} : { mlp: options.mlp }),
  ...(options.joinedBindings === undefined ? {} : { joinedBindings: options.joinedBindings }),
  ...(options.joinedPasses === undefined ? {} : { joinedPasses: options.joinedPasses }),
  ...(options.halfHidden === undefined ? {} : { halfHidden: options.halfHidden }),
});
