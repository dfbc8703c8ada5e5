import type { Backend, DeviceBuffer, Executable, Values } from './backend/backend.ts';
import { requireStorable } from './backend/loadable.ts';
import { gone } from './backend/owning.ts';
import { ShapeError, UsageError, unknownName } from './errors.ts';
import { formatShape, sizeOf } from './math/shape.ts';
import { clockBuffer, type Fault, faultOf } from './program/fault.ts';
import { accesses, Program, type Step } from './program/program.ts';

/** A step of a program with the buffers it has read, as they were before, and written, by name. */
export interface TracedStep {
  /** Its place among the steps. */
  readonly index: number;
  /** What it is. */
  readonly step: Step;
  /** Before the step. */
  readonly read: ReadonlyMap<string, Values>;
  /** After the step. */
  readonly written: ReadonlyMap<string, Values>;
}

/** What an update is made of. */
export interface UpdateParts {
  readonly program: Program;
  readonly backend: Backend;
  readonly executable: Executable;
  /** As the program numbers them. */
  readonly buffers: readonly DeviceBuffer[];
  readonly release: () => void;
  /** Throws once the device has ended. */
  readonly requireOpen: () => void;
  /** Inputs that the program reads and that have no values yet; all where absent. */
  readonly unwritten?: Set<string>;
}

/** A compiled program: write its inputs, run it any number of times, read its outputs. */
export class Update {
  private ran = false;
  private disposed = false;
  /** What the states in which something may be unfit hold: asked before each run. */
  private readonly guards: readonly (() => void)[];
  /** Updates of some of the steps, which end with this one. */
  private readonly sections = new Set<Update>();
  /** Sections that are being loaded. */
  private loading = 0;

  readonly program: Program;
  private readonly backend: Backend;
  private readonly executable: Executable;
  private readonly buffers: readonly DeviceBuffer[];
  private readonly release: () => void;
  private readonly requireOpen: () => void;
  private readonly unwritten: Set<string>;

  constructor(parts: UpdateParts) {
    const { program, buffers } = parts;
    this.program = program;
    this.backend = parts.backend;
    this.executable = parts.executable;
    this.buffers = buffers;
    this.release = parts.release;
    this.requireOpen = parts.requireOpen;
    this.unwritten = parts.unwritten ?? inputsRead(program);
    this.guards = program.buffers.flatMap((buffer, i) => {
      const state = buffer.kind === 'state' ? buffer.state : undefined;
      return state?.guard ? [() => state.guard?.(buffers[i])] : [];
    });
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
      requireStorable(values, `input '${name}'`, this.backend);
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
    this.requireLoaded();
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
    this.requireLoaded();
    const clock = clockBuffer(this.program);
    return clock === undefined
      ? undefined
      : faultOf(this.program, await this.backend.read(this.buffers[clock]));
  }

  /** Some of the steps as an update of their own on the same memory, to time or inspect them. It ends with this update. */
  async section(keep: (step: Step, index: number) => boolean): Promise<Update> {
    this.requireLoaded();
    const { steps, buffers, slots, inputs, outputs, states } = this.program;
    const program = new Program(steps.filter(keep), buffers, slots, inputs, outputs, states);
    const executable = await this.loadSection(program);
    const release = () => this.sections.delete(section);
    const section = new Update({
      program,
      backend: this.backend,
      executable,
      buffers: this.buffers,
      release,
      requireOpen: this.requireOpen,
      unwritten: this.unwritten,
    });
    this.sections.add(section);
    return section;
  }

  /** @throws BackendError when this was disposed of meanwhile; it has kept its memory until now */
  private async loadSection(program: Program): Promise<Executable> {
    let executable: Executable | undefined;
    this.loading++;
    try {
      executable = await this.backend.load(program, this.buffers);
      this.requireLoaded();
      return executable;
    } catch (problem) {
      executable?.dispose();
      throw problem;
    } finally {
      this.loading--;
      if (this.disposed) this.end();
    }
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
      single.dispose();
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
    for (let i = 0; i < this.guards.length; i++) this.guards[i]();
    this.ran = true;
  }

  private async contents(buffers: readonly number[]): Promise<Map<number, Values>> {
    const contents = new Map<number, Values>();
    for (const buffer of buffers) {
      // It may have ended since the last answer.
      this.requireLoaded();
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

  /** Gives its memory back, states excepted, and ends its sections. Nothing happens when it is called again. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.end();
  }

  private end(): void {
    for (const section of [...this.sections]) section.dispose();
    if (this.loading > 0) return;
    this.executable.dispose();
    this.release();
  }

  private requireLoaded(): void {
    if (!this.disposed) return;
    this.requireOpen();
    throw gone('program');
  }
}

function inputsRead({ inputs, outputs, steps }: Program): Set<string> {
  const buffers = new Set([
    ...steps.flatMap((step) => accesses(step).read),
    ...[...outputs.values()].map(({ buffer }) => buffer),
  ]);
  return new Set([...inputs].flatMap(([name, { buffer }]) => (buffers.has(buffer) ? [name] : [])));
}
