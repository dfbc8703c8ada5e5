// One dense layer, y = relu(x·W + b), forward and backward, on this library's backends and on a peer.
import type { Values } from '../../src/backend/backend.ts';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device, type Update } from '../../src/device.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { median } from '../../src/math/statistics.ts';
import { type Agreement, agreementOf } from '../../src/measure/agreement.ts';
import { dense } from '../../src/nn/mlp-op.ts';
import { grad, reshape } from '../../src/tape/index.ts';

export interface DenseSize {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** Row-major arrays of one problem: x [rows, inputs], weight [inputs, outputs], bias [outputs], dy as y. */
export interface DenseData {
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly dy: Float32Array;
}

/** One implementation, ready to run. A pass resolves when its results are on the device. */
export interface DenseRunner {
  readonly name: string;
  forward(): Promise<void>;
  /** Forward, then the gradients of x, weight and bias. */
  backward(): Promise<void>;
  /** What the last passes computed, row-major: y, dx, dWeight and dBias. */
  results(): Promise<ReadonlyMap<string, Values>>;
  dispose(): void | Promise<void>;
}

export const denseSizes: readonly DenseSize[] = [
  { rows: 64, inputs: 64, outputs: 64 },
  { rows: 256, inputs: 64, outputs: 64 },
  { rows: 256, inputs: 256, outputs: 256 },
];

/** Multiply and add count as two; backward is a forward and two products of the same size. */
export const denseFlops = ({ rows, inputs, outputs }: DenseSize) => ({
  forward: 2 * rows * inputs * outputs,
  backward: 6 * rows * inputs * outputs,
});

export function denseData({ rows, inputs, outputs }: DenseSize, seed: number): DenseData {
  const random = new PhiloxStream(seed, 'benchInputs');
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.nextNormal());
  return {
    x: normals(rows * inputs),
    weight: normals(inputs * outputs),
    bias: normals(outputs),
    dy: normals(rows * outputs),
  };
}

/** This library's kernels on a device. */
export async function ownDense(device: Device, size: DenseSize, data: DenseData): Promise<DenseRunner> {
  const { rows, inputs, outputs } = size;
  const layer = (kind: 'forward' | 'backward'): Promise<Update> =>
    device.compile(({ input }) => {
      const x = input('x', [1, rows, inputs]);
      const weight = input('weight', [1, inputs, outputs]);
      const bias = input('bias', [1, 1, outputs]);
      const y = dense(x, weight, bias, 'relu');
      if (kind === 'forward') return { y };
      const dy = reshape(input('dy', [rows, outputs]), [1, rows, outputs]);
      const [dx, dWeight, dBias] = grad(y, [x, weight, bias], dy);
      return { dx, dWeight, dBias };
    });
  const updates = { forward: await layer('forward'), backward: await layer('backward') };
  const { dy: _unused, ...forwardData } = data;
  updates.forward.write({ ...forwardData });
  updates.backward.write({ ...data });
  const pass = async (update: Update) => {
    update.run();
    await device.backend.synchronize();
  };
  return {
    name: device.backend.name,
    forward: () => pass(updates.forward),
    backward: () => pass(updates.backward),
    results: async () => {
      const results = new Map<string, Values>();
      for (const update of Object.values(updates))
        for (const name of update.program.outputs.keys()) results.set(name, await update.read(name));
      return results;
    },
    dispose: () => {
      updates.forward.dispose();
      updates.backward.dispose();
    },
  };
}

/** How far a pass of each runner is from this library's on the cpu in float64, in their order. */
export async function judgeDense(
  runners: readonly DenseRunner[],
  size: DenseSize,
  data: DenseData,
): Promise<Agreement[]> {
  const reference = await ownDense(new Device(createCpuBackend({ precision: 'f64' })), size, data);
  const [expected, ...found] = await Promise.all(
    [reference, ...runners].map(async (runner) => {
      await runner.forward();
      await runner.backward();
      return runner.results();
    }),
  );
  await reference.dispose();
  return found.map((results) => agreementOf(results, expected, 'the cpu in float64'));
}

export interface DenseRow {
  readonly name: string;
  readonly size: DenseSize;
  readonly forwardMs: number;
  readonly backwardMs: number;
}

/** Measures runners in turn, round by round; each pass waits for its result, as the peer's interface does. */
export async function measureDense(
  runners: readonly DenseRunner[],
  size: DenseSize,
  rounds: number,
): Promise<DenseRow[]> {
  const times = runners.map(() => ({ forward: [] as number[], backward: [] as number[] }));
  for (let round = -warmups; round < rounds; round++) {
    for (const [i, runner] of runners.entries()) {
      for (const pass of ['forward', 'backward'] as const) {
        const start = performance.now();
        await runner[pass]();
        if (round >= 0) times[i][pass].push(performance.now() - start);
      }
    }
  }
  return runners.map(({ name }, i) => ({
    name,
    size,
    forwardMs: median(times[i].forward),
    backwardMs: median(times[i].backward),
  }));
}

/** Rounds before the first that counts, for compilers and caches. */
const warmups = 2;
