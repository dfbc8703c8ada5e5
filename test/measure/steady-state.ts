// What a run of many updates leaves behind: on the JavaScript heap, on the device, in WebAssembly's memory.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Device, Update } from '../../src/device.ts';
import type { CostSettings } from '../../src/measure/cost.ts';
import { withWholeUpdate } from '../../src/measure/update-cost.ts';

/** What so many updates left behind; all should be 0. */
export interface SteadyState {
  /**
   * Bytes by which the JavaScript heap is larger, garbage collected before and after: the smaller of two runs of so
   * many updates, since what updates leave behind they leave in both, and what the engine compiles late in one.
   */
  readonly heapBytes: number;
  /** In both runs together, as all that follows. */
  readonly buffersCreated: number;
  readonly pipelinesCreated: number;
  readonly readbacks: number;
  /** Bytes by which WebAssembly memory grew; 0 where there is none. */
  readonly memoryBytes: number;
}

/** Updates between two looks at the device, which keep a queue from growing without bound. */
export const CHUNK = 100;

/**
 * Runs a whole actor-critic update so many times, a transition stored before each, and counts what it leaves behind.
 * As many run first, uncounted: the engine compiles and sizes its tables at the beginning.
 */
export async function measureSteadyState(
  device: Device,
  estimator: string,
  settings: CostSettings,
  updates: number,
): Promise<SteadyState> {
  return withWholeUpdate(device, estimator, settings, async (update, store) => {
    await run(device, update, store, updates);
    const memory = () => Number(device.backend.information.memoryBytes ?? 0);
    const before = { ...device.backend.counters };
    const memoryBefore = memory();
    const heap = [collectedHeap()];
    for (let i = 0; i < 2; i++) {
      await run(device, update, store, updates);
      heap.push(collectedHeap());
    }
    const after = device.backend.counters;
    return {
      heapBytes: Math.min(heap[1] - heap[0], heap[2] - heap[1]),
      buffersCreated: after.buffersCreated - before.buffersCreated,
      pipelinesCreated: after.pipelinesCreated - before.pipelinesCreated,
      readbacks: after.readbacks - before.readbacks,
      memoryBytes: memory() - memoryBefore,
    };
  });
}

async function run(device: Device, update: Update, store: () => void, updates: number): Promise<void> {
  for (let done = 0; done < updates; ) {
    for (const end = Math.min(updates, done + CHUNK); done < end; done++) {
      store();
      update.run();
    }
    await device.backend.synchronize();
  }
}

let collect: (() => void) | undefined;

/** Bytes of live JavaScript objects. */
function collectedHeap(): number {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  // Twice: what finalisers let go of is collected by the second.
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
