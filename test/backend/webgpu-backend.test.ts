// The backend itself on the software adapter: what a steady state creates, and how errors surface.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DeviceBuffer, Values } from '../../src/backend/backend.ts';
import type { WebGpuBackend } from '../../src/backend/webgpu/backend.ts';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { BackendError, ShapeError } from '../../src/errors.ts';
import { contiguousView } from '../../src/math/view.ts';
import type { FusedStep, Step } from '../../src/program/program.ts';
import { oneStep } from '../helpers/kernel-run.ts';

let backend: WebGpuBackend;
test.before(async () => {
  backend = await openWebGpu();
});
test.after(() => backend.dispose());

/** y = x + 1 over `count` elements. */
const increment = (count: number): FusedStep => ({
  kind: 'fused',
  label: 'increment',
  buffers: [0, 1],
  flops: 0,
  bytes: 0,
  shapes: '',
  fused: {
    shape: [count],
    reducedAxes: 0,
    inputs: [contiguousView([count])],
    element: [
      { kind: 'load', input: 0 },
      { kind: 'literal', value: 1 },
      { kind: 'operation', op: 'add', arguments: [0, 1] },
    ],
    reductions: [],
    result: [],
    outputs: [2],
  },
});

const tick: Step = {
  kind: 'kernel',
  kernel: 'tick',
  params: { unused: 0 },
  label: 'tick',
  buffers: [0],
  flops: 0,
  bytes: 0,
  shapes: '',
};

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.unreachable('nothing was thrown'),
    (error) => error,
  );

test('memory starts as zeros; parts are written and read, with conversion', async () => {
  const buffer = backend.allocate(10, 'f32', 'numbers');
  backend.write(buffer, Float64Array.of(0.1, 2), 3);
  assert.equal([...(await backend.read(buffer))], [0, 0, 0, Math.fround(0.1), 2, 0, 0, 0, 0, 0]);
  assert.equal([...(await backend.read(buffer, 4, 2))], [2, 0]);
  assert.throws(
    () => backend.write(buffer, new Float32Array(4), 7),
    (error: unknown) => error instanceof ShapeError,
  );
  assert.instance(await rejection(backend.read(buffer, 5, 6)), ShapeError);
  backend.free(buffer);
});

test('1,000 updates in one submit count to 1,000, and 100,000 in a few', async () => {
  const clock = backend.allocate(4, 'u32', 'clock');
  const program = await backend.load(oneStep(tick, [clock]), [clock]);
  const before = backend.counters.submits;
  program.run(1000);
  assert.is(backend.counters.submits - before, 1);
  assert.equal([...(await backend.read(clock))], [0, 0, 1000, 0]);
  program.run(100_000);
  assert.equal([...(await backend.read(clock))], [0, 0, 101_000, 0]);
});

test('a steady state creates no buffer and no pipeline', async () => {
  const buffers = [backend.allocate(100, 'f32', 'x'), backend.allocate(100, 'f32', 'y')];
  const program = await backend.load(oneStep(increment(100), buffers), buffers);
  const update = async (): Promise<Values> => {
    backend.write(buffers[0], new Float32Array(100).fill(2));
    program.run(3);
    return backend.read(buffers[1]);
  };
  await update();
  const { buffersCreated, pipelinesCreated } = backend.counters;
  for (let i = 0; i < 50; i++) assert.is((await update())[99], 3);
  assert.is(backend.counters.buffersCreated, buffersCreated);
  assert.is(backend.counters.pipelinesCreated, pipelinesCreated);
  const again = await backend.load(oneStep(increment(100), buffers), buffers);
  assert.is(backend.counters.pipelinesCreated, pipelinesCreated, 'the same code is built once');
  again.dispose();
});

test('reads that overlap in time each get their own', async () => {
  const buffers = [1, 2, 3].map((value) => {
    const buffer = backend.allocate(5, 'f32', 'x');
    backend.write(buffer, new Float32Array(5).fill(value));
    return buffer;
  });
  const values = await Promise.all(buffers.map((buffer: DeviceBuffer) => backend.read(buffer)));
  assert.equal(
    values.map((each) => each[4]),
    [1, 2, 3],
  );
});

