import type { Counters } from '../backend/backend.ts';
import type { Device, Update } from '../device.ts';

export interface TimingOptions {
  /** Times each update is measured, each time beside all the others. */
  readonly rounds: number;
  /** Least duration of one measurement: the clock's resolution and a submit's cost must not show. */
  readonly minimumMs: number;
  /** No further round begins after so long, once there are {@link LEAST_ROUNDS}; without a limit when absent. */
  readonly maximumMs?: number;
}

/** Fewer give no interval worth the name. */
export const LEAST_ROUNDS = 5;

export interface Timing {
  /** Milliseconds for one update, a round each. */
  readonly ms: readonly number[];
  /** Updates in one measurement. */
  readonly updatesPerRun: number;
  /** What the backend counted over all rounds. */
  readonly counted: Counters;
}

/** @param done from 0 to 1 */
export type OnProgress = (done: number) => void;

/**
 * Measures updates in turn, A B C A B C …, so that a busy neighbour or a warming machine touches all alike and
 * ratios taken within a round mean something. The first passes, which warm caches and compilers, do not count.
 */
export async function interleave(
  device: Device,
  updates: readonly Update[],
  { rounds, minimumMs, maximumMs = Number.POSITIVE_INFINITY }: TimingOptions,
  onProgress: OnProgress = () => undefined,
): Promise<Timing[]> {
  const once = async (update: Update, times: number): Promise<number> => {
    await breathe();
    const start = performance.now();
    update.run(times);
    await device.backend.synchronize();
    return performance.now() - start;
  };
  const total = updates.length * (rounds + 2);
  let done = 0;
  const step = () => onProgress(++done / total);

  // Every program is warmed before any is measured: they share kernels, whose compiled code changes with each.
  for (const update of updates) {
    for (let spent = await once(update, 1), times = 1; spent < minimumMs; times *= 2) {
      spent += await once(update, times);
    }
    step();
  }
  const runs: number[] = [];
  for (const update of updates) {
    let times = 1;
    for (let ms = await once(update, 1); ms < minimumMs; ms = await once(update, times)) {
      times = Math.max(
        times + 1,
        Math.ceil(Math.min(16 * times, (1.2 * times * minimumMs) / Math.max(ms, 1e-3))),
      );
    }
    runs.push(times);
    step();
  }
  const ms = updates.map((): number[] => []);
  const counted = updates.map(() => ({ ...zero }));
  const start = performance.now();
  for (let round = 0; round < rounds; round++) {
    if (round >= LEAST_ROUNDS && performance.now() - start > maximumMs) break;
    for (let i = 0; i < updates.length; i++) {
      const before = { ...device.backend.counters };
      ms[i].push((await once(updates[i], runs[i])) / runs[i]);
      for (const name of counterNames) counted[i][name] += device.backend.counters[name] - before[name];
      step();
    }
  }
  return updates.map((_, i) => ({ ms: ms[i], updatesPerRun: runs[i], counted: counted[i] }));
}

const zero: Counters = { submits: 0, dispatches: 0, readbacks: 0, buffersCreated: 0, pipelinesCreated: 0 };
const counterNames = Object.keys(zero) as (keyof Counters)[];

/** Lets the event loop turn, or signals and closed pipes would wait for the end: the cpu backend never yields. */
const breathe = (): Promise<void> => new Promise((done) => setTimeout(done, 0));
