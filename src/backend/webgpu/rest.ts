/** Part of the time waited so far that one rest takes, and its longest, ms: an answer is late by no more. */
const SHARE = 1 / 8;
const LONGEST_MS = 1;

/**
 * Lets the thread sleep while promises of Node's WebGPU are pending: its binding looks at them in every turn of the
 * event loop, turns it without pause, and so takes a whole core from an adapter that computes on the same ones. Between
 * two looks the loop stands still for at most a millisecond.
 *
 * @returns what takes the promises that are waited for
 */
export function restWhilePending(): (promise: Promise<unknown>) => void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  let pending = 0;
  let begun = 0;
  let turning = false;
  const turn = (): void => {
    turning = pending > 0;
    if (!turning) return;
    Atomics.wait(never, 0, 0, Math.min(LONGEST_MS, SHARE * (performance.now() - begun)));
    setImmediate(turn);
  };
  const settle = (): void => {
    pending--;
  };
  return (promise) => {
    if (pending++ === 0) begun = performance.now();
    promise.then(settle, settle);
    if (turning) return;
    turning = true;
    setImmediate(turn);
  };
}
