// Random programs on every backend against plain loops: the WGSL of generated kernels, views and all.
import * as fc from 'fast-check';
import { test } from 'uvu';
import type { Device } from '../../src/device.ts';
import { sizeOf } from '../../src/math/shape.ts';
import { allclose } from '../helpers/allclose.ts';
import { openDevice } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';
import { freshStates, inputShapes, instructions, recordRandom } from '../helpers/random-programs.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(async () => {
  await device.dispose();
});

// As the device holds them, so that comparisons on inputs fall alike.
const inputs = Object.fromEntries(
  Object.entries(inputShapes).map(([name, shape], i) => [
    name,
    [...normals(sizeOf(shape), 11 + i)].map(Math.fround),
  ]),
) as Record<keyof typeof inputShapes, number[]>;

/** Comparisons of computed values, which rounding may turn, have no place here: where, argMax. */
const turnsOnRounding = new Set([12, 17]);

test('40 random programs give the numbers of plain loops', async () => {
  for (const drawn of fc.sample(instructions(30), { numRuns: 40, seed: 3 })) {
    const list = drawn.filter(([operation]) => !turnsOnRounding.has(operation));
    let expected: ReturnType<typeof recordRandom>['expected'] = {};
    const update = await device.compile(({ input }) => {
      const recorded = recordRandom(list, input, inputs, freshStates());
      expected = recorded.expected;
      return recorded.outputs;
    });
    update.write(inputs);
    update.run();
    for (const [name, { data }] of Object.entries(expected)) {
      const largest = Math.max(1, ...data.map(Math.abs));
      const what = `${name} of ${JSON.stringify(list)}`;
      allclose(await update.read(name), data, { rtol: 1e-4, atol: 2e-5 * largest }, what);
    }
    update.dispose();
  }
});

test.run();
