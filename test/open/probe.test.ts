// A backend with a planted fault is not trusted: the probe finds it, names the kernel, and `auto` takes the next one.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/backend/backend.ts';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { ProbeError } from '../../src/errors.ts';
import { open } from '../../src/open/open.ts';
import { deviation, nudged } from '../../src/open/probe/agreement.ts';
import { agreed, probe } from '../../src/open/probe/quick.ts';
import { plantedGpu, signs, withPlantedWasm } from '../helpers/planted.ts';

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const agreement = suite('agreement');

agreement('a deviation counts in what is allowed of the largest value', () => {
  const { factor, element, found, expected } = deviation(
    Float32Array.of(1, 2.5, -100),
    Float64Array.of(1, 2, -100),
  );
  assert.equal({ element, found, expected }, { element: 1, found: 2.5, expected: 2 });
  // 0.5 of 1e-4 · 100
  assert.ok(Math.abs(factor - 50) < 1e-9, String(factor));
});

agreement('what the reference itself moves by is allowed', () => {
  const [found, expected] = [Float32Array.of(1.001), Float64Array.of(1)];
  assert.ok(deviation(found, expected).factor > 1);
  assert.ok(deviation(found, expected, Float64Array.of(1.0002)).factor < 1);
});

agreement('words must be equal, and NaN, infinity and zeros are never near a number', () => {
  assert.ok(deviation(Uint32Array.of(4294967294), Uint32Array.of(4294967295)).factor > 1);
  for (const [found, expected] of [
    [Number.NaN, 1],
    [1, Number.NaN],
    [Number.POSITIVE_INFINITY, 1],
    [1, Number.POSITIVE_INFINITY],
    [1e-30, 0],
  ])
    assert.ok(
      deviation(Float32Array.of(found), Float64Array.of(expected)).factor > 1,
      `${found} ${expected}`,
    );
  assert.is(deviation(Float32Array.of(Number.NaN, 0), Float64Array.of(Number.NaN, 0)).factor, 0);
});

agreement('inputs move by their last digit, but for whole numbers, which may be indices', () => {
  const moved = nudged(Float32Array.of(0.5, 0.25, 3, 0));
  assert.equal([...moved.slice(2)], [3, 0]);
  assert.ok(moved[0] > 0.5 && moved[0] < 0.5 + 2 ** -23 && moved[1] < 0.25 && moved[1] > 0.25 - 2 ** -24);
  assert.equal([...nudged(Uint32Array.of(7))], [7]);
});
agreement.run();

const webgpu = suite('webgpu');

webgpu('few pipelines, and nothing is left on the device', async () => {
  for (const options of [{}, { f16: true }]) {
    const backend = await openWebGpu(options);
    await probe(backend);
    // A product a layer, with all else on its own, is more kernels than whole networks.
    const most = backend.preferences.mlp === 'fused' ? 6 : 8;
    assert.ok(backend.counters.pipelinesCreated <= most, String(backend.counters.pipelinesCreated));
    const before = { ...backend.counters };
    await probe(backend);
    assert.equal(backend.counters, before, 'a second time costs nothing');
    await backend.dispose();
  }
});

webgpu('a sign turned round is found, and auto takes wasm and says why', async () => {
  const gpu = plantedGpu('Planted', signs.adam);
  const error = await failure(open({ backend: 'webgpu', webgpu: { gpu } }));
  assert.instance(error, ProbeError);
  const { code, adapter, kernel, found, expected, hint, message } = error as ProbeError;
  assert.is(code, 'probe');
  assert.match(adapter, /Planted/);
  assert.match(kernel, /adam/);
  assert.ok(Number.isFinite(found) && Number.isFinite(expected) && found !== expected);
  for (const part of [adapter, kernel, String(found), String(expected)])
    assert.ok(message.includes(part), part);
  assert.match(hint ?? '', /Use the wasm backend/);

  const device = await open({ webgpu: { gpu } });
  assert.is(device.backend.name, 'wasm');
  assert.match(device.reason, /WebGPU is not used: .*Planted.*wrong numbers.*adam/);
  await device.dispose();
});

webgpu('the same adapter without the fault is taken; without a probe so is the faulty one', async () => {
  for (const options of [
    { webgpu: { gpu: plantedGpu('Sound') } },
    { webgpu: { gpu: plantedGpu('Planted', signs.adam) }, probe: false },
  ]) {
    const device = await open(options);
    assert.is(device.backend.name, 'webgpu');
    await device.dispose();
  }
});
webgpu.run();

const wasm = suite('wasm');

/** The first subtraction whose turned sign the probe sees: not every one is in what it runs. */
async function firstFound(): Promise<number> {
  for (let which = 0; which < 100; which++) {
    agreed.clear();
    const error = await failure(withPlantedWasm(which, () => open({ backend: 'wasm' })));
    if (error instanceof ProbeError) return which;
    assert.is(error, undefined);
  }
  throw new Error('no planted fault was found');
}

wasm('a sign turned round is found, and auto takes the cpu and says why', async () => {
  const which = await firstFound();
  await withPlantedWasm(which, async () => {
    const error = await failure(open({ backend: 'wasm' }));
    assert.instance(error, ProbeError);
    assert.match((error as ProbeError).adapter, /^wasm/);
    assert.match((error as ProbeError).hint ?? '', /Use the cpu backend/);
    const device = await open();
    assert.is(device.backend.name, 'cpu');
    assert.match(device.reason, /wasm is not used: wasm.*wrong numbers/);
    await device.dispose();
    const unasked = await open({ backend: 'wasm', probe: false });
    assert.is(unasked.backend.name, 'wasm');
    await unasked.dispose();
  });
});

wasm('every build agrees', async () => {
  for (const simd of ['relaxed', 'simd', 'scalar'] as const) {
    const backend = await failureOr(openWasm({ simd }));
    if (!backend) continue; // this engine has no such build
    await probe(backend);
    await backend.dispose();
  }
});

const failureOr = (promise: Promise<Backend>): Promise<Backend | undefined> => promise.catch(() => undefined);

wasm('the cpu agrees with itself', async () => {
  await probe(createCpuBackend());
});
wasm.run();
