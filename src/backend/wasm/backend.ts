import { UsageError } from '../../errors.ts';
import { type KernelSpec, kernelSpec, matmul, type Params } from '../../kernels/index.ts';
import { type Program, type SingleStep, separateSteps } from '../../program/program.ts';
import type { RecordingOptions } from '../../tape/index.ts';
import type { Backend, Counters, DeviceBuffer, Executable, Room, Values } from '../backend.ts';
import { requireHostMemory } from '../host-memory.ts';
import { OwnedBuffer, OwningBackend } from '../owning.ts';
import { assembleGenerated, BLOCK, type Placer } from './generated.ts';
import { doublesBegin, kernelNumber } from './layouts.ts';
import { Arena } from './memory.ts';
import { type LoadedModule, loadModule } from './module.ts';
import type { WasmOptions } from './options.ts';
import { type Plan, planOf } from './plan.ts';
import { ThreadChoice } from './thread-choice.ts';
import { availableThreads, Pool, SYNC_BYTES } from './threads.ts';

/**
 * Opens the SIMD backend: every kernel in WebAssembly over one memory, and an update one call.
 *
 * @throws UsageError for a wrong option, BackendError when the engine has no WebAssembly or not the build asked for
 */
export async function openWasm({ simd, threads, fetchFrom }: WasmOptions = {}): Promise<Backend> {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new UsageError(`threads is ${threads}; it must be a whole number from 1.`);
  }
  return new WasmBackend(await loadModule({ simd, threads: threads !== 1, fetchFrom }), threads);
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
  /** Blocks of equal floats by their bits, with the programs that read them. */
  private readonly literals = new Map<number, { readonly address: number; users: number }>();
  private readonly gemmScratch: number;
  /** Scratch memory: `scratchPitch` bytes for each thread. */
  private scratch = 0;
  private scratchPitch = 0;
  private scratchThreads = 0;
  private pool: Promise<Pool | undefined> | undefined;
  /** Threads that large programs run on, once {@link pool} has been measured. */
  private threads = 1;
  private sync = 0;

  constructor(
    private readonly loaded: LoadedModule,
    private readonly wantedThreads: number | undefined,
  ) {
    super();
    const { memory, mostPages, kernels } = loaded;
    this.arena = new Arena(memory, mostPages, kernels.heapBase());
    this.gemmScratch = kernels.gemmScratch();
  }

  get description(): string {
    const { variant, shared } = this.loaded;
    const simd = { relaxed: 'relaxed SIMD', simd: 'SIMD', scalar: 'no SIMD' }[variant];
    const threads = this.pool ? `${this.threads} thread${this.threads > 1 ? 's' : ''}` : '1 thread so far';
    return `wasm: ${simd}, ${shared ? threads : '1 thread'}, float32`;
  }

  get information(): Readonly<Record<string, string | number | boolean>> {
    return {
      precision: 'f32',
      simd: this.loaded.variant,
      sharedMemory: this.loaded.shared,
      threads: this.threads,
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
    const addresses = buffers.map(({ address }) => address);
    const memory = new ProgramMemory(this.arena, this);
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
    this.counters.pipelinesCreated += steps.length;

    const shareable = steps.filter(
      ({ items, nanoseconds }) => items > 1 && nanoseconds > STEP_WORTH_THREADS_NS,
    );
    const work = shareable.reduce((total, { nanoseconds }) => total + nanoseconds, 0);
    const asked = (this.wantedThreads ?? 1) > 1;
    const worth = shareable.length > 0 && (asked || work > PROGRAM_WORTH_THREADS_NS);
    if (worth && this.loaded.shared && this.wantedThreads !== 1) await this.startedPool();
    this.reserveScratch(Math.max(64, ...steps.map(({ scratch }) => scratch)));

    const table = memory.place(
      steps.flatMap((step) => {
        const grain = shareable.includes(step) ? Math.max(1, Math.floor(step.items / 64)) : 0;
        return [step.kernel, step.address, step.items, grain];
      }),
    );
    return new WasmExecutable(this, memory, table, steps.length, worth, this.wantedThreads === undefined);
  }

  async synchronize(): Promise<void> {
    this.requireOpen();
  }

  protected async end(): Promise<void> {
    const pool = await this.pool;
    pool?.dispose();
  }

  /** Whether programs can be shared between threads. */
  get hasThreads(): boolean {
    return this.threads > 1;
  }

  /** Counts a run of `times` updates. */
  count(times: number, steps: number): void {
    this.counters.submits++;
    this.counters.dispatches += times * steps;
  }

  /** Runs a table of steps; allocates nothing. */
  execute(table: number, steps: number, times: number, share: boolean): void {
    const { kernels } = this.loaded;
    if (share) {
      const { sync, threads, scratch, scratchPitch } = this;
      kernels.executeShared(sync, table, steps, times, threads, scratch, scratchPitch);
    } else kernels.execute(table, steps, times, this.scratch);
  }

  private assemble(
    step: SingleStep,
    addresses: readonly number[],
    memory: ProgramMemory,
  ): Plan & { readonly kernel: number; readonly address: number } {
    const bound = step.buffers.map((buffer) => (buffer < 0 ? 0 : addresses[buffer]));
    switch (step.kind) {
      case 'generated':
        return assembleGenerated(step.generated, bound, memory);
      case 'kernel': {
        const spec = kernelSpec(step.kernel);
        const values = Object.fromEntries(spec.params.map((name) => [name, step.params[name] ?? 0]));
        const plan = planOf(step.kernel, values, this.gemmScratch);
        const at = spec.bindings.map((_, i) => bound[i] ?? 0);
        return { ...plan, address: memory.placeParams(spec, { addresses: at, values, extra: plan.extra }) };
      }
      default:
        return step satisfies never;
    }
  }

  /** The address of BLOCK equal floats, for one more program. */
  takeLiteral(key: number): number {
    let literal = this.literals.get(key);
    if (!literal) {
      literal = { address: this.arena.allocate(4 * BLOCK, 'a literal'), users: 0 };
      this.arena.u32.fill(key, literal.address / 4, literal.address / 4 + BLOCK);
      this.literals.set(key, literal);
    }
    literal.users++;
    return literal.address;
  }

  leaveLiteral(key: number): void {
    const literal = this.literals.get(key);
    if (!literal || --literal.users > 0) return;
    this.literals.delete(key);
    this.arena.release(literal.address, 4 * BLOCK);
  }

  private reserveScratch(bytes: number): void {
    const pitch = 64 * Math.ceil(bytes / 64);
    if (pitch <= this.scratchPitch && this.threads <= this.scratchThreads) return;
    const most = Math.max(pitch, this.scratchPitch);
    // What there is stays until there is more: programs that are loaded work with it.
    const larger = this.arena.allocate(most * this.threads, 'scratch memory');
    if (this.scratch) this.arena.release(this.scratch, this.scratchPitch * this.scratchThreads);
    [this.scratch, this.scratchPitch, this.scratchThreads] = [larger, most, this.threads];
  }

  /** Workers are started once; a start that failed is tried anew by the next program. */
  private startedPool(): Promise<Pool | undefined> {
    this.pool ??= this.startPool().catch((problem) => {
      this.pool = undefined;
      throw problem;
    });
    return this.pool;
  }

  /** Starts workers; where there may be more than two threads, a measurement says how many help. */
  private async startPool(): Promise<Pool | undefined> {
    const most = this.wantedThreads ?? availableThreads();
    if (most < 2) return undefined;
    this.sync = this.arena.allocate(SYNC_BYTES, 'synchronisation');
    const pool = await Pool.start(this.loaded, this.sync, most);
    try {
      if (pool) this.threads = this.wantedThreads ?? (most > 2 ? this.measureThreads(most) : most);
    } catch (problem) {
      pool?.dispose();
      this.threads = 1;
      throw problem;
    }
    return pool;
  }

  /** The fewest threads, from 2, within a tenth of the fastest at a matrix product of the size of a large layer. */
  private measureThreads(most: number): number {
    const memory = new ProgramMemory(this.arena, this);
    try {
      return this.fewestUsefulThreads(most, memory);
    } finally {
      memory.release();
    }
  }

  private fewestUsefulThreads(most: number, memory: ProgramMemory): number {
    const size = 256;
    const operands = [0, 1, 2].map(() => memory.reserve(4 * size * size));
    const params = {
      batch: 1,
      rows: size,
      columns: size,
      inner: size,
      aRow: size,
      aColumn: 1,
      bRow: size,
      bColumn: 1,
    };
    const values = Object.fromEntries(matmul.params.map((name) => [name, 0]));
    Object.assign(values, params);
    const plan = planOf('matmul', values, this.gemmScratch);
    const [a, b, y] = operands;
    const block = memory.placeParams(matmul, { addresses: [a, b, 0, y, 0], values, extra: [32] });
    const table = memory.place([kernelNumber('matmul'), block, size / 32, 1]);
    this.threads = most;
    this.reserveScratch(plan.scratch);
    const counts = Array.from({ length: most - 1 }, (_, i) => i + 2);
    const best = counts.map(() => Number.POSITIVE_INFINITY);
    const { kernels } = this.loaded;
    const { sync, scratch, scratchPitch } = this;
    // Interleaved, and the best of several: a busy neighbour then slows all counts alike, or none.
    for (let round = 0; round < 6; round++) {
      counts.forEach((threads, i) => {
        const begun = performance.now();
        kernels.executeShared(sync, table, 1, 2, threads, scratch, scratchPitch);
        best[i] = Math.min(best[i], performance.now() - begun);
      });
    }
    const fastest = Math.min(...best);
    return counts[best.findIndex((time) => time <= 1.1 * fastest)];
  }
}

