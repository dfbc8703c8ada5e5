// What a device does with its backend: all that it takes it gives back, once, and each option has an effect.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { type CompileOptions, Device, type Update } from '../../src/device.ts';
import { NumericsError, ShapeError, UsageError } from '../../src/errors.ts';
import { adam, mlp } from '../../src/nn/index.ts';
import { measureSpeed } from '../../src/open/crossover.ts';
import { open } from '../../src/open/open.ts';
import {
  add,
  assign,
  concat,
  constant,
  div,
  gradient,
  literal,
  matmul,
  mean,
  mul,
  randomNormal,
  read,
  State,
  square,
  sum,
} from '../../src/tape/index.ts';
import { countingBackend } from '../helpers/counting-backend.ts';
import { thrownBy } from '../helpers/thrown.ts';

/** A program with an input, outputs, constants in a buffer, temporaries and a state. */
const compile = (device: Device, state: State): Promise<Update> =>
  device.compile(({ input }) => {
    const x = input('x', [2, 3], 0);
    const y = matmul(matmul(x, literal(Float64Array.of(1, 2, 3, 4, 5, 6), [3, 2])), x);
    const z = concat([y, mul(y, constant(2))], 0);
    assign(state, add(read(state), 1));
    return { y, total: sum(z) };
  });

const counts = ({ held, loaded }: ReturnType<typeof countingBackend>) => [held.size, loaded.size];

test('a program gives back what it took, and no state', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const state = new State('count', [1]);
  const update = await compile(device, state);
  const kinds = new Set(update.program.buffers.map(({ kind }) => kind));
  assert.equal([...kinds].sort(), ['input', 'literal', 'output', 'state', 'temporary']);
  assert.is(backend.loaded.size, 1);
  update.dispose();
  assert.equal([...backend.held.values()], ['count']);
  assert.is(backend.loaded.size, 0);
  device.free(state);
  assert.equal(counts(backend), [0, 0]);
  await device.dispose();
  assert.equal(backend.wrong, []);
});

test('a device ends its programs before its backend, each once', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const state = new State('count', [1]);
  const [first, second] = [await compile(device, state), await compile(device, state)];
  first.dispose();
  assert.is(backend.loaded.size, 1);
  second.run();
  await device.dispose();
  assert.is(backend.loaded.size, 0);
  assert.equal([...backend.held.values()], ['count']);
  assert.ok(backend.ended);
  assert.equal(backend.wrong, []);
});

test('a freed state begins anew', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const state = new State('count', [1], Float32Array.of(5));
  const update = await compile(device, state);
  update.run(2);
  assert.equal([...(await device.read(state))], [7]);
  update.dispose();
  device.free(state);
  assert.equal([...(await device.read(state))], [5]);
  assert.equal(backend.wrong, []);
});

test('sections and traces leave nothing loaded', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const update = await compile(device, new State('count', [1]));
  update.write({ x: [1, 0, 0, 0, 1, 0] });
  const before = counts(backend);
  let steps = 0;
  for await (const { index } of update.trace()) {
    assert.is(index, steps++);
    assert.equal(counts(backend), before, `after step ${index}`);
  }
  assert.is(steps, update.program.steps.length);
  const section = await update.section(() => true);
  section.dispose();
  assert.equal(counts(backend), before);
  assert.equal(backend.wrong, []);
});

test('the measurement of a device leaves nothing on it', async () => {
  const backend = countingBackend();
  const speed = await measureSpeed(new Device(backend));
  assert.ok(speed.launchMs > 0 && speed.readbackMs >= 0 && speed.gflops > 0);
  assert.equal(counts(backend), [0, 0]);
  assert.equal(backend.wrong, []);
});

test('no update is no run, and a part of one is refused', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const update = await compile(device, new State('count', [1]));
  update.run(0);
  assert.equal(backend.runs, []);
  const early = await thrownBy(() => update.read('total'));
  assert.instance(early, UsageError);
  assert.match((early as Error).message, /no value yet/);
  for (const times of [-1, 0.5, Number.NaN])
    assert.instance(await thrownBy(() => update.run(times)), UsageError, String(times));
  for (const updates of [0, -1, 1.5])
    assert.instance(await thrownBy(() => update.timeSteps(updates)), UsageError, String(updates));
  update.run(3);
  assert.equal(backend.runs, [3]);
  await update.read('total');
});

test('states and inputs take finite numbers only', async () => {
  const device = new Device(countingBackend());
  const state = new State('count', [2]);
  const update = await compile(device, new State('other', [1]));
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const refused = await thrownBy(() => device.write(state, Float32Array.of(1, bad)));
    assert.instance(refused, NumericsError);
    assert.match((refused as Error).message, /state 'count' holds .* at element 1/);
    assert.instance(await thrownBy(() => update.write({ x: [0, 0, 0, 0, 0, bad] })), NumericsError);
  }
  device.write(state, Float32Array.of(3), 1);
  assert.equal([...(await device.read(state))], [0, 3]);
});

test('a state takes as many initial values as it has elements', () => {
  for (const count of [1, 3])
    assert.throws(
      () => new State('x', [2], new Float32Array(count)),
      (error: unknown) => error instanceof ShapeError && /2 elements\) but \d initial/.test(error.message),
    );
});

