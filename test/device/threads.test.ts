// The wasm backend's builds and threads, in every runtime: results must not depend on the number of threads, bit for
// bit, and builds agree to rounding. On other backends there is nothing to compare.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Values } from '../../src/backend/backend.ts';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { simdVariants, type WasmOptions } from '../../src/backend/wasm/options.ts';
import { BackendError } from '../../src/errors.ts';
import { testBackend } from '../helpers/devices.ts';
import { assertClose, Data, runKernelOn } from '../helpers/kernel-run.ts';

const network = {
  nets: 2,
  rows: 200,
  layers: 3,
  activation: 2,
  x0Offset: 0,
  x0Stride: 10,
  x0Rows: 200,
  x0Width: 10,
  x1Offset: 0,
  x1Stride: 3,
  x1Rows: 200,
  x1Width: 3,
  d0: 13,
  d1: 128,
  d2: 96,
  d3: 2,
};
const hidden = 2 * 200 * (128 + 96);
const count = 2 * (14 * 128 + 129 * 96 + 97 * 2);

/** A network forward and backward and an optimiser step: all kernels whose items threads share. */
async function results(backend: Backend): Promise<Record<string, Values>> {
  const data = new Data(31);
  const inputs = { x0: data.normal(2000), x1: data.normal(600), parameters: data.normal(count, 0.1) };
  const forward = await runKernelOn(
    backend,
    'mlp_forward',
    { ...network, storeSaved: 1 },
    { ...inputs, y: 800, saved: hidden },
  );
  const { saved } = forward as { saved: Float32Array };
  const dy = data.normal(800);
  const flags = { storeDz: 1, storeDx0: 1, storeDx1: 1 };
  const back = await runKernelOn(
    backend,
    'mlp_backward_inputs',
    { ...network, ...flags },
    { dy, parameters: inputs.parameters, saved, dz: hidden, dx0: 2000, dx1: 600 },
  );
  const { dz } = back as { dz: Float32Array };
  const weights = await runKernelOn(backend, 'mlp_backward_weights', network, {
    ...inputs,
    saved,
    dz,
    dy,
    dparameters: count,
  });
  return {
    y: forward.y,
    saved,
    dz,
    dx0: back.dx0,
    dx1: back.dx1,
    dparameters: weights.dparameters,
  };
}

/** Opens a build, or nothing where the engine lacks it. */
async function present(options: WasmOptions): Promise<Backend | undefined> {
  try {
    return await openWasm(options);
  } catch (error) {
    if (error instanceof BackendError) return undefined;
    throw error;
  }
}

if (testBackend() === 'wasm') {
  test('one thread and several give the same bits, and workers end', async () => {
    for (const simd of simdVariants) {
      const single = await present({ simd, threads: 1 });
      if (!single) continue;
      const expected = await results(single);
      await single.dispose();
      for (const threads of [2, 3]) {
        const backend = await openWasm({ simd, threads });
        const actual = await results(backend);
        for (const [name, values] of Object.entries(expected)) {
          assert.equal(actual[name], values, `${simd}, ${threads} threads, ${name}`);
        }
        if (backend.information.sharedMemory) assert.is(backend.information.threads, threads);
        await backend.dispose();
      }
    }
  });

  test('a step of millions of items is shared whole', async () => {
    const outer = 2 ** 20 + 3;
    const x = new Data(5).normal(outer);
    const backend = await openWasm({ threads: 2 });
    const params = { outer, entries: 1, picks: 1, inner: 1 };
    const { y } = await runKernelOn(backend, 'scatter_add', params, {
      x,
      index: new Float32Array(outer),
      y: outer,
    });
    assert.equal(y, x);
    await backend.dispose();
  });

  test('the builds agree to rounding', async () => {
    const scalar = await openWasm({ simd: 'scalar' });
    const expected = await results(scalar);
    await scalar.dispose();
    for (const simd of ['relaxed', 'simd'] as const) {
      const backend = await present({ simd, threads: 1 });
      if (!backend) continue;
      const actual = await results(backend);
      for (const [name, values] of Object.entries(expected)) {
        // Sums of up to 200 terms, in another order or with one rounding less a term.
        assertClose(actual[name], values, `${simd} ${name}`, { rtol: 5e-6, scale: 1 });
      }
      await backend.dispose();
    }
  });
} else test('only the wasm backend has builds and threads', () => undefined);

test.run();