/** Memory that belongs to one program: its table, parameter blocks and bytecode. */
class ProgramMemory implements Placer {
  private readonly blocks: [address: number, bytes: number][] = [];
  /** Addresses of literals by their bits. */
  private readonly literals = new Map<number, number>();

  constructor(
    private readonly arena: Arena,
    private readonly backend: Pick<WasmBackend, 'takeLiteral' | 'leaveLiteral'>,
  ) {}

  literal(value: number): number {
    const key = floatBits(value);
    const address = this.literals.get(key) ?? this.backend.takeLiteral(key);
    this.literals.set(key, address);
    return address;
  }

  reserve(bytes: number): number {
    const address = this.arena.allocate(bytes, 'a program');
    this.blocks.push([address, bytes]);
    return address;
  }

  place(words: readonly number[]): number {
    const address = this.reserve(4 * words.length);
    this.arena.u32.set(words, address / 4);
    return address;
  }

  /** A kernel's block as assembly/block.ts reads it; behind it, from a multiple of 8 on, its floats in float64. */
  placeParams(
    spec: KernelSpec,
    { addresses, values, extra }: { addresses: readonly number[]; values: Params; extra: readonly number[] },
  ): number {
    const { params, floats } = spec;
    const words = [
      ...addresses,
      ...params.map((name) => (floats.includes(name) ? floatBits(values[name]) : values[name])),
      ...extra,
    ];
    const begin = doublesBegin(spec, extra.length);
    const address = this.reserve(8 * (begin + floats.length));
    this.arena.u32.set(words, address / 4);
    floats.forEach((name, i) => {
      this.arena.f64[address / 8 + begin + i] = values[name];
    });
    return address;
  }

