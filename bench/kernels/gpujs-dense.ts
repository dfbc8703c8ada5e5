// The dense layer written with gpu.js: an independent implementation for the tests, a baseline for the bench.
import { GPU, type IKernelFunctionThis, type KernelFunction } from 'gpu.js';
import type { DenseData, DenseRunner, DenseSize } from './dense.ts';

/** `webgpu` needs `navigator.gpu`, so not plain Node; the others run anywhere. */
export type GpuJsMode = 'cpu' | 'webasm' | 'webgpu';

export interface GpuJsOptions {
  readonly mode?: GpuJsMode;
  readonly activation?: 'relu' | 'tanh';
}

type Rows = Float32Array[];
interface Constants {
  readonly inner: number;
  readonly tanh: number;
}
type This = IKernelFunctionThis<Constants & Record<string, number>>;

// gpu.js translates these from their source text, so each stands alone: x is the column, y the row.
function forwardKernel(this: This, x: Rows, weight: Rows, bias: Float32Array): number {
  let sum = bias[this.thread.x];
  for (let k = 0; k < this.constants.inner; k++) sum += x[this.thread.y][k] * weight[k][this.thread.x];
  if (this.constants.tanh > 0) return Math.tanh(sum);
  return Math.max(sum, 0);
}
function dzKernel(this: This, dy: Rows, y: Rows): number {
  const value = y[this.thread.y][this.thread.x];
  const g = dy[this.thread.y][this.thread.x];
  if (this.constants.tanh > 0) return g * (1 - value * value);
  if (value > 0) return g;
  return 0;
}
function dxKernel(this: This, dz: Rows, weight: Rows): number {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++) sum += dz[this.thread.y][k] * weight[this.thread.x][k];
  return sum;
}
function dWeightKernel(this: This, x: Rows, dz: Rows): number {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++) sum += x[k][this.thread.y] * dz[k][this.thread.x];
  return sum;
}
function dBiasKernel(this: This, dz: Rows): number {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++) sum += dz[k][this.thread.x];
  return sum;
}

const rowsOf = (values: Float32Array, rows: number): Rows => {
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, i) => values.slice(i * width, (i + 1) * width));
};
const flat = (rows: Rows): Float32Array => Float32Array.from(rows.flatMap((row) => [...row]));

/**
 * y = activation(x·W + b) and its gradients by gpu.js.
 *
 * @throws Error when this platform lacks the mode
 */
export function gpuJsDense(
  { rows, inputs, outputs }: DenseSize,
  data: DenseData,
  { mode = 'cpu', activation = 'relu' }: GpuJsOptions = {},
): DenseRunner {
  const gpu = new GPU({ mode });
  const tanh = Number(activation === 'tanh');
  // Asynchronous in some modes, so every result is awaited.
  const kernel = (source: unknown, output: number[], inner: number) =>
    gpu.createKernel(source as KernelFunction, { output, constants: { inner, tanh } }) as unknown as (
      ...operands: unknown[]
    ) => unknown;
  const forward = kernel(forwardKernel, [outputs, rows], inputs);
  const toDz = kernel(dzKernel, [outputs, rows], 1);
  const toDx = kernel(dxKernel, [inputs, rows], outputs);
  const toDWeight = kernel(dWeightKernel, [outputs, inputs], rows);
  const toDBias = kernel(dBiasKernel, [outputs], rows);

  const x = rowsOf(data.x, rows);
  const weight = rowsOf(data.weight, inputs);
  const dy = rowsOf(data.dy, rows);
  const empty = new Float32Array(0);
  const last: { y: Rows; dx: Rows; dWeight: Rows; dBias: Float32Array } = {
    y: [],
    dx: [],
    dWeight: [],
    dBias: empty,
  };
  const run = async () => {
    last.y = (await forward(x, weight, data.bias)) as Rows;
  };
  return {
    name: `gpu.js ${mode}`,
    forward: run,
    backward: async () => {
      await run();
      const dz = (await toDz(dy, last.y)) as Rows;
      last.dx = (await toDx(dz, weight)) as Rows;
      last.dWeight = (await toDWeight(x, dz)) as Rows;
      last.dBias = (await toDBias(dz)) as Float32Array;
    },
    results: async () =>
      new Map(
        Object.entries({
          y: flat(last.y),
          dx: flat(last.dx),
          dWeight: flat(last.dWeight),
          dBias: last.dBias,
        }),
      ),
    dispose: async () => {
      await gpu.destroy();
    },
  };
}
