// Each kernel of an update against what the machine can do: arithmetic, bytes, and the cost of starting a kernel at all.
import type { Device, Update } from '../../src/device.ts';
import type { Program, Step } from '../../src/program/program.ts';
import { median } from '../../src/study/statistics.ts';
import { bandwidthAt, type Peak } from '../peak/peak.ts';

/** What a kernel cannot be faster than. */
export const limits = ['compute', 'memory', 'launch'] as const;
export type Limit = (typeof limits)[number];

/** Work of a kernel in one update, and the time it took. */
export interface KernelTime {
  readonly kernel: string;
  /** Steps of one update that run it. */
  readonly count: number;
  readonly flops: number;
  readonly bytes: number;
  /** Of all `count` steps, each run by itself over and over: medians, added. */
  readonly ms: number;
}

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

export interface StepTimingOptions {
  readonly rounds: number;
  /** Least duration of one measurement of a step. */
  readonly minimumMs: number;
  /** Called in every round, to measure something else beside the steps. */
  readonly beside?: (() => void) | undefined;
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

const kernelOf = (step: Step): string => (step.kind === 'fused' ? 'fused' : step.kernel);

/**
 * Times each step of an update as a program of its own on the update's memory, all steps in turn, round by round; states
 * are put back after each round, so that an optimiser run over and over wanders nowhere.
 */
export async function timeSteps(
  device: Device,
  update: Update,
  { rounds, minimumMs, beside }: StepTimingOptions,
): Promise<number[]> {
  const { program } = update;
  const saved = await Promise.all(
    program.states.map(async (state) => [state, await device.read(state)] as const),
  );
  const restore = () => {
    for (const [state, values] of saved) device.write(state, values);
  };
  const sections: Update[] = [];
  const once = async (section: Update, times: number): Promise<number> => {
    const begun = performance.now();
    section.run(times);
    await device.backend.synchronize();
    return performance.now() - begun;
  };
  try {
    for (const index of program.steps.keys()) sections.push(await update.section((_step, i) => i === index));
    const times = sections.map(() => 1);
    // Twice: the first pass also warms the engine's compiler.
    for (let pass = 0; pass < 2; pass++) {
      for (const [i, section] of sections.entries()) {
        for (let ms = await once(section, times[i]); ms < minimumMs; ms = await once(section, times[i]))
          times[i] = Math.ceil(
            times[i] * Math.min(10, Math.max(1.2, (1.2 * minimumMs) / Math.max(ms, 1e-3))),
          );
      }
      restore();
    }
    const measured = sections.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, section] of sections.entries())
        measured[i].push((await once(section, times[i])) / times[i]);
      beside?.();
      restore();
      await new Promise((done) => setTimeout(done, 0));
    }
    return measured.map(median);
  } finally {
    for (const section of sections) section.dispose();
  }
}

/** Steps gathered by the kernel they run. */
export function timesByKernel({ steps }: Program, ms: readonly number[]): KernelTime[] {
  const kernels = new Map<string, KernelTime>();
  steps.forEach((step, i) => {
    const kernel = kernelOf(step);
    const before = kernels.get(kernel) ?? { kernel, count: 0, flops: 0, bytes: 0, ms: 0 };
    kernels.set(kernel, {
      kernel,
      count: before.count + 1,
      flops: before.flops + step.flops,
      bytes: before.bytes + step.bytes,
      ms: before.ms + ms[i],
    });
  });
  return [...kernels.values()];
}

/** Time of the step that ends every update, which only counts a clock up: what starting a kernel costs, µs. */
export function launchMicroseconds({ steps }: Program, ms: readonly number[]): number {
  const tick = steps.findIndex((step) => kernelOf(step).includes('tick'));
  if (tick >= 0) return 1e3 * ms[tick];
  return 1e3 * Math.min(...ms);
}
