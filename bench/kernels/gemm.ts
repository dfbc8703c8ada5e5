// The product of two square matrices on the wasm backend beside the peak of the machine, in one interleaved run.

import type { SimdVariant } from '../../src/backend/wasm/options.ts';
import type { Device, Update } from '../../src/device.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { type Interval, median, medianInterval } from '../../src/math/statistics.ts';
import { type Agreement, isWrong } from '../../src/measure/agreement.ts';
import { Referee } from '../../src/measure/referee.ts';
import type { OpenedDevice } from '../../src/open/open.ts';
import { open } from '../../src/open/open.ts';
import { matmul } from '../../src/tape/index.ts';
import { hasVariant, type PeakVariant, WasmPeak } from '../peak/wasm.ts';

export interface Figure {
  readonly median: number;
  readonly best: number;
  readonly interval: Interval;
}

/** One build of the kernels on some threads. */
export interface GemmRow {
  readonly simd: PeakVariant;
  readonly threads: number;
  /** Of the product. */
  readonly gflops: Figure;
  /** Of multiply-adds in registers on as many threads. */
  readonly peakGflops: Figure;
  /** The product's rate over the peak's, each from the same round. */
  readonly shareOfPeak: Figure;
  /** Over the rate of the product on one thread in the same round. */
  readonly speedup: Figure;
}

export interface GemmReport {
  /** Rows, columns and inner dimension. */
  readonly size: number;
  readonly rounds: number;
  readonly rows: readonly GemmRow[];
}

interface Contender {
  readonly simd: PeakVariant;
  readonly threads: number;
  readonly device: OpenedDevice;
  readonly update: Update;
  readonly peak: WasmPeak;
  /** Products in one measurement. */
  readonly times: number;
  readonly gflops: number[];
  readonly peakGflops: number[];
}

/** Least duration of one measurement of the product. */
const MINIMUM_MS = 4;

/**
 * Measures the product with every build this engine accepts, for every number of threads.
 * @param size rows, columns and inner dimension
 * @param onWrong is told of what is not timed, because it is not what the reference says
 */
export async function measureGemm(
  size: number,
  threadCounts: readonly number[],
  rounds: number,
  onWrong: (what: string, agreement: Agreement) => void,
): Promise<GemmReport> {
  const contenders: Contender[] = [];
  try {
    for (const simd of (['relaxed', 'simd'] as const).filter(hasVariant))
      for (const threads of threadCounts) {
        const device = await open({ backend: 'wasm', wasm: { simd: simd satisfies SimdVariant, threads } });
        const update = await product(device, size);
        const agreement = await new Referee(device).judge(update, (on) => product(on, size));
        if (!isWrong(agreement)) contenders.push(await contend(simd, threads, device, update));
        else {
          onWrong(`product of two ${size}×${size} matrices, ${simd}, ${threads} threads`, agreement);
          await device.dispose();
        }
      }
    const flops = 2 * size ** 3;
    for (let round = 0; round < rounds; round++) {
      for (const { update, peak, times, gflops, peakGflops } of contenders) {
        peakGflops.push(peak.gflops());
        const begun = performance.now();
        update.run(times);
        gflops.push((times * flops) / (performance.now() - begun) / 1e6);
      }
      await new Promise((done) => setTimeout(done, 0));
    }
    return { size, rounds, rows: contenders.map((contender) => rowOf(contender, contenders)) };
  } finally {
    for (const { peak, device } of contenders) {
      peak.dispose();
      await device.dispose();
    }
  }
}

async function product(device: Device, size: number): Promise<Update> {
  const update = await device.compile(({ input }) => ({
    y: matmul(input('a', [size, size]), input('b', [size, size])),
  }));
  const random = new PhiloxStream(0, 'benchInputs');
  const normals = () => Float32Array.from({ length: size * size }, () => random.nextNormal());
  update.write({ a: normals(), b: normals() });
  return update;
}

async function contend(
  simd: PeakVariant,
  threads: number,
  device: OpenedDevice,
  update: Update,
): Promise<Contender> {
  let times = 1;
  // Also warms the engine's compiler.
  for (let spent = 0; spent < 200; ) {
    const begun = performance.now();
    update.run(times);
    const ms = performance.now() - begun;
    if (ms < MINIMUM_MS) times *= 2;
    spent += ms;
  }
  const peak = await WasmPeak.open(simd, threads, 1 << 16);
  return { simd, threads, device, update, peak, times, gflops: [], peakGflops: [] };
}

function rowOf({ simd, threads, gflops, peakGflops }: Contender, all: readonly Contender[]): GemmRow {
  const single = all.find((other) => other.simd === simd && other.threads === 1)?.gflops ?? gflops;
  return {
    simd,
    threads,
    gflops: figure(gflops),
    peakGflops: figure(peakGflops),
    shareOfPeak: figure(gflops.map((rate, round) => rate / peakGflops[round])),
    speedup: figure(gflops.map((rate, round) => rate / single[round])),
  };
}

const figure = (values: readonly number[]): Figure => ({
  median: median(values),
  best: Math.max(...values),
  interval: medianInterval(values),
});
