// Whether work is done sooner on a GPU or on the CPU: starting a kernel costs a GPU more, arithmetic less.
import type { Device } from '../device.ts';
import { matmul, mul } from '../tape/index.ts';

/** What is done over and over: one update, or one step of training. */
export interface Work {
  readonly flops: number;
  /** Kernels dispatched, counted where neighbours are joined. */
  readonly kernels: number;
  /** Results that are waited for; 0 when absent. */
  readonly readbacks?: number;
}

/** What a device takes for each part of work, measured. */
export interface Speed {
  readonly launchMs: number;
  readonly readbackMs: number;
  /** Of a matrix product as large as a large layer. */
  readonly gflops: number;
}

/** Milliseconds that work should take: launches, arithmetic and waits, one after the other. */
export const expectedMs = (
  { flops, kernels, readbacks = 0 }: Work,
  { launchMs, readbackMs, gflops }: Speed,
): number => kernels * launchMs + flops / gflops / 1e6 + readbacks * readbackMs;

/**
 * FLOP of the work from which on the first device is ahead, with as many kernels and readbacks: where
 * kernels·launch + readbacks·wait + FLOP/rate is equal for both. 0 when it always is, null when it never is.
 */
export function crossoverFlops(gpu: Speed, cpu: Speed, work: Omit<Work, 'flops'>): number | null {
  const behindMs = expectedMs({ ...work, flops: 0 }, gpu) - expectedMs({ ...work, flops: 0 }, cpu);
  if (behindMs <= 0) return 0;
  const gainMs = 1e-6 / cpu.gflops - 1e-6 / gpu.gflops;
  return gainMs > 0 ? behindMs / gainMs : null;
}

/** Rows, columns and inner dimension of the product. */
const SIZE = 256;
const LAUNCHES = 200;
/** Measurements, the best of which counts, and the least time spent on each kind. */
const ROUNDS = 5;
const WARMUP_MS = 5;

/** Measures a device with two small programs: tens of milliseconds. */
export async function measureSpeed(device: Device): Promise<Speed> {
  const tiny = await device.compile(({ input }) => ({ y: mul(input('x', [1]), 2) }));
  const product = await device.compile(({ input }) => ({
    y: matmul(input('a', [SIZE, SIZE]), input('b', [SIZE, SIZE])),
  }));
  const values = new Float32Array(SIZE * SIZE).fill(0.5);
  tiny.write({ x: [1] });
  product.write({ a: values, b: values });
  const timed = async (body: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await body();
    return performance.now() - begun;
  };
  const best = async (body: () => Promise<unknown>): Promise<number> => {
    for (let spent = 0; spent < WARMUP_MS; ) spent += Math.max(0.01, await timed(body));
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round++) least = Math.min(least, await timed(body));
    return least;
  };
  const run = (update: typeof tiny, times: number) => async (): Promise<void> => {
    update.run(times);
    await device.backend.synchronize();
  };
  try {
    const many = await best(run(tiny, LAUNCHES));
    const one = await best(run(tiny, 1));
    const readbackMs = await best(async () => {
      tiny.run();
      await tiny.read('y');
    });
    // What a submit and waiting for it cost is in both, and taken out.
    const times = 4;
    const products = await best(run(product, times));
    const single = await best(run(product, 1));
    // Below the clock's resolution is not for nothing.
    const productMs = Math.max(1e-4, (products - single) / (times - 1));
    return {
      launchMs: Math.max(1e-6, (many - one) / (LAUNCHES - 1)),
      readbackMs,
      gflops: (2 * SIZE ** 3) / productMs / 1e6,
    };
  } finally {
    tiny.dispose();
    product.dispose();
  }
}
