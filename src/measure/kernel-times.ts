// The time of each kernel of an update: by the device's own clock, or each run by itself.
import type { Device, Update } from '../device.ts';
import { median } from '../math/statistics.ts';
import { kernelOf, type Program } from '../program/program.ts';
import type { CostSettings } from './cost.ts';
import { release } from './cost.ts';
import type { OnProgress } from './timing.ts';
import { compileWholeUpdate } from './update-cost.ts';

/** Work of a kernel in one update, and the time it took. */
export interface KernelTime {
  readonly kernel: string;
  /** Steps of one update that run it. */
  readonly count: number;
  readonly flops: number;
  readonly bytes: number;
  /** Of all `count` steps, added. */
  readonly ms: number;
}

export interface StepTimingOptions {
  readonly rounds: number;
  /** Least duration of one measurement of a step. */
  readonly minimumMs: number;
  /** Called in every round, to measure something else beside the steps. */
  readonly beside?: (() => void) | undefined;
}

/**
 * Times each step of an update as a program of its own on the update's memory, all steps in turn, round by round; states
 * are put back after each round, so that an optimiser run over and over wanders nowhere.
 */
export async function timeSteps(
  device: Device,
  update: Update,
  { rounds, minimumMs, beside }: StepTimingOptions,
  onProgress?: OnProgress,
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
      onProgress?.((round + 1) / rounds);
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

/** How the times of kernels came about. */
export type StepClock = 'timestamps' | 'repetition';

/** Updates over which timestamps are averaged, and how many of them before progress is told again. */
const STAMPED = { updates: 24, each: 4 };

/** Times each step: by timestamps where the device gives them, else by repetition. */
export async function measureSteps(
  device: Device,
  update: Update,
  options: StepTimingOptions,
  onProgress?: OnProgress,
): Promise<{ readonly clock: StepClock; readonly ms: number[] }> {
  await update.timeSteps(2);
  const ms = update.program.steps.map(() => 0);
  for (let done = 0; done < STAMPED.updates; done += STAMPED.each) {
    const stamped = await update.timeSteps(STAMPED.each);
    if (!stamped) return { clock: 'repetition', ms: await timeSteps(device, update, options, onProgress) };
    stamped.forEach((mean, i) => {
      ms[i] += (mean * STAMPED.each) / STAMPED.updates;
    });
    onProgress?.((done + STAMPED.each) / STAMPED.updates);
  }
  return { clock: 'timestamps', ms };
}

/** A whole update split by kernel. */
export interface KernelCosts {
  readonly estimator: string;
  readonly clock: StepClock;
  /** Those that take longest first. */
  readonly kernels: readonly KernelTime[];
}

const repetition: StepTimingOptions = { rounds: 5, minimumMs: 2 };

/** Measures a whole update, as {@link compileWholeUpdate} makes it, kernel by kernel. */
export async function measureKernels(
  device: Device,
  estimator: string,
  settings: CostSettings,
  onProgress?: OnProgress,
): Promise<KernelCosts> {
  const { update } = await compileWholeUpdate(device, estimator, settings);
  try {
    const { clock, ms } = await measureSteps(device, update, repetition, onProgress);
    const kernels = timesByKernel(update.program, ms).sort((a, b) => b.ms - a.ms);
    return { estimator, clock, kernels };
  } finally {
    release(device, update);
  }
}
