// Random programs with their gradients on every backend against the float64 CPU. `node build.mjs fuzz` runs thousands.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { add, grad, max, min, sub, sum, transpose } from '../../src/tape/index.ts';
import { openDevice, testBackend } from '../helpers/devices.ts';
import { compareDevices, programs } from '../helpers/fuzz-programs.ts';
import { normals } from '../helpers/gradcheck.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

// 300 over the runtimes of `npm test`: a GPU in software compiles seconds to a program.
const numRuns = testBackend() === 'webgpu' ? 10 : 70;

test(`${numRuns} random programs: values and gradients of the float64 CPU`, () =>
  fc.assert(
    fc.asyncProperty(programs(30), (program) => compareDevices({ [testBackend()]: device }, program)),
    // Another seed in each runtime would be another test; these are the same programs everywhere.
    { numRuns, seed: 20, includeErrorInReport: true },
  ));

// Found by the above: the sum was stored for the maximum, rounded, and computed anew, unrounded, for its gradient.
test('the gradient of a maximum finds it, however a sum was rounded', async () => {
  const [x, y] = [normals(12, 1), normals(12, 2)];
  const update = await device.compile(({ input }) => {
    const [a, b] = [input('x', [3, 4]), input('y', [3, 4])];
    const slope = grad(sum(max(add(a, b), 1)), [a])[0];
    return { slope, least: grad(sum(min(transpose(sub(a, b)), 0)), [b])[0] };
  });
  update.write({ x, y });
  update.run();
  const place = (values: readonly number[], best: (...row: number[]) => number, sign: number) =>
    values.map((value, i) => (value === best(...values.slice(i - (i % 4), i - (i % 4) + 4)) ? sign : 0));
  const sums = [...x].map((value, i) => value + y[i]);
  const differences = [...x].map((value, i) => value - y[i]);
  assert.equal([...(await update.read('slope'))], place(sums, Math.max, 1));
  assert.equal(
    [...(await update.read('least'))].map((value) => value + 0),
    place(differences, Math.min, -1).map((value) => value + 0),
  );
  update.dispose();
});

// Found by 10,000 programs: a minimum of a value and its copy is a tie only where both were rounded alike.
test('a value that meets its own copy is a tie', () =>
  compareDevices(
    { [testBackend()]: device },
    {
      list: [
        [6, 1, 0, 0],
        ...[0, 0, 0].map((): [number, number, number, number] => [0, 0, 0, 0]),
        [25, 459, 0, 0],
        [10, 0, 0, 0],
        [10, 0, 945, 0],
        [0, 0, 0, 0],
      ],
      seed: 0,
    },
  ));

test.run();
