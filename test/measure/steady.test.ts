// Ten thousand whole updates, a transition stored before each, leave nothing behind on the backends that run here.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { costSettings } from '../../src/measure/cost.ts';
import { open } from '../../src/open/open.ts';
import { CHUNK, measureSteadyState } from './steady-state.ts';

const UPDATES = 10_000;
/** Caches and counters of the engine come and go; an object of 16 bytes for each update would be 160 kB. */
const HEAP_NOISE = 60_000;

for (const backend of ['cpu', 'wasm'] as const) {
  test(`${backend}: 10,000 updates neither grow the heap nor allocate on the device`, async () => {
    const device = await open({ backend });
    const settings = costSettings({ batch: 8, hidden: [8, 8] });
    const steady = await measureSteadyState(device, 'reverse-kl/pathwise', settings, UPDATES);
    await device.dispose();
    assert.is(steady.buffersCreated, 0);
    assert.is(steady.pipelinesCreated, 0);
    assert.is(steady.readbacks, 0);
    assert.is(steady.memoryBytes, 0);
    assert.ok(steady.heapBytes < HEAP_NOISE, `the heap grew by ${steady.heapBytes} bytes`);
  });
}

test('what updates leave behind is noticed', async () => {
  const device = await open({ backend: 'wasm' });
  const { backend } = device;
  const kept: unknown[] = [];
  const synchronize = backend.synchronize.bind(backend);
  backend.synchronize = () => {
    kept.push(backend.allocate(4096, 'f32', 'a leak'), new Array(1000).fill(0.5));
    return synchronize();
  };
  const settings = costSettings({ batch: 4, hidden: [4] });
  const steady = await measureSteadyState(device, 'reverse-kl/pathwise', settings, UPDATES);
  await device.dispose();
  assert.is(steady.buffersCreated, (2 * UPDATES) / CHUNK);
  // 100 looks keep 8 kB each, or 4 where pointers are compressed; what the engine lets go of meanwhile is far less.
  assert.ok(steady.heapBytes > HEAP_NOISE, `the heap grew by ${steady.heapBytes} bytes`);
  assert.is(kept.length, (2 * (3 * UPDATES)) / CHUNK);
});

test.run();
