// The peak of WebAssembly on this machine: multiply-adds in registers, bytes that stream past; one thread or several.
import { Worker } from 'node:worker_threads';
import relaxedBytes from '../../dist/wasm/peak-relaxed.wasm';
import simdBytes from '../../dist/wasm/peak-simd.wasm';
import { type Stream, type Streams, streams } from './peak.ts';

/** Instructions that a peak is measured with: a fused multiply-add, or a multiplication and an addition. */
export type PeakVariant = 'relaxed' | 'simd';

const builds: Readonly<Record<PeakVariant, Uint8Array<ArrayBuffer>>> = {
  relaxed: relaxedBytes,
  simd: simdBytes,
};

/** Whether this engine accepts the instructions. */
export const hasVariant = (variant: PeakVariant): boolean => WebAssembly.validate(builds[variant]);

/** Loops of multiply-adds that are tried, and the sums in each: which is fastest differs between machines. */
const loops = { chains8: 8, chains10: 10, chains12: 12, products: 8 } as const;
const loopNames = Object.keys(loops) as (keyof typeof loops)[];
const LANES = 4;
/** Steps of every sum in one call, which takes 1 to 4 ms. */
const STEPS = 1_000_000;
/** Bytes that one call streams, at least. */
const STREAMED_BYTES = 1 << 27;
const PAGE_BYTES = 65_536;

// Words of the block that threads share.
/** Counts jobs; a worker sleeps on it. */
const JOB = 0;
const READY = 1;
/** The number of the job that may begin. */
const BEGIN = 2;
const DONE = 3;
const CALL = 4;
/** Bytes and times of a stream, or steps. */
const ARGUMENTS = 5;
const WORDS = 16;

const calls = [...loopNames, ...streams];

/** Runs in every thread, the first included; `from` is where the thread's own memory begins. */
const callBody = `(exports, words, from) => {
  const name = ${JSON.stringify(calls)}[words[${CALL}]];
  const [first, second] = [words[${ARGUMENTS}], words[${ARGUMENTS + 1}]];
  if (name.startsWith('chains')) exports[name](first, 0.5, 1);
  else if (name === 'products') exports[name](first, from);
  else exports[name](from, first, second, 0.5);
}`;
const call = new Function(`return ${callBody}`)() as (
  exports: WebAssembly.Exports,
  words: Int32Array,
  from: number,
) => void;

const workerSource = `
const { workerData } = require('node:worker_threads');
const { module, memory, sync, from } = workerData;
const { exports } = new WebAssembly.Instance(module, { env: { memory, abort() {} } });
const words = new Int32Array(sync);
const call = ${callBody};
for (let job = 0; ; ) {
  Atomics.wait(words, ${JOB}, job);
  job = Atomics.load(words, ${JOB});
  if (job < 0) break;
  Atomics.add(words, ${READY}, 1);
  while (Atomics.load(words, ${BEGIN}) !== job) {}
  call(exports, words, from);
  Atomics.add(words, ${DONE}, 1);
}`;

/** Threads that stand ready to be measured, the calling one among them. */
export class WasmPeak {
  private job = 0;
  /** Index of the loop that was fastest when this was opened. */
  private fastest = 0;

  private constructor(
    readonly variant: PeakVariant,
    readonly threads: number,
    /** Most bytes that each thread can stream. */
    readonly mostBytes: number,
    private readonly exports: WebAssembly.Exports,
    private readonly from: number,
    private readonly words: Int32Array,
    private readonly workers: readonly Worker[],
  ) {}

  /**
   * @param threads from 1; they run at once
   * @param mostBytes most that each thread is asked to stream
   */
  static async open(variant: PeakVariant, threads: number, mostBytes: number): Promise<WasmPeak> {
    const each = Math.ceil(mostBytes / PAGE_BYTES) + 1;
    const pages = threads * each + 2;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const module = await WebAssembly.compile(builds[variant]);
    const { exports } = await WebAssembly.instantiate(module, { env: { memory, abort: () => undefined } });
    const base = (exports.heapBase as () => number)();
    const from = (thread: number) => Math.ceil(base / PAGE_BYTES + thread * each) * PAGE_BYTES;
    const words = new Int32Array(new SharedArrayBuffer(4 * WORDS));
    const workers = Array.from({ length: threads - 1 }, (_, i) => {
      const workerData = { module, memory, sync: words.buffer, from: from(i + 1) };
      return new Worker(workerSource, { eval: true, workerData, execArgv: [] });
    });
    await Promise.all(workers.map((worker) => new Promise((online) => worker.once('online', online))));
    for (const worker of workers) worker.unref();
    const peak = new WasmPeak(variant, threads, mostBytes, exports, from(0), words, workers);
    peak.calibrate();
    return peak;
  }

  /** GFLOP/s of multiply-adds in registers, all threads together: one measurement of a few ms. */
  gflops(): number {
    return this.rateOf(this.fastest);
  }

  /** GB/s, all threads together, where each streams `bytes` bytes (rounded to a multiple of 192) over and over. */
  gigabytesPerSecond(stream: Stream, bytes: number): number {
    const size = 192 * Math.max(1, Math.round(bytes / 192));
    if (size > this.mostBytes) throw new RangeError(`${size} bytes are more than ${this.mostBytes}`);
    const times = Math.max(1, Math.round(STREAMED_BYTES / size));
    return (this.threads * size * times) / this.run(calls.indexOf(stream), size, times) / 1e6;
  }

  dispose(): void {
    Atomics.store(this.words, JOB, -1);
    Atomics.notify(this.words, JOB);
    for (const worker of this.workers) void worker.terminate();
  }

  private rateOf(loop: number): number {
    const flops = this.threads * STEPS * loops[loopNames[loop]] * LANES * 2;
    return flops / this.run(loop, STEPS, 0) / 1e6;
  }

  /** The engine compiles better code while the first calls run; then the best of several decides. */
  private calibrate(): void {
    const best = loopNames.map(() => 0);
    for (let round = -2; round < 20; round++) {
      for (const i of loopNames.keys()) {
        const rate = this.rateOf(i);
        if (round >= 0) best[i] = Math.max(best[i], rate);
      }
    }
    this.fastest = best.indexOf(Math.max(...best));
    for (const stream of streams) this.gigabytesPerSecond(stream, 1 << 16);
  }

  /** Milliseconds from the moment when all threads begin until the last one ends. */
  private run(name: number, first: number, second: number): number {
    const { words, workers } = this;
    words[CALL] = name;
    words[ARGUMENTS] = first;
    words[ARGUMENTS + 1] = second;
    Atomics.store(words, READY, 0);
    Atomics.store(words, DONE, 0);
    Atomics.store(words, JOB, ++this.job);
    Atomics.notify(words, JOB);
    while (Atomics.load(words, READY) < workers.length) {}
    const begun = performance.now();
    Atomics.store(words, BEGIN, this.job);
    call(this.exports, words, this.from);
    while (Atomics.load(words, DONE) < workers.length) {}
    return performance.now() - begun;
  }
}

/** Rates of each stream at each size, the best of `rounds` interleaved measurements. */
export function measureStreams(peak: WasmPeak, sizes: readonly number[], rounds: number): Streams[] {
  const rows = sizes.map((bytes) => ({ bytes, read: 0, triad: 0 }));
  for (let round = 0; round < rounds; round++)
    for (const row of rows)
      for (const stream of streams)
        row[stream] = Math.max(row[stream], peak.gigabytesPerSecond(stream, row.bytes));
  return rows;
}
