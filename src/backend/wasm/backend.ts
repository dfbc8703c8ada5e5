import { UsageError } from '../../errors.ts';
import { kernelSpec } from '../../kernels/index.ts';
import { type Program, type SingleStep, separateSteps } from '../../program/program.ts';
import type { RecordingOptions } from '../../tape/index.ts';
import type { Backend, Counters, DeviceBuffer, Executable, Room, Values } from '../backend.ts';
import { requireHostMemory } from '../host-memory.ts';
import { OwnedBuffer, OwningBackend } from '../owning.ts';
import { WasmExecutable } from './executable.ts';
import { assembleGenerated, type StepPlan } from './generated.ts';
import { OTHER_NS, wasmKernel } from './kernels.ts';
import { kernelNumber } from './layouts.ts';
import { Arena } from './memory.ts';
import { type LoadedModule, loadModule, type SimdVariant } from './module.ts';
import { Literals, ProgramMemory } from './program-memory.ts';
import { PATIENCE, Runner, type RunnerOptions } from './runner.ts';

/** How the wasm backend computes. */
export interface WasmOptions {
  /** Which build of the kernels; the best the engine accepts by default. */
  readonly simd?: SimdVariant;
  /**
   * Threads of a program; by default one or as many as a measurement finds useful, whichever its late runs were faster
   * with, once a program is loaded that is large enough. Results do not depend on it.
   */
  readonly threads?: number;
}

/**
 * Opens the SIMD backend: every kernel in WebAssembly over one memory, and an update one call.
 *
 * @param patience how long a thread that holds work is waited for
 * @throws UsageError for a wrong option, BackendError when the engine has no WebAssembly or not the build asked for
 */
export async function openWasm(
  { simd, threads }: WasmOptions = {},
  patience: number = PATIENCE,
): Promise<Backend> {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new UsageError(`threads is ${threads}; it must be a whole number from 1.`);
  }
  return new WasmBackend(await loadModule(simd, threads !== 1), { threads, patience });
}

/** Work of an update below which waking threads costs more than it gains. */
const PROGRAM_WORTH_THREADS_NS = 100_000;
/** Work of a step below which it stays on one thread. */
const STEP_WORTH_THREADS_NS = 5_000;

class WasmBuffer extends OwnedBuffer {
  constructor(
    owner: WasmBackend,
    count: number,
    dtype: 'f32' | 'u32',
    label: string,
    readonly address: number,
  ) {
    super(owner, count, dtype, label);
  }
}

class WasmBackend extends OwningBackend<WasmBuffer> implements Backend {
  readonly name = 'wasm';
  readonly preferences: RecordingOptions = { mlp: 'fused', joinedBindings: 0 };
  readonly counters: Counters = {
    submits: 0,
    dispatches: 0,
    readbacks: 0,
    buffersCreated: 0,
    pipelinesCreated: 0,
  };
  private readonly arena: Arena;
  private readonly literals: Literals;
  private readonly runner: Runner;
  /** Bytes of scratch memory of a matrix product. */
  private readonly productScratch: number;

  constructor(
    private readonly loaded: LoadedModule,
    private readonly options: RunnerOptions,
  ) {
    super();
    const { memory, mostPages, kernels } = loaded;
    this.arena = new Arena(memory, mostPages, kernels.heapBase());
    this.literals = new Literals(this.arena);
    this.runner = new Runner(loaded, this.arena, options);
    this.productScratch = kernels.gemmScratch();
  }

  get description(): string {
    const simd = { relaxed: 'relaxed SIMD', simd: 'SIMD', scalar: 'no SIMD' }[this.loaded.variant];
    return `wasm: ${simd}, ${this.runner.description}, float32`;
  }

  get information(): Readonly<Record<string, string | number | boolean>> {
    return {
      precision: 'f32',
      simd: this.loaded.variant,
      sharedMemory: this.loaded.shared,
      threads: this.runner.threads,
      memoryBytes: this.arena.u32.byteLength,
    };
  }

