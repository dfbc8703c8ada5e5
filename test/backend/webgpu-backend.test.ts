// The backend itself on the software adapter: what a steady state creates, and how errors surface.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DeviceBuffer, Values } from '../../src/backend/backend.ts';
import type { WebGpuBackend } from '../../src/backend/webgpu/backend.ts';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { BackendError, ShapeError } from '../../src/errors.ts';
import { contiguousView } from '../../src/math/view.ts';
import type { GeneratedStep, Step } from '../../src/program/program.ts';
import { manySteps, oneStep } from '../helpers/kernel-run.ts';

let backend: WebGpuBackend;
test.before(async () => {
  backend = await openWebGpu();
});
test.after(() => backend.dispose());

/** y = x + 1 over `count` elements. */
const increment = (count: number): GeneratedStep => ({
  kind: 'generated',
  label: 'increment',
  buffers: [0, 1],
  shapes: '',
  generated: {
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
  params: { watched: 0, place: 0 },
  label: 'tick',
  buffers: [0],
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

/** The last of `count` buffers is the sum of the others, four elements each. */
function sumOfOthers(count: number): GeneratedStep {
  const { generated, ...rest } = increment(4);
  const loads = Array.from({ length: count - 1 }, (_, input) => ({ kind: 'load', input }) as const);
  const sums = loads
    .slice(1)
    .map(
      (_, i) =>
        ({ kind: 'operation', op: 'add', arguments: [i === 0 ? 0 : loads.length + i - 1, i + 1] }) as const,
    );
  const inputs = loads.map(() => contiguousView([4]));
  const outputs = [loads.length + sums.length - 1];
  return {
    ...rest,
    label: 'sum of others',
    generated: { ...generated, inputs, element: [...loads, ...sums], outputs },
    buffers: Array.from({ length: count }, (_, i) => i),
  };
}

test('a step binds as many buffers as the adapter allows; with one more it is refused by name, count and limit', async () => {
  const most = Number(backend.information.maxStorageBuffersPerShaderStage);
  const buffers = Array.from({ length: most + 1 }, (_, i) => backend.allocate(4, 'f32', `x${i}`));
  for (const [i, buffer] of buffers.entries()) backend.write(buffer, new Float32Array(4).fill(2 ** i));
  const within = buffers.slice(0, most);
  (await backend.load(oneStep(sumOfOthers(most), within), within)).run(1);
  assert.equal([...(await backend.read(buffers[most - 1]))], Array(4).fill(2 ** (most - 1) - 1));
  const { buffersCreated, pipelinesCreated } = backend.counters;
  const error = await rejection(backend.load(oneStep(sumOfOthers(most + 1), buffers), buffers));
  assert.instance(error, BackendError);
  const { fault, limit, message } = error as BackendError;
  assert.equal([fault, limit], ['limit', 'maxStorageBuffersPerShaderStage']);
  for (const part of ["'sum of others'", String(most + 1), `maxStorageBuffersPerShaderStage of ${most}`])
    assert.ok(message.includes(part), part);
  assert.equal(
    [backend.counters.buffersCreated, backend.counters.pipelinesCreated],
    [buffersCreated, pipelinesCreated],
    'nothing was made for it',
  );
});

test('a program on more buffers than the adapter binds at once binds for each step', async () => {
  const count = Number(backend.information.maxStorageBuffersPerShaderStage) + 3;
  const buffers = Array.from({ length: count }, (_, i) => backend.allocate(4, 'f32', `x${i}`));
  backend.write(buffers[0], Float32Array.of(1, 2, 3, 4));
  const steps = buffers.slice(1).map((_, i): Step => ({ ...increment(4), buffers: [i, i + 1] }));
  (await backend.load(manySteps(steps, buffers), buffers)).run(1);
  assert.equal(
    [...(await backend.read(buffers[count - 1]))],
    [1, 2, 3, 4].map((x) => x + count - 1),
  );
});

test('steps of equal text share one pipeline, each with its own memory', async () => {
  const uses = 19;
  const buffers = Array.from({ length: uses + 1 }, (_, i) => backend.allocate(200, 'f32', `x${i}`));
  backend.write(buffers[0], new Float32Array(200).fill(1));
  const steps = buffers.slice(1).map((_, i): Step => ({ ...increment(200), buffers: [i, i + 1] }));
  const before = backend.counters.pipelinesCreated;
  const executable = await backend.load(manySteps(steps, buffers), buffers);
  assert.is(backend.counters.pipelinesCreated - before, 1);
  executable.run(2);
  for (const [i, buffer] of buffers.entries())
    assert.equal(new Set(await backend.read(buffer)), new Set([1 + i]), `x${i}`);
});

test('each step is a dispatch, and waits for what it reads and writes', async () => {
  const valuesAfter = async (...links: (readonly [from: number, to: number])[]) => {
    const buffers = Array.from({ length: 5 }, (_, i) => backend.allocate(200, 'f32', `x${i}`));
    for (const [i, buffer] of buffers.entries()) backend.write(buffer, new Float32Array(200).fill(10 * i));
    const steps = links.map(([from, to]): Step => ({ ...increment(200), buffers: [from, to] }));
    const executable = await backend.load(manySteps(steps, buffers), buffers);
    const { dispatches } = backend.counters;
    executable.run(2);
    assert.is(backend.counters.dispatches - dispatches, 2 * links.length);
    const last = await Promise.all(buffers.map(async (buffer) => (await backend.read(buffer))[199]));
    executable.dispose();
    for (const buffer of buffers) backend.free(buffer);
    return last;
  };
  assert.equal(await valuesAfter([0, 1], [0, 2], [3, 4]), [0, 1, 1, 30, 31], 'each its own');
  assert.equal(await valuesAfter([0, 1], [1, 2], [0, 3]), [0, 1, 2, 1, 40], 'the second reads the first');
  assert.equal(await valuesAfter([0, 1], [2, 0], [0, 3]), [21, 22, 20, 22, 40], 'what was read is written');
  assert.equal(await valuesAfter([0, 1], [2, 1], [3, 4]), [0, 21, 20, 30, 31], 'both write the same');
});

test('equal kernels with other parameters', async () => {
  const kinds = [1, 2, 1, 0];
  const clock = backend.allocate(4, 'u32', 'clock');
  backend.write(clock, Uint32Array.of(7, 0, 0, 0));
  const counts = [5, 1000, 64, 257];
  const drawn = async (together: boolean): Promise<Values[]> => {
    const outputs = kinds.map((kind, i) => backend.allocate(counts[i], kind === 0 ? 'u32' : 'f32', 'y'));
    const buffers = [clock, ...outputs];
    const steps = kinds.map(
      (kind, i): Step => ({
        ...tick,
        kernel: 'philox',
        params: { count: counts[i], draw: i, kind, each: counts[i], drawStep: 0 },
        buffers: [0, i + 1],
      }),
    );
    const programs = together ? [steps] : steps.map((step) => [step]);
    for (const part of programs) (await backend.load(manySteps(part, buffers), buffers)).run(1);
    return Promise.all(outputs.map((output) => backend.read(output)));
  };
  assert.equal(await drawn(true), await drawn(false));
});

test('many steps with parameters of their own share a pipeline and one buffer of parameters', async () => {
  const sizes = Array.from({ length: 300 }, (_, i) => i + 1);
  const buffers = [
    backend.allocate(300, 'f32', 'x'),
    ...sizes.map((size) => backend.allocate(300, 'f32', `y${size}`)),
  ];
  backend.write(buffers[0], new Float32Array(300).fill(1));
  const steps = sizes.map(
    (count, i): Step => ({ ...tick, kernel: 'assign', params: { count }, buffers: [0, i + 1] }),
  );
  const { buffersCreated, pipelinesCreated } = backend.counters;
  (await backend.load(manySteps(steps, buffers), buffers)).run(1);
  assert.is(backend.counters.buffersCreated - buffersCreated, 1);
  assert.is(backend.counters.pipelinesCreated - pipelinesCreated, 1);
  for (const size of sizes) {
    const copied = Array.from(await backend.read(buffers[size])).reduce((total, x) => total + x, 0);
    assert.is(copied, size);
  }
});

test('memory that is given back and taken again is zeros', async () => {
  const first = backend.allocate(300, 'f32', 'x');
  backend.write(first, new Float32Array(300).fill(5));
  await backend.synchronize();
  backend.free(first);
  const again = backend.allocate(300, 'f32', 'z');
  assert.equal(new Set(await backend.read(again)), new Set([0]));
  backend.free(again);
});

test('a buffer with several views counts as one binding', async () => {
  const { generated, ...rest } = increment(4);
  const views = Array.from({ length: 20 }, (_, i) => ({
    axes: [{ ...contiguousView([4]).axes[0] }],
    offset: i,
  }));
  const step: Step = {
    ...rest,
    generated: {
      ...generated,
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
    assert.is(backend.preferences.mlp, 'tiled');
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

test('a program that was disposed of destroys its parameters, and can be loaded anew on the same memory', async () => {
  const { device } = backend;
  const live = new Set<string>();
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    const name = `${descriptor.label} ${live.size}`;
    live.add(name);
    buffer.destroy = () => {
      live.delete(name);
      return destroy();
    };
    return buffer;
  };
  try {
    const buffers = [backend.allocate(2 ** 22, 'f32', 'x'), backend.allocate(2 ** 22, 'f32', 'y')];
    const before = new Set(live);
    backend.write(buffers[0], new Float32Array(100).fill(1));
    const program = oneStep({ ...tick, kernel: 'assign', params: { count: 100 }, buffers: [0, 1] }, buffers);
    for (let i = 0; i < 3; i++) {
      const executable = await backend.load(program, buffers);
      executable.run(1);
      assert.equal([...(await backend.read(buffers[1], 0, 2))], [1, 1]);
      executable.dispose();
      assert.throws(() => executable.run(1), /was disposed of/);
      if (executable.timeSteps) {
        const timed = await executable.timeSteps(1).catch((error: unknown) => error);
        assert.match(String(timed), /was disposed of/);
      }
      backend.write(buffers[1], new Float32Array(2));
    }
    const left = [...live].filter((name) => !before.has(name) && !name.startsWith('readback'));
    assert.equal(left, []);
    for (const buffer of buffers) backend.free(buffer);
    assert.equal(
      [...live].filter((name) => !name.startsWith('readback')),
      [],
    );
  } finally {
    device.createBuffer = create;
  }
});

test('one element past a limit is refused by its name', () => {
  const { maxStorageBufferBindingSize, maxBufferSize } = backend.device.limits;
  const limit =
    maxStorageBufferBindingSize <= maxBufferSize ? 'maxStorageBufferBindingSize' : 'maxBufferSize';
  const most = Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / 4);
  assert.throws(
    () => backend.allocate(most + 1, 'f32', 'x'),
    (error: unknown) => error instanceof BackendError && error.fault === 'limit' && error.limit === limit,
  );
});

test('no timer goes on once the device has answered', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const buffer = backend.allocate(4, 'f32', 'x');
  const before = timers();
  await backend.read(buffer);
  await backend.synchronize();
  assert.is(timers(), before);
  backend.free(buffer);
});

test.run();
