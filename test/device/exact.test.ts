// Exact divergences over the box on every backend, in its own precision, against another rule in float64.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qualityTarget } from '../../src/quality/problem.ts';
import { type Case, ExactPrograms, errorOf, expected } from '../divergences/exact-cases.ts';
import { openDevice } from '../helpers/devices.ts';

const test = suite('exact divergences on a device');

test('follow narrow and wide policies within what float32 holds', async () => {
  const device = await openDevice();
  const programs = new ExactPrograms(device);
  for (const [head, temperature] of [
    [[0.2, -5], 0.5],
    [[-12, 1], 0.5],
    [[0.55, -3], 1e-3],
    [[0.3, 0], 100],
  ] as const) {
    const problem: Case = { family: 'tanh-gaussian', head, target: qualityTarget('skewed'), temperature };
    for (const name of ['reverse-kl/exact', 'hellinger/exact']) {
      const found = await programs.compute(name, problem);
      const off = errorOf(found, expected(problem, [name])[name]);
      const what = `${name}, ${head}, temperature ${temperature}: off by ${off}, says ${found.claimed}`;
      assert.ok(off < 2e-3 && found.claimed < 0.01, what);
    }
  }
  await device.dispose();
});

test.run();
