// Long work on a thread lets its event loop turn, by time and not by count: signals, messages, timers and closed pipes are
// noticed there, and the cpu backend alone never lets it.

/** A stop must be noticed within half a second, on a loaded machine too. */
const BREATH_MS = 100;

type Later = (done: () => void) => unknown;
/** Node's way waits for no clock. Pages and workers of a page have none. */
const later: Later = (globalThis as { setImmediate?: Later }).setImmediate ?? ((done) => setTimeout(done, 0));

let last = performance.now();

/**
 * Lets the event loop turn if it has not for a tenth of a second. Called between any two pieces of work that take less.
 *
 * @returns what to wait for, undefined if there is no need: `const pause = breathe(); if (pause) await pause;`
 */
export function breathe(): Promise<void> | undefined {
  if (performance.now() - last < BREATH_MS) return undefined;
  return new Promise((done) =>
    later(() => {
      last = performance.now();
      done();
    }),
  );
}

/** Makes a list, and lets the event loop turn meanwhile. It ends early where a signal stops it. */
export async function listOf<T>(count: number, make: (i: number) => T, signal?: AbortSignal): Promise<T[]> {
  const list: T[] = [];
  for (let i = 0; i < count && !signal?.aborted; i++) {
    const pause = breathe();
    if (pause) await pause;
    if (signal?.aborted) break;
    list.push(make(i));
  }
  return list;
}
