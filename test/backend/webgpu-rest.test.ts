// How the thread waits for an adapter that computes on the same cores.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { restWhilePending } from '../../src/backend/webgpu/rest.ts';
import { Device } from '../../src/device.ts';
import { exp, read, State } from '../../src/tape/index.ts';

const WAIT_MS = 200;

/** Durations, ms, of the event loop's turns until the promise is kept: as Node's binding looks at its promises. */
async function turnsUntil(promise: Promise<unknown>): Promise<number[]> {
  const turns: number[] = [];
  let kept = false;
  promise.then(
    () => {
      kept = true;
    },
    () => {
      kept = true;
    },
  );
  for (let begun = performance.now(); !kept; ) {
    await new Promise((done) => setImmediate(done));
    const now = performance.now();
    turns.push(now - begun);
    begun = now;
  }
  return turns;
}

/** What a share of the values is below. */
const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(share * values.length)];

const after = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

test('a thread that waits sleeps most of the time, however many promises it waits for', async () => {
  const before = process.cpuUsage();
  const begun = performance.now();
  const rest = restWhilePending();
  const promises = [after(WAIT_MS), after(WAIT_MS), after(WAIT_MS / 2)];
  for (const promise of promises) rest(promise);
  const turns = (await turnsUntil(Promise.all(promises))).length;
  const elapsed = performance.now() - begun;
  const { user, system } = process.cpuUsage(before);
  // The longest rest is a millisecond, and those of the beginning are shorter.
  assert.ok(turns < 200 + 2 * elapsed, `${turns} turns in ${elapsed} ms`);
  assert.ok((user + system) / 1000 < 0.5 * elapsed, `${(user + system) / 1000} ms at work in ${elapsed} ms`);
});

test('the loop turns freely before the wait and after it, and again for the next', async () => {
  const rest = restWhilePending();
  for (const fails of [false, true]) {
    // The longer half of each: what a neighbour takes lengthens few of the turns, and a rest most.
    const free = quantile(await turnsUntil(after(WAIT_MS / 4)), 0.75);
    const promise = after(WAIT_MS / 4).then(() => {
      if (fails) throw new Error('a device that is lost');
    });
    rest(promise);
    const resting = quantile(await turnsUntil(promise), 0.75);
    assert.ok(resting > 4 * free, `turns of ${free} ms freely, of ${resting} ms at rest`);
  }
});

test('a short wait is looked at at once', async () => {
  const rest = restWhilePending();
  const waits = { rested: [] as number[], plain: [] as number[] };
  for (let i = 0; i < 31; i++) {
    for (const kind of ['rested', 'plain'] as const) {
      const begun = performance.now();
      const promise = new Promise((done) => setImmediate(done));
      if (kind === 'rested') rest(promise);
      await promise;
      waits[kind].push(performance.now() - begun);
      // Nothing is pending when the next one begins.
      await new Promise((done) => setImmediate(done));
    }
  }
  // Later than without by less than half of the longest rest; medians, since others take the processor from a few.
  const [rested, plain] = [quantile(waits.rested, 0.5), quantile(waits.plain, 0.5)];
  assert.ok(rested - plain < 0.5, `${rested} ms with a rest, ${plain} ms without`);
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
        turns = (await turnsUntil(backend.synchronize())).length;
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