test('a buffer past the limit is refused by name, size and limit', () => {
  assert.throws(
    () => backend.allocate(2 ** 32, 'f32', 'replay'),
    (error: unknown) =>
      error instanceof BackendError && /'replay' needs .*maxStorageBufferBindingSize/.test(error.message),
  );
});

test('a step with more bindings than the adapter has is refused with the limit', async () => {
  const count = Number(backend.information.maxStorageBuffersPerShaderStage) + 1;
  const { fused, ...rest } = increment(4);
  const inputs = Array.from({ length: count }, () => contiguousView([4]));
  const step: Step = {
    ...rest,
    fused: { ...fused, inputs },
    buffers: Array.from({ length: count + 1 }, (_, i) => i),
  };
  const buffers = step.buffers.map((i) => backend.allocate(4, 'f32', `x${i}`));
  const error = await rejection(backend.load(oneStep(step, buffers), buffers));
  assert.instance(error, BackendError);
  assert.match((error as BackendError).message, 'maxStorageBuffersPerShaderStage');
});

test('a buffer with several views counts as one binding', async () => {
  const { fused, ...rest } = increment(4);
  const views = Array.from({ length: 20 }, (_, i) => ({
    axes: [{ ...contiguousView([4]).axes[0] }],
    offset: i,
  }));
  const step: Step = {
    ...rest,
    fused: {
      ...fused,
      inputs: views,
      element: [
        { kind: 'load', input: 0 },
        { kind: 'load', input: 19 },
        { kind: 'operation', op: 'add', arguments: [0, 1] },
      ],
    },
    buffers: [...views.map(() => 0), 1],
  };
  const buffers = [backend.allocate(24, 'f32', 'x'), backend.allocate(4, 'f32', 'y')];
  backend.write(
    buffers[0],
    Float32Array.from({ length: 24 }, (_, i) => i),
  );
  const executable = await backend.load(oneStep(step, buffers), buffers);
  executable.run(1);
  assert.equal([...(await backend.read(buffers[1]))], [19, 21, 23, 25]);
});

test('an error of the device surfaces once, typed, from the next read', async () => {
  const buffer = backend.allocate(4, 'f32', 'x');
  backend.device.createBuffer({ size: 4, usage: 0 });
  const error = await rejection(backend.synchronize());
  assert.instance(error, BackendError);
  assert.equal([...(await backend.read(buffer))], [0, 0, 0, 0]);
});

test('the adapter is described, and a software adapter said to be one', () => {
  assert.match(backend.description, /WebGPU on .*float32/);
  if (backend.information.software) {
    assert.match(backend.description, '(software)');
    assert.is(backend.preferences.mlp, 'layered');
  }
});

test('a lost device is told from then on', async () => {
  const other = await openWebGpu();
  const buffer = other.allocate(4, 'f32', 'x');
  other.device.destroy();
  await other.device.lost;
  assert.instance(await rejection(other.read(buffer)), BackendError);
  assert.instance(await rejection(other.synchronize()), BackendError);
  await other.dispose();
});

test('no adapter is an error that says what to do', async () => {
  const gpu = { requestAdapter: async () => null } as unknown as GPU;
  const error = await rejection(openWebGpu({ gpu }));
  assert.instance(error, BackendError);
  assert.match((error as BackendError).message, 'or use the cpu backend');
});

test('subgroups are used by software adapters, or as asked, and refused where there are none', async () => {
  assert.is(backend.device.features.has('subgroups'), backend.information.software);
  for (const subgroups of [false, true]) {
    const asked = await openWebGpu({ subgroups });
    assert.is(asked.device.features.has('subgroups'), subgroups);
    await asked.dispose();
  }
  const adapter = { info: { description: 'a plain one' }, features: new Set(), limits: {} };
  const gpu = { requestAdapter: async () => adapter } as unknown as GPU;
  const error = await rejection(openWebGpu({ gpu, subgroups: true }));
  assert.instance(error, BackendError);
  assert.match((error as BackendError).message, 'a plain one');
});

test.run();
