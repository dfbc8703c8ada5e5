// A second implementation, by other people: the dense layer in gpu.js agrees with ours, forward and backward.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DenseSize, denseData } from '../../bench/kernels/dense.ts';
import { type GpuJsMode, gpuJsDense } from '../../bench/kernels/gpujs-dense.ts';
import { dense } from '../../src/nn/mlp-op.ts';
import { grad, reshape } from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { evaluate } from '../helpers/devices.ts';

// gpu.js asks for `navigator.gpu`; Node has it from the package, on the software driver the runner sets up.
const { create, globals } = await import('webgpu');
Object.assign(globalThis, globals);
const gpu = create([]) as GPU;
Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });

const sizes: DenseSize[] = [
  { rows: 1, inputs: 1, outputs: 1 },
  { rows: 7, inputs: 5, outputs: 3 },
  { rows: 33, inputs: 17, outputs: 65 },
];

async function ours({ rows, inputs, outputs }: DenseSize, seed: number, activation: 'relu' | 'tanh') {
  return evaluate(
    ({ input }) => {
      const x = input('x', [1, rows, inputs]);
      const weight = input('weight', [1, inputs, outputs]);
      const bias = input('bias', [1, 1, outputs]);
      const y = dense(x, weight, bias, activation);
      const dy = reshape(input('dy', [rows, outputs]), [1, rows, outputs]);
      const [dx, dWeight, dBias] = grad(y, [x, weight, bias], dy);
      return { y, dx, dWeight, dBias };
    },
    { ...denseData({ rows, inputs, outputs }, seed) },
  );
}

for (const mode of ['cpu', 'webasm', 'webgpu'] as const satisfies readonly GpuJsMode[]) {
  for (const activation of ['tanh', 'relu'] as const) {
    test(`gpu.js ${mode}: x·W + b, ${activation}, and its gradients`, async () => {
      for (const [seed, size] of sizes.entries()) {
        const peer = gpuJsDense(size, denseData(size, seed), { mode, activation });
        assert.is(peer.name, `gpu.js ${mode}`);
        await peer.backward();
        const expected = await ours(size, seed, activation);
        const results = await peer.results();
        for (const [part, values] of Object.entries(expected)) {
          allclose(results.get(part) ?? [], values, { rtol: 2e-5, atol: 2e-5 }, `${part}, ${size.rows} rows`);
        }
        await peer.dispose();
      }
    });
  }
}

test.run();