test('0 and −0 are two constants', async () => {
  const update = await new Device(countingBackend()).compile(({ input }) => {
    const x = input('x', [1]);
    return { above: div(x, 0), below: div(x, -0) };
  });
  update.write({ x: [1] });
  update.run();
  assert.is(await update.readScalar('above'), Number.POSITIVE_INFINITY);
  assert.is(await update.readScalar('below'), Number.NEGATIVE_INFINITY);
});

/** Kernels of an update of a network of three layers. */
async function kernelsWith(options: CompileOptions): Promise<string> {
  const device = new Device(countingBackend());
  const network = mlp({ inputs: 3, hidden: [8, 8], outputs: 1 });
  const optimiser = adam(network.parameters, { learningRate: 1e-2 });
  const update = await device.compile(({ input }) => {
    const loss = mean(square(network(input('x', [64, 3]))));
    optimiser.step(gradient(loss, network.parameters));
    return { loss };
  }, options);
  return update.program.steps
    .map((step) => (step.kind === 'generated' ? 'generated' : step.kernel))
    .join(' ');
}

test('each choice of how networks are computed has an effect', async () => {
  const whole = await kernelsWith({});
  assert.match(whole, /^mlp_forward .*mlp_backward_weights adam tick$/);
  assert.match(await kernelsWith({ joinedBindings: 10 }), 'mlp_backward_weights_adam');
  assert.not.match(await kernelsWith({ mlp: 'tiled' }), 'mlp');
});

test('a program draws by its seed', async () => {
  const draw = async (options: CompileOptions): Promise<string> => {
    const update = await new Device(countingBackend()).compile(() => ({ x: randomNormal([4]) }), options);
    update.run();
    return String(await update.read('x'));
  };
  const draws = await Promise.all([{}, { seed: 0 }, { seed: 1 }, { seed: 1 + 2 ** 32 }].map(draw));
  assert.is(draws[0], draws[1]);
  assert.is(new Set(draws).size, 3);
});

test('programs can be compiled while another is recorded', async () => {
  const device = new Device(countingBackend());
  let inner: Promise<Update> | undefined;
  const outer = await device.compile(({ input }) => {
    const x = input('x', [2]);
    inner = device.compile((recorder) => ({ twice: mul(recorder.input('x', [3]), 2) }));
    return { y: add(x, 1) };
  });
  const other = (await inner) as Update;
  outer.write({ x: [1, 2] });
  other.write({ x: [1, 2, 3] });
  outer.run();
  other.run();
  assert.equal([...(await outer.read('y'))], [2, 3]);
  assert.equal([...(await other.read('twice'))], [2, 4, 6]);
});

// Dawn's root must outlive its devices.
let kept: GPU | undefined;

/** The software adapter under another name, and what was asked of it. */
function adapterCalled(description: string) {
  const asked: { preferences: unknown[]; opened: number; ended: number } = {
    preferences: [],
    opened: 0,
    ended: 0,
  };
  const gpu = {
    async requestAdapter(options: GPURequestAdapterOptions) {
      asked.preferences.push(options.powerPreference);
      const { create } = await import('webgpu');
      kept ??= create([]);
      const adapter = (await kept.requestAdapter()) as GPUAdapter;
      const info = { vendor: 'v', architecture: 'a', device: 'd', description, isFallbackAdapter: false };
      return new Proxy(adapter, {
        get(target, name) {
          if (name === 'info') return info;
          if (name === 'requestDevice')
            return async (descriptor: GPUDeviceDescriptor) => {
              const device = await target.requestDevice(descriptor);
              asked.opened++;
              const destroy = device.destroy.bind(device);
              device.destroy = () => {
                asked.ended++;
                return destroy();
              };
              return device;
            };
          const value = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  } as unknown as GPU;
  return { gpu, asked };
}

test('auto ends the adapter that it does not use', async () => {
  const { gpu, asked } = adapterCalled('llvmpipe');
  const device = await open({ webgpu: { gpu, powerPreference: 'low-power' } });
  assert.is(device.backend.name, 'wasm');
  assert.equal(asked, { preferences: ['low-power'], opened: 1, ended: 1 });
  await device.dispose();
});

test('auto takes a GPU, and of two devices ends the one that should take longer', async () => {
  const { gpu, asked } = adapterCalled('Some GPU');
  const found = await open({ webgpu: { gpu } });
  assert.is(found.backend.name, 'webgpu');
  await found.dispose();
  assert.equal(asked, { preferences: ['high-performance'], opened: 1, ended: 1 });
  // Whichever it is: where the fallback is taken, the GPU ends at once.
  const chosen = await open({ webgpu: { gpu }, work: { flops: 1, kernels: 1e6 } });
  assert.is(asked.opened, 2);
  assert.is(asked.ended, chosen.backend.name === 'webgpu' ? 1 : 2);
  assert.match(chosen.reason, /should take .* on the GPU .* and .* on wasm/);
  await chosen.dispose();
  assert.is(asked.ended, 2);
});

test('what is finite in float64 only is refused where float32 is stored', async () => {
  for (const precision of ['f32', 'f64'] as const) {
    const device = new Device(createCpuBackend({ precision }));
    const state = new State('held', [2]);
    const update = await device.compile(({ input }) => ({ y: add(input('x', [2]), read(state)) }));
    for (const write of [
      () => update.write({ x: [0, -1e39] }),
      () => device.write(state, Float64Array.of(0, 1e39) as never),
    ]) {
      if (precision === 'f64') write();
      else
        assert.throws(
          write,
          (error: Error) => error instanceof NumericsError && /beyond float32/.test(error.message),
        );
    }
    await device.dispose();
  }
});

test.run();
