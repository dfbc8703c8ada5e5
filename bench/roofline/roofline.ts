// Each kernel of an update against what the machine can do: arithmetic, bytes, and the cost of starting a kernel at all.

import type { KernelTime } from '../../src/measure/kernel-times.ts';
import type { Program } from '../../src/program/program.ts';
import { kernelOf } from '../../src/program/program.ts';
import { bandwidthAt, type Peak } from '../peak/peak.ts';

/** What a kernel cannot be faster than. */
export const limits = ['compute', 'memory', 'launch'] as const;
export type Limit = (typeof limits)[number];

export interface RooflineRow extends KernelTime {
  /** FLOP for a byte. */
  readonly intensity: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  /** Least time by arithmetic, by bytes and by launches. */
  readonly leastMs: Readonly<Record<Limit, number>>;
  /** The largest of these. */
  readonly limit: Limit;
  /** The largest of the least times over the time taken: 1 is as fast as can be. */
  readonly shareOfRoof: number;
  /** Of the time of all kernels. */
  readonly shareOfTime: number;
}

/** The least times of a step, and the largest of them. */
export function leastTimes(
  { flops, bytes, count }: Pick<KernelTime, 'flops' | 'bytes' | 'count'>,
  peak: Peak,
): Readonly<Record<Limit, number>> {
  return {
    compute: flops / peak.gflops / 1e6,
    // Steps of one kernel are alike: each has its own working set.
    memory: bytes / bandwidthAt(peak, bytes / count) / 1e6,
    launch: (count * peak.launchMicroseconds) / 1e3,
  };
}

/** Kernels against a peak, those that take longest first. */
export function rooflineRows(times: readonly KernelTime[], peak: Peak): RooflineRow[] {
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  return times
    .map((time): RooflineRow => {
      const leastMs = leastTimes(time, peak);
      const limit = limits.reduce((a, b) => (leastMs[b] > leastMs[a] ? b : a));
      return {
        ...time,
        intensity: time.flops / time.bytes,
        gflops: time.flops / time.ms / 1e6,
        gigabytesPerSecond: time.bytes / time.ms / 1e6,
        leastMs,
        limit,
        shareOfRoof: leastMs[limit] / time.ms,
        shareOfTime: time.ms / total,
      };
    })
    .sort((a, b) => b.ms - a.ms);
}

/** Time of the step that ends every update, which only counts a clock up: what starting a kernel costs, µs. */
export function launchMicroseconds({ steps }: Program, ms: readonly number[]): number {
  const tick = steps.findIndex((step) => kernelOf(step).includes('tick'));
  if (tick >= 0) return 1e3 * ms[tick];
  return 1e3 * Math.min(...ms);
}
