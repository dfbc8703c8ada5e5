// A thread that ends while it holds work: the run is a typed error, not a wait without end, and nothing that it left half
// done can be read.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { kernelNumber } from '../../src/backend/wasm/layouts.ts';
import { Arena } from '../../src/backend/wasm/memory.ts';
import { loadModule } from '../../src/backend/wasm/module.ts';
import { Runner } from '../../src/backend/wasm/runner.ts';
import { Device } from '../../src/device.ts';
import { BackendError } from '../../src/errors.ts';
import { matmul } from '../../src/tape/index.ts';
import { thrownBy } from '../helpers/thrown.ts';

const test = suite('wasm threads');

/** What a worker does instead of its work: takes a portion, as `takeItems` of assembly/index.ts does, and ends. */
const takeAndEnd = (end: string): string => `
  const left = new BigInt64Array(memory.buffer, sync + 64, 1);
  while (Atomics.load(words, 0) === 1) {
    const before = Atomics.load(left, 0);
    if ((before & 0xffffn) === 0n) continue;
    if (Atomics.compareExchange(left, 0, before, before - 1n) === before) { ${end} }
  }`;

/** Does something while all workers that start end in this way. */
async function withWorkersThat(end: string, action: () => Promise<void>): Promise<void> {
  const threads = process.getBuiltinModule('node:worker_threads');
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(source: string | URL, options?: ConstructorParameters<typeof Worker>[1]) {
      const changed = String(source).replace('help(sync, thread);', takeAndEnd(end));
      assert.not.equal(changed, source);
      super(changed, options);
    }
  };
  try {
    await action();
  } finally {
    threads.Worker = Worker;
  }
}

const lost = (error: unknown): boolean => error instanceof BackendError && error.fault === 'lost';

for (const [how, end] of [
  ['fails', "throw new Error('out of something')"],
  ['ends without a word', 'process.exit()'],
])
  test(`a thread that ${how} while it holds work`, () =>
    withWorkersThat(end, async () => {
      const device = new Device(await openWasm({ threads: 2 }, 16));
      const update = await device.compile(({ input }) => {
        const x = input('x', [256, 256], 0);
        return { y: matmul(x, x) };
      });
      // Until the worker has come to take a portion.
      let thrown: unknown;
      while (thrown === undefined) thrown = await thrownBy(() => update.run(1));
      assert.ok(lost(thrown), String(thrown));
      assert.match(String(thrown), /thread.*held work.*Open the device anew/);
      for (const use of [() => update.run(1), () => update.read('y'), () => device.compile(() => ({}))])
        assert.ok(lost(await thrownBy(use)), String(use));
      await device.dispose();
    }));

test('a kernel that fails', async () => {
  const loaded = await loadModule(undefined, false);
  const arena = new Arena(loaded.memory, loaded.mostPages, loaded.kernels.heapBase());
  const runner = new Runner(loaded, arena, { threads: 1, patience: 1 });
  const table = arena.allocate(16, 'a table');
  const pastTheEnd = 2 ** 31;
  arena.u32.set([kernelNumber('assign'), pastTheEnd, 1, 0], table / 4);
  const thrown = await thrownBy(() => runner.run(table, 1, 1, false));
  assert.ok(lost(thrown), String(thrown));
  assert.instance((thrown as BackendError).cause, WebAssembly.RuntimeError);
});

test.run();