  allocate(count: number, dtype: 'f32' | 'u32', label: string): DeviceBuffer {
    this.requireOpen();
    const address = this.arena.allocate(4 * count, label);
    this.counters.buffersCreated++;
    return new WasmBuffer(this, count, dtype, label, address);
  }

  protected put({ dtype, address }: WasmBuffer, values: Values, offset: number): void {
    this.arena[dtype].set(values, address / 4 + offset);
  }

  protected async get({ dtype, address }: WasmBuffer, offset: number, count: number): Promise<Values> {
    this.runner.requireWhole();
    this.counters.readbacks++;
    const from = address / 4 + offset;
    return this.arena[dtype].slice(from, from + count);
  }

  requireRoom(buffers: readonly Room[]): void {
    const count = buffers.reduce((total, each) => total + each.count, 0);
    this.arena.requireRoom(buffers);
    requireHostMemory(4 * count, `A program of ${buffers.length} buffers`);
  }

  protected release({ address, count }: WasmBuffer): void {
    this.arena.release(address, 4 * count);
  }

  protected async prepare(program: Program, buffers: readonly WasmBuffer[]): Promise<Executable> {
    this.runner.requireWhole();
    const addresses = buffers.map(({ address }) => address);
    const memory = new ProgramMemory(this.arena, this.literals);
    try {
      return await this.loadInto(memory, program, addresses);
    } catch (problem) {
      memory.release();
      throw problem;
    }
  }

  private async loadInto(
    memory: ProgramMemory,
    program: Program,
    addresses: readonly number[],
  ): Promise<Executable> {
    const steps = separateSteps(program.steps).map((step) => this.assemble(step, addresses, memory));
    const shareable = steps.filter(
      ({ items, nanoseconds }) => items > 1 && nanoseconds > STEP_WORTH_THREADS_NS,
    );
    const work = shareable.reduce((total, { nanoseconds }) => total + nanoseconds, 0);
    const { threads } = this.options;
    const share = shareable.length > 0 && ((threads ?? 1) > 1 || work > PROGRAM_WORTH_THREADS_NS);
    if (share) await this.runner.start();
    this.runner.reserveScratch(Math.max(64, ...steps.map(({ scratch }) => scratch)));

    const table = memory.place(
      steps.flatMap((step) => {
        const grain = shareable.includes(step) ? Math.max(1, Math.floor(step.items / 64)) : 0;
        return [step.kernel, step.address, step.items, grain];
      }),
    );
    const choose = threads === undefined;
    const loaded = { memory, table, steps: steps.length, share, choose };
    return new WasmExecutable(loaded, this.runner, this.counters);
  }

  async synchronize(): Promise<void> {
    this.requireOpen();
    this.runner.requireWhole();
  }

  protected end(): Promise<void> {
    return this.runner.dispose();
  }

  private assemble(step: SingleStep, addresses: readonly number[], memory: ProgramMemory): StepPlan {
    const bound = step.buffers.map((buffer) => (buffer < 0 ? 0 : addresses[buffer]));
    switch (step.kind) {
      case 'generated':
        return assembleGenerated(step.generated, bound, memory);
      case 'kernel': {
        const spec = kernelSpec(step.kernel);
        const values = Object.fromEntries(spec.params.map((name) => [name, step.params[name] ?? 0]));
        const { work, flopNs = OTHER_NS } = wasmKernel(step.kernel);
        const { items, scratch = 64, words = [] } = work(values, this.productScratch);
        const at = spec.bindings.map((_, i) => bound[i] ?? 0);
        return {
          kernel: kernelNumber(step.kernel),
          address: memory.placeParams(spec, at, values, words),
          items,
          scratch,
          nanoseconds: spec.flops(values) * flopNs,
        };
      }
      default:
        return step satisfies never;
    }
  }
}
