// How the thread waits for an adapter that computes on the same cores.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { restWhilePending } from '../../src/backend/webgpu/rest.ts';
import { Device } from '../../src/device.ts';
import { exp, read, State } from '../../src/tape/index.ts';

const WAIT_MS = 200;

/** Turns of the event loop until the promise is kept: as Node's binding looks at its promises. */
async function turnsUntil(promise: Promise<unknown>): Promise<number> {
  let turns = 0;
  let kept = false;
  promise.then(
    () => {
      kept = true;
    },
    () => {
      kept = true;
    },
  );
  while (!kept) {
    turns++;
    await new Promise((done) => setImmediate(done));
  }
  return turns;
}

const after = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

test('a thread that waits sleeps most of the time, however many promises it waits for', async () => {
  const before = process.cpuUsage();
  const begun = performance.now();
  const rest = restWhilePending();
  const promises = [after(WAIT_MS), after(WAIT_MS), after(WAIT_MS / 2)];
  for (const promise of promises) rest(promise);
  const turns = await turnsUntil(Promise.all(promises));
  const elapsed = performance.now() - begun;
  const { user, system } = process.cpuUsage(before);
  assert.ok(turns < 5 * WAIT_MS, `${turns} turns in ${elapsed} ms`);
  assert.ok((user + system) / 1000 < 0.5 * elapsed, `${(user + system) / 1000} ms at work in ${elapsed} ms`);
});

test('the loop turns freely before the wait and after it, and again for the next', async () => {
  const rest = restWhilePending();
  for (const fails of [false, true]) {
    const free = await turnsUntil(after(WAIT_MS / 4));
    const promise = after(WAIT_MS / 4).then(() => {
      if (fails) throw new Error('a device that is lost');
    });
    rest(promise);
    const resting = await turnsUntil(promise);
    assert.ok(free > 4 * resting, `${free} turns freely, ${resting} at rest`);
  }
});

test('a short wait is looked at at once', async () => {
  const rest = restWhilePending();
  const waits: number[] = [];
  for (let i = 0; i < 15; i++) {
    const begun = performance.now();
    const promise = new Promise((done) => setImmediate(done));
    rest(promise);
    await promise;
    waits.push(performance.now() - begun);
  }
  // Half of the longest rest; the median, since other work may take the processor from a few.
  const median = waits.sort((a, b) => a - b)[7];
  assert.ok(median < 0.5, `${median} ms`);
});

test('a software adapter is left the core, also by a program that has put WebGPU into `navigator`', async () => {
  const { create } = await import('webgpu');
  const gpu = create([]);
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  for (const global of [false, true]) {
    if (global)
      Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true, writable: true });
    const backend = await openWebGpu();
    try {
      const x = new State('x', [200_000]);
      const update = await new Device(backend).compile(() => ({ y: exp(read(x)) }));
      let elapsed = 0;
      let turns = 0;
      for (let updates = 16; elapsed < WAIT_MS; updates *= 2) {
        const begun = performance.now();
        update.run(updates);
        turns = await turnsUntil(backend.synchronize());
        elapsed = performance.now() - begun;
      }
      assert.ok(turns < 100 + 5 * elapsed, `${turns} turns in ${elapsed} ms`);
    } finally {
      await backend.dispose();
      if (before) Object.defineProperty(globalThis, 'navigator', before);
      else delete (globalThis as { navigator?: unknown }).navigator;
    }
  }
});

test.run();
