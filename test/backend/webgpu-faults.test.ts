// What goes wrong with a GPU becomes one typed error: which fault, which adapter, which limit, what to do.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WebGpuBackend } from '../../src/backend/webgpu/backend.ts';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { Device } from '../../src/device.ts';
import { BackendError, type DeviceFault } from '../../src/errors.ts';
import { exp, randomNormal, read, State, sum } from '../../src/tape/index.ts';
import { type Cell, runCell } from '../helpers/training.ts';

async function faultOf(attempt: () => unknown, fault: DeviceFault, message: RegExp): Promise<BackendError> {
  let error: unknown;
  try {
    await attempt();
  } catch (thrown) {
    error = thrown;
  }
  assert.instance(error, BackendError);
  const found = error as BackendError;
  assert.match(found.message, message);
  assert.not.match(found.message, '\n');
  assert.is(found.fault, fault);
  assert.ok(found.hint, 'it says what to do');
  return found;
}

async function withBackend(
  body: (backend: WebGpuBackend) => Promise<void>,
  options: Parameters<typeof openWebGpu>[0] = {},
): Promise<void> {
  const backend = await openWebGpu(options);
  try {
    await body(backend);
  } finally {
    await backend.dispose();
  }
}

/** The platform's adapters with other limits. */
function gpuWithLimits(limits: Readonly<Record<string, number>>): GPU {
  return {
    async requestAdapter() {
      const { create } = await import('webgpu');
      kept ??= create([]);
      const adapter = (await kept.requestAdapter()) as GPUAdapter;
      return new Proxy(adapter, {
        get(target, name) {
          if (name === 'limits')
            return new Proxy(target.limits, {
              get: (all, key) => limits[key as string] ?? Reflect.get(all, key),
            });
          const value = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  } as unknown as GPU;
}
// Dawn's root must outlive its devices.
let kept: GPU | undefined;

const small = () => ({ loss: sum(exp(read(new State('x', [4])))) });

test('a buffer past a limit: the limit is named', () =>
  withBackend(async (backend) => {
    const error = await faultOf(() => backend.allocate(2 ** 32, 'f32', 'replay'), 'limit', /'replay' needs/);
    assert.is(error.limit, 'maxStorageBufferBindingSize');
    assert.is(error.adapter, backend.description);
    assert.match(error.message, backend.description);
    assert.match(error.message, 'or the wasm backend.');
  }));

test('no memory: the buffer is named, and the device goes on', () =>
  withBackend(async (backend) => {
    const { device } = backend;
    const pop = device.popErrorScope.bind(device);
    device.popErrorScope = async () => {
      await pop();
      return { message: 'simulated' } as GPUError;
    };
    backend.allocate(1000, 'f32', 'replay');
    device.popErrorScope = pop;
    await faultOf(() => backend.synchronize(), 'memory', /no memory for 'replay' \(4.00 kB\): simulated/);
    await backend.synchronize();
  }));

test('a call that the device refuses', () =>
  withBackend(async (backend) => {
    backend.device.createBuffer({ size: 4, usage: 0 });
    await faultOf(() => backend.synchronize(), 'validation', /^The device reports: /);
  }));

test('a shader that does not compile: the line is shown', () =>
  withBackend(async (backend) => {
    const { device } = backend;
    const create = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) =>
      create({
        ...descriptor,
        code: descriptor.code.replace('@compute', 'fn broken() { let x: u32 = 1.5; } @compute'),
      });
    await faultOf(
      () => new Device(backend).compile(small),
      'shader',
      /does not compile: line \d+:\d+: .*u32.*«@compute/,
    );
  }));

test('a program that is refused leaves nothing, and what failed once may work later', () =>
  withBackend(async (backend) => {
    const { device } = backend;
    const memory = new Device(backend);
    const tables: GPUBuffer[] = [];
    const create = device.createBuffer.bind(device);
    let ended = 0;
    device.createBuffer = (descriptor) => {
      const buffer = create(descriptor);
      if (descriptor.label !== 'parameters of kernels') return buffer;
      tables.push(buffer);
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        ended++;
        destroy();
      };
      return buffer;
    };
    const [group, pipeline] = [device.createBindGroup, device.createComputePipelineAsync];
    device.createBindGroup = () => {
      throw new BackendError('No binding is left.');
    };
    // Draws, which take parameters.
    const program = () => ({ y: exp(randomNormal([3])) });
    await memory.compile(program).catch(() => undefined);
    assert.equal([tables.length, ended], [1, 1]);
    device.createBindGroup = group;
    device.createComputePipelineAsync = () => Promise.reject(new Error('simulated'));
    const other = () => ({ y: sum(exp(read(new State('y', [5])))) });
    await faultOf(() => memory.compile(other), 'shader', /cannot be built: simulated/);
    device.createComputePipelineAsync = pipeline;
    const update = await memory.compile(other);
    update.run();
    assert.is(await update.readScalar('y'), 5);
  }));

test('a device lost while it works', () =>
  withBackend(async (backend) => {
    const device = new Device(backend);
    const update = await device.compile(small);
    update.run(200);
    backend.device.destroy();
    const error = await faultOf(() => update.read('loss'), 'lost', /^The device was lost: /);
    assert.match(error.message, 'a training run resumes from its last checkpoint');
    await faultOf(() => backend.synchronize(), 'lost', /^The device was lost: /);
    await faultOf(
      () => device.compile(() => ({ y: exp(read(new State('y', [3]))) })),
      'lost',
      /^The device was lost: /,
    );
    // Known now, so that nothing more is asked of it.
    const state = new State('z', [3]);
    const uses = [
      () => update.run(),
      () => device.write(state, new Float32Array(3)),
      () => device.read(state),
    ];
    for (const use of uses) await faultOf(use, 'lost', /^The device was lost: /);
    update.dispose();
    await device.dispose();
    await faultOf(async () => update.run(), 'disposed', /device was disposed of/);
  }));

test('a device that does not answer', () =>
  withBackend(
    async (backend) => {
      backend.device.queue.onSubmittedWorkDone = () => new Promise(() => undefined);
      await faultOf(() => backend.synchronize(), 'timeout', /has not given the end of its work in 0\.05 s/);
      await faultOf(() => backend.synchronize(), 'timeout', /has not given/);
    },
    { patienceSeconds: 0.05 },
  ));

// What WebGPU promises of every adapter.
const least = {
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16_384,
};

test('an adapter with the least limits trains like any other', async () => {
  const cell: Cell = {
    environment: 'pendulum',
    estimator: 'reverse-kl/pathwise',
    options: { steps: 16, warmup: 10, evaluateEvery: 16, evaluationEpisodes: 1 },
  };
  const returns: unknown[] = [];
  for (const options of [{}, { gpu: gpuWithLimits(least) }]) {
    await withBackend(async (backend) => {
      if ('gpu' in options) assert.is(backend.information.maxStorageBuffersPerShaderStage, 8);
      returns.push(await runCell(new Device(backend), cell));
    }, options);
  }
  assert.equal(returns[1], returns[0]);
});

test('an adapter that says more than it gives has no device', async () => {
  await faultOf(
    () => openWebGpu({ gpu: gpuWithLimits({ maxStorageBuffersPerShaderStage: 1e6 }) }),
    'absent',
    /^The adapter gives no device: .*maxStorageBuffersPerShaderStage/,
  );
});

test.run();
