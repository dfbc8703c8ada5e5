import { BackendError } from '../../errors.ts';
import { matmul } from '../../kernels/index.ts';
import { kernelNumber } from './layouts.ts';
import type { Arena } from './memory.ts';
import type { LoadedModule } from './module.ts';
import { Literals, ProgramMemory } from './program-memory.ts';
import { availableThreads, Pool, SYNC_BYTES } from './threads.ts';

/**
 * How long the calling thread waits for another that holds work, in units of 2^20 looks: about a minute of its own time.
 * Not by a clock, which goes on while a process is halted.
 */
export const PATIENCE = 60_000;

/** Where threads come from and how long they are waited for. */
export interface RunnerOptions {
  /** As many as a measurement finds useful when absent. */
  readonly threads: number | undefined;
  readonly patience: number;
}

/** Runs tables of steps on the calling thread, or with the help of others, and keeps what that takes. */
export class Runner {
  /** Threads that large programs run on, once {@link start} has ended. */
  threads = 1;
  private readonly arena: Arena;
  private readonly loaded: LoadedModule;
  private readonly options: RunnerOptions;
  /** Scratch memory: `scratchPitch` bytes for each thread. */
  private scratch = 0;
  private scratchPitch = 0;
  private scratchThreads = 0;
  private pool: Promise<Pool | undefined> | undefined;
  private sync = 0;
  private failure: BackendError | undefined;

  constructor(loaded: LoadedModule, arena: Arena, options: RunnerOptions) {
    this.loaded = loaded;
    this.arena = arena;
    this.options = options;
  }

  /** For people: how many threads. */
  get description(): string {
    if (!this.loaded.shared) return '1 thread';
    if (!this.pool) return '1 thread so far';
    return `${this.threads} thread${this.threads > 1 ? 's' : ''}`;
  }

  /** Runs a table of steps; allocates nothing. @throws BackendError when a kernel fails, and from then on */
  run(table: number, steps: number, times: number, share: boolean): void {
    this.requireWhole();
    const { kernels } = this.loaded;
    const { sync, threads, scratch, scratchPitch: pitch } = this;
    const { patience } = this.options;
    let whole = 1;
    try {
      if (share) whole = kernels.executeShared(sync, table, steps, times, threads, scratch, pitch, patience);
      else kernels.execute(table, steps, times, scratch);
    } catch (cause) {
      throw this.fail('A kernel failed', cause);
    }
    if (!whole) throw this.fail('A thread ended, or stopped, while it held work');
  }

  /** @throws BackendError when a run has failed: buffers hold the half of an update since */
  requireWhole(): void {
    if (this.failure) throw this.failure;
  }

  private fail(what: string, cause?: unknown): BackendError {
    this.failure = new BackendError(`${what}: what the wasm backend holds is the half of an update.`, {
      ...(cause === undefined ? {} : { cause }),
      fault: 'lost',
      hint: 'Open the device anew, with `wasm: { threads: 1 }` if it happens again.',
    });
    void this.dispose();
    return this.failure;
  }

  /** Makes room for so many bytes of scratch memory for each thread. */
  reserveScratch(bytes: number): void {
    const pitch = 64 * Math.ceil(bytes / 64);
    if (pitch <= this.scratchPitch && this.threads <= this.scratchThreads) return;
    const most = Math.max(pitch, this.scratchPitch);
    // What there is stays until there is more: programs that are loaded work with it.
    const larger = this.arena.allocate(most * this.threads, 'scratch memory');
    if (this.scratch) this.arena.release(this.scratch, this.scratchPitch * this.scratchThreads);
    [this.scratch, this.scratchPitch, this.scratchThreads] = [larger, most, this.threads];
  }

  /** Starts threads once, where there may be any; a start that failed is tried anew by the next program. */
  async start(): Promise<void> {
    if (!this.loaded.shared || this.options.threads === 1) return;
    this.pool ??= this.startPool().catch((problem) => {
      this.pool = undefined;
      throw problem;
    });
    await this.pool;
  }

  /** Ends the threads. */
  async dispose(): Promise<void> {
    const pool = await this.pool?.catch(() => undefined);
    pool?.dispose();
  }

  /** Where there may be more than two threads, a measurement says how many help. */
  private async startPool(): Promise<Pool | undefined> {
    const { threads } = this.options;
    const most = threads ?? availableThreads();
    if (most < 2) return undefined;
    this.sync = this.arena.allocate(SYNC_BYTES, 'synchronisation');
    const pool = await Pool.start(this.loaded, this.sync, most);
    try {
      if (pool) this.threads = threads ?? (most > 2 ? this.fewestUseful(most) : most);
    } catch (problem) {
      pool?.dispose();
      this.threads = 1;
      throw problem;
    }
    return pool;
  }

  /** The fewest threads, from 2, within a tenth of the fastest at a matrix product of the size of a large layer. */
  private fewestUseful(most: number): number {
    const memory = new ProgramMemory(this.arena, new Literals(this.arena));
    const counts = Array.from({ length: most - 1 }, (_, i) => i + 2);
    try {
      this.threads = most;
      this.reserveScratch(this.loaded.kernels.gemmScratch());
      const best = this.bestTimes(counts, productTable(memory));
      const fastest = Math.min(...best);
      return counts[best.findIndex((time) => time <= 1.1 * fastest)];
    } finally {
      memory.release();
    }
  }

  /** Milliseconds of a table with so many threads: interleaved, and the best of several, so that a busy neighbour slows all alike. */
  private bestTimes(counts: readonly number[], table: number): number[] {
    const best = counts.map(() => Number.POSITIVE_INFINITY);
    for (let round = 0; round < 6; round++) {
      counts.forEach((threads, i) => {
        this.threads = threads;
        const begun = performance.now();
        this.run(table, 1, 2, true);
        best[i] = Math.min(best[i], performance.now() - begun);
      });
    }
    return best;
  }
}

/** A table of one step, the product of two matrices of 256 rows, in items of 32. */
function productTable(memory: ProgramMemory): number {
  const size = 256;
  const rowBlock = 32;
  const [a, b, y] = [0, 1, 2].map(() => memory.reserve(4 * size * size));
  const values = {
    ...Object.fromEntries(matmul.params.map((name) => [name, 0])),
    ...{ batch: 1, rows: size, columns: size, inner: size, aRow: size, aColumn: 1, bRow: size, bColumn: 1 },
  };
  const block = memory.placeParams(matmul, [a, b, 0, y, 0], values, [rowBlock]);
  return memory.place([kernelNumber(matmul.name), block, size / rowBlock, 1]);
}
