// Memory and programs of a backend as every backend has them: zeros at first, refused where they do not fit, given back once.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, DeviceBuffer } from '../../src/backend/backend.ts';
import { BackendError, ShapeError, UsageError } from '../../src/errors.ts';
import { contiguousView } from '../../src/math/view.ts';
import { type GeneratedStep, Program, type Step } from '../../src/program/program.ts';
import { oneStep, openTested } from '../helpers/kernel-run.ts';
import { thrownBy } from '../helpers/thrown.ts';

let backend: Backend;
let other: Backend;
test.before(async () => {
  backend = await openTested();
  other = await openTested();
});
test.after(async () => {
  await backend.dispose();
  await other.dispose();
});

/** y += 1 over three elements. */
const increment: GeneratedStep = {
  kind: 'generated',
  label: 'increment',
  buffers: [0, 1],
  shapes: '',
  generated: {
    shape: [3],
    reducedAxes: 0,
    inputs: [contiguousView([3])],
    element: [
      { kind: 'load', input: 0 },
      { kind: 'literal', value: 1 },
      { kind: 'operation', op: 'add', arguments: [0, 1] },
    ],
    reductions: [],
    result: [],
    outputs: [2],
  },
};
const pair = (of: Backend): DeviceBuffer[] => [of.allocate(3, 'f32', 'x'), of.allocate(3, 'f32', 'y')];

test('memory that is used again is zeros', async () => {
  for (const dtype of ['f32', 'u32'] as const) {
    for (const count of [1, 64, 1000]) {
      const ones = dtype === 'f32' ? new Float32Array(count).fill(1) : new Uint32Array(count).fill(1);
      for (let i = 0; i < 3; i++) {
        const buffer = backend.allocate(count, dtype, 'x');
        assert.ok((await backend.read(buffer)).every((value) => value === 0));
        backend.write(buffer, ones);
        backend.free(buffer);
      }
    }
  }
});

test('parts outside a buffer are refused', async () => {
  const buffer = backend.allocate(10, 'f32', 'numbers');
  for (const [offset, count] of [
    [8, 3],
    [-1, 2],
    [11, 0],
    [0, 11],
  ]) {
    const written = await thrownBy(() => backend.write(buffer, new Float32Array(count), offset));
    assert.instance(written, ShapeError, `write ${offset} ${count}`);
    assert.instance(
      await thrownBy(() => backend.read(buffer, offset, count)),
      ShapeError,
      `read ${offset} ${count}`,
    );
  }
  backend.write(buffer, Float32Array.of(7), 9);
  assert.equal([...(await backend.read(buffer, 8, 2))], [0, 7]);
  backend.free(buffer);
});

test('a buffer of another device is refused, and not freed', async () => {
  const foreign = other.allocate(3, 'f32', 'foreign');
  other.write(foreign, Float32Array.of(1, 2, 3));
  const mine = backend.allocate(3, 'f32', 'mine');
  assert.instance(await thrownBy(() => backend.write(foreign, new Float32Array(3))), BackendError);
  assert.instance(await thrownBy(() => backend.read(foreign)), BackendError);
  const buffers = [mine, foreign];
  assert.instance(await thrownBy(() => backend.load(oneStep(increment, buffers), buffers)), BackendError);
  await thrownBy(() => backend.free(foreign));
  const next = other.allocate(3, 'f32', 'next');
  other.write(next, Float32Array.of(9, 9, 9));
  assert.equal([...(await other.read(foreign))], [1, 2, 3]);
  other.free(foreign);
  other.free(next);
  backend.free(mine);
});

test('a buffer is freed once, and not used afterwards', async () => {
  const [first, second] = pair(backend);
  backend.free(first);
  backend.free(first);
  const [third, fourth] = pair(backend);
  backend.write(third, Float32Array.of(1, 2, 3));
  backend.write(fourth, Float32Array.of(4, 5, 6));
  assert.equal([...(await backend.read(third))], [1, 2, 3]);
  assert.equal([...(await backend.read(fourth))], [4, 5, 6]);
  assert.instance(await thrownBy(() => backend.read(first)), BackendError);
  assert.instance(await thrownBy(() => backend.write(first, new Float32Array(1))), BackendError);
  const buffers = [first, second];
  assert.instance(await thrownBy(() => backend.load(oneStep(increment, buffers), buffers)), BackendError);
  for (const buffer of [second, third, fourth]) backend.free(buffer);
});

test('a program takes buffers that fit it only', async () => {
  const [x, y] = pair(backend);
  const program = oneStep(increment, [x, y]);
  assert.instance(await thrownBy(() => backend.load(program, [x])), UsageError);
  const small = backend.allocate(2, 'f32', 'small');
  const words = backend.allocate(3, 'u32', 'words');
  for (const bad of [small, words])
    assert.instance(await thrownBy(() => backend.load(program, [x, bad])), ShapeError);
  const large = backend.allocate(5, 'f32', 'large');
  const executable = await backend.load(program, [x, large]);
  executable.run(1);
  assert.equal([...(await backend.read(large, 0, 3))], [1, 1, 1]);
  assert.instance(await thrownBy(() => backend.free(large)), UsageError);
  executable.dispose();
  for (const buffer of [x, y, small, words, large]) backend.free(buffer);
});

test('runs are counted by their updates; a program that was disposed of does not run', async () => {
  const buffers = pair(backend);
  const program = new Program(
    [increment, increment],
    oneStep(increment, buffers).buffers,
    [],
    new Map(),
    new Map(),
    [],
  );
  const executable = await backend.load(program, buffers);
  const before = backend.counters.dispatches;
  executable.run(3);
  assert.is(backend.counters.dispatches - before, 6);
  await backend.synchronize();
  executable.dispose();
  assert.instance(await thrownBy(() => executable.run(1)), BackendError);
  executable.dispose();
  for (const buffer of buffers) backend.free(buffer);
});

test('a kernel may leave a result where it finds an operand, which it reads again', async () => {
  const buffers = pair(backend);
  backend.write(buffers[0], Float32Array.of(1, 2, 3));
  const both: Step = {
    ...increment,
    buffers: [0, 0, 1],
    generated: {
      ...increment.generated,
      element: [
        { kind: 'load', input: 0 },
        { kind: 'operation', op: 'square', arguments: [0] },
        { kind: 'operation', op: 'add', arguments: [0, 1] },
      ],
      outputs: [1, 2],
    },
  };
  const executable = await backend.load(oneStep(both, buffers), buffers);
  executable.run(1);
  if (backend.name === 'webgpu') {
    // No program has such a step (see test/program), and WebGPU refuses it.
    const refused = await thrownBy(() => backend.read(buffers[0]));
    assert.instance(refused, BackendError);
    assert.is((refused as BackendError).fault, 'validation');
  } else {
    assert.equal([...(await backend.read(buffers[0]))], [1, 4, 9]);
    assert.equal([...(await backend.read(buffers[1]))], [2, 6, 12]);
  }
  executable.dispose();
  for (const buffer of buffers) backend.free(buffer);
});

test.run();
