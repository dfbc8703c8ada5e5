import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Device, Update } from '../device.ts';
import type { CostSettings } from './cost.ts';
import { withWholeUpdate } from './update-cost.ts';

/** What a run of many updates left behind; all but `updates` and `secondsPerThousand` should be 0. */
export interface SteadyState {
  readonly updates: number;
  /** Bytes by which the JavaScript heap is larger afterwards, garbage collected before and after. */
  readonly heapBytes: number;
  readonly buffersCreated: number;
  readonly pipelinesCreated: number;
  readonly readbacks: number;
  /** Bytes by which WebAssembly memory grew; 0 where there is none. */
  readonly memoryBytes: number;
  readonly secondsPerThousand: number;
}

/** Updates between two looks at the device, which keep a queue from growing without bound. */
const CHUNK = 100;

/** Updates after which the engine has compiled what it will: after 1,000, one run in a few still saw it do so. */
const WARM_UP = 10_000;

/**
 * Runs a whole actor-critic update so many times, a transition stored before each, and counts what it leaves behind.
 * As many run first, 10,000 at most, uncounted: the engine compiles and sizes its tables at the beginning.
 */
export async function measureSteadyState(
  device: Device,
  estimator: string,
  settings: CostSettings,
  updates: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<SteadyState> {
  return withWholeUpdate(device, estimator, settings, async (update, store) => {
    await run(device, update, store, Math.min(updates, WARM_UP), () => undefined);
    const memory = () => Number(device.backend.information.memoryBytes ?? 0);
    const counters = { ...device.backend.counters };
    const memoryBefore = memory();
    const heapBefore = collectedHeap();
    const begun = performance.now();
    await run(device, update, store, updates, onProgress);
    const seconds = (performance.now() - begun) / 1000;
    const heapBytes = collectedHeap() - heapBefore;
    const after = device.backend.counters;
    return {
      updates,
      heapBytes,
      buffersCreated: after.buffersCreated - counters.buffersCreated,
      pipelinesCreated: after.pipelinesCreated - counters.pipelinesCreated,
      readbacks: after.readbacks - counters.readbacks,
      memoryBytes: memory() - memoryBefore,
      secondsPerThousand: (1000 * seconds) / updates,
    };
  });
}

async function run(
  device: Device,
  update: Update,
  store: () => void,
  updates: number,
  onProgress: (done: number) => void,
): Promise<void> {
  for (let done = 0; done < updates; ) {
    for (const end = Math.min(updates, done + CHUNK); done < end; done++) {
      store();
      update.run();
    }
    await device.backend.synchronize();
    onProgress(done / updates);
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