  release(): void {
    for (const [address, bytes] of this.blocks.splice(0)) this.arena.release(address, bytes);
    for (const key of this.literals.keys()) this.backend.leaveLiteral(key);
    this.literals.clear();
  }
}

class WasmExecutable implements Executable {
  private readonly choice: ThreadChoice | undefined;

  constructor(
    private readonly backend: WasmBackend,
    private readonly memory: ProgramMemory,
    private readonly table: number,
    private readonly steps: number,
    /** Whether it is large enough for threads, and whether they are chosen run by run. */
    private readonly share: boolean,
    choose: boolean,
  ) {
    if (choose) this.choice = new ThreadChoice();
  }

  run(times: number): void {
    const { backend, table, steps, choice } = this;
    backend.count(times, steps);
    const share = this.share && backend.hasThreads;
    if (!share || !choice) {
      backend.execute(table, steps, times, share);
      return;
    }
    for (let i = 0; i < times; i++) {
      const shared = choice.next();
      const begun = performance.now();
      backend.execute(table, steps, 1, shared);
      choice.record(performance.now() - begun);
    }
  }

  dispose(): void {
    this.memory.release();
  }
}

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

/** The float32 nearest to a number, as a word. */
function floatBits(value: number): number {
  asFloat[0] = value;
  return bits[0];
}
