// An update split by kernel: every step counted once, with its work, under the kernel's name.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { costSettings } from '../../src/measure/cost.ts';
import { measureKernels } from '../../src/measure/kernel-times.ts';
import { compileWholeUpdate } from '../../src/measure/update-cost.ts';

const test = suite('kernel times');

test('the kernels are those of the program, with all of its work; a cpu has no clock of its own', async () => {
  const device = new Device(createCpuBackend());
  const settings = costSettings({ batch: 8, hidden: [8, 8], rounds: 2 });
  const progress: number[] = [];
  const costs = await measureKernels(device, 'reverse-kl/pathwise', settings, (done) => progress.push(done));
  assert.equal(progress, [0.2, 0.4, 0.6, 0.8, 1]);
  assert.is(costs.clock, 'repetition');
  const { update } = await compileWholeUpdate(device, 'reverse-kl/pathwise', settings);
  const { steps } = update.program;
  const names = new Set(steps.map((step) => (step.kind === 'generated' ? 'generated' : step.kernel)));
  assert.equal(new Set(costs.kernels.map(({ kernel }) => kernel)), names);
  const sum = (of: (each: { count: number; flops: number; bytes: number }) => number) =>
    costs.kernels.reduce((total, each) => total + of(each), 0);
  assert.is(
    sum(({ count }) => count),
    steps.length,
  );
  assert.is(
    sum(({ flops }) => flops),
    steps.reduce((total, { flops }) => total + flops, 0),
  );
  assert.is(
    sum(({ bytes }) => bytes),
    steps.reduce((total, { bytes }) => total + bytes, 0),
  );
  for (let i = 1; i < costs.kernels.length; i++) assert.ok(costs.kernels[i].ms <= costs.kernels[i - 1].ms);
  update.dispose();
});

test.run();
