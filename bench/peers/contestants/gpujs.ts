// gpu.js, a generic transpiler: the dense layers of the update as one of its pipelines.
import { GPU, type IKernelFunctionThis, Input } from 'gpu.js';
import type { Contestant, Opening } from '../contestant.ts';
import { headGradients, initialNetworks, type Layer, workData, workSizes } from '../work.ts';
import { describeAdapter, peerVersions } from './platform.ts';

type This = IKernelFunctionThis<Record<string, number>>;
type Matrix = number[][];
type Kernel = (...operands: unknown[]) => unknown;
type Pipeline = (() => Promise<Record<string, unknown>>) & {
  readonly executorKind: string;
  readonly backend: string;
  readonly fallbackReason: string | null;
};

// gpu.js translates these from their source text, so each stands alone: x is the column, y the row.
function forwardRelu(this: This, x: Matrix, weight: Matrix, bias: number[]): number {
  let sum = bias[this.thread.x];
  for (let k = 0; k < this.constants.inner; k++) sum += x[this.thread.y][k] * weight[k][this.thread.x];
  return Math.max(sum, 0);
}
function forwardLinear(this: This, x: Matrix, weight: Matrix, bias: number[]): number {
  let sum = bias[this.thread.x];
  for (let k = 0; k < this.constants.inner; k++) sum += x[this.thread.y][k] * weight[k][this.thread.x];
  return sum;
}
/** Gradient of a hidden layer before its relu: 0 where the layer is 0. */
function backwardRelu(this: This, dz: Matrix, weight: Matrix, y: Matrix): number {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++) sum += dz[this.thread.y][k] * weight[this.thread.x][k];
  if (y[this.thread.y][this.thread.x] > 0) return sum;
  return 0;
}
/** Gradient of the inputs from `first` on. */
function backwardInput(this: This, dz: Matrix, weight: Matrix): number {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++)
    sum += dz[this.thread.y][k] * weight[this.constants.first + this.thread.x][k];
  return sum;
}
function weightGradient(this: This, x: Matrix, dz: Matrix): number {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++) sum += x[k][this.thread.y] * dz[k][this.thread.x];
  return sum;
}
function biasGradient(this: This, dz: Matrix): number {
  let sum = 0;
  for (let k = 0; k < this.constants.inner; k++) sum += dz[k][this.thread.x];
  return sum;
}

export async function openGpuJs({ backend, task, work, seed }: Opening): Promise<Contestant> {
  if (task !== 'layers') throw new Error('gpu.js has no gradients: it does the dense layers only');
  const size = workSizes[work];
  const { observations, actions, batch, hidden } = size;
  const adapter = backend === 'webgpu' ? await describeAdapter() : '';
  const start = performance.now();
  const gpu = new GPU({ mode: backend === 'wasm' ? 'webasm' : backend });

  const kernels = new Map<string, Kernel>();
  const kernel = (source: unknown, output: number[], constants: Record<string, number>): Kernel => {
    const key = `${(source as { name: string }).name} ${output} ${JSON.stringify(constants)}`;
    const known = kernels.get(key);
    if (known) return known;
    const made = gpu.createKernel(source as never, { output, constants } as never) as unknown as Kernel;
    kernels.set(key, made);
    return made;
  };
  const matrix = (values: Float32Array, columns: number) =>
    new Input(values as never, [columns, values.length / columns]);
  /** Rows of states beside rows of actions. */
  const beside = (states: Float32Array, chosen: Float32Array) => {
    const width = observations + actions;
    const rows = new Float32Array(batch * width);
    for (let i = 0; i < batch; i++) {
      rows.set(states.subarray(i * observations, (i + 1) * observations), i * width);
      rows.set(chosen.subarray(i * actions, (i + 1) * actions), i * width + observations);
    }
    return matrix(rows, width);
  };
  const network = (layers: readonly Layer[]) =>
    layers.map(({ inputs, outputs, weight, bias }) => ({
      inputs,
      outputs,
      weight: matrix(weight, outputs),
      bias: new Input(bias as never, [bias.length]),
    }));
  type Network = ReturnType<typeof network>;
  const { policy: policyLayers, critics: criticLayers } = initialNetworks(size, seed);
  const policy = network(policyLayers);
  const critics = criticLayers.map(network);
  const data = workData(size, seed);
  const heads = headGradients(size, seed);
  const states = matrix(data.states, observations);
  const nextStates = matrix(data.nextStates, observations);
  const stored = beside(data.states, data.actions);
  const next = beside(data.nextStates, data.nextNoise);
  const chosen = beside(data.states, data.policyNoise);
  const half = (values: Float32Array, i: number) => matrix(values.slice(i * batch, (i + 1) * batch), 1);

  /** What each layer is given, and the head last. */
  const forward = (layers: Network, x: unknown): unknown[] => {
    const values = [x];
    layers.forEach(({ inputs, outputs, weight, bias }, i) => {
      const source = i < layers.length - 1 ? forwardRelu : forwardLinear;
      values.push(kernel(source, [outputs, batch], { inner: inputs })(values[i], weight, bias));
    });
    return values;
  };
  /** Gradients before each layer's activation. */
  const backward = (layers: Network, values: readonly unknown[], dHead: unknown): unknown[] => {
    const gradients = [dHead];
    for (let i = layers.length - 1; i > 0; i--) {
      const { inputs, outputs, weight } = layers[i];
      gradients.unshift(
        kernel(backwardRelu, [inputs, batch], { inner: outputs })(gradients[0], weight, values[i]),
      );
    }
    return gradients;
  };
  const parameterGradients = (layers: Network, x: unknown, dHead: unknown): unknown[] => {
    const values = forward(layers, x);
    const gradients = backward(layers, values, dHead);
    return layers.flatMap(({ inputs, outputs }, i) => [
      kernel(weightGradient, [outputs, inputs], { inner: batch })(values[i], gradients[i]),
      kernel(biasGradient, [outputs], { inner: batch })(gradients[i]),
    ]);
  };
  const everything = (): Record<string, unknown> => {
    const results: Record<string, unknown> = {};
    results.nextHead = forward(policy, nextStates).at(-1);
    critics.forEach((layers, i) => {
      results[`nextValue${i}`] = forward(layers, next).at(-1);
      parameterGradients(layers, stored, half(heads.critics, i)).forEach((gradient, j) => {
        results[`critics${i}.${j}`] = gradient;
      });
      const dz = backward(layers, forward(layers, chosen), half(heads.value, i))[0];
      const constants = { inner: hidden, first: observations };
      results[`chosen${i}`] = kernel(backwardInput, [actions, batch], constants)(dz, layers[0].weight);
    });
    parameterGradients(policy, states, matrix(heads.policy, 2 * actions)).forEach((gradient, j) => {
      results[`policy.${j}`] = gradient;
    });
    return results;
  };
  // Every step of a plan is computed, whatever it returns; the one that is timed reads back as little as it can.
  const whole = gpu.createPipeline(everything as never) as unknown as Pipeline;
  const least = gpu.createPipeline((() => ({
    last: everything().nextValue1,
  })) as never) as unknown as Pipeline;
  await least();
  const firstUpdateMs = performance.now() - start;
  return {
    facts: {
      version: peerVersions['gpu.js'],
      description: [
        adapter,
        `${least.backend}, ${least.executorKind}${least.fallbackReason ? ` (${least.fallbackReason})` : ''}`,
      ]
        .filter(Boolean)
        .join(', '),
      threads: least.executorKind === 'fused-threaded' ? null : backend === 'webgpu' ? null : 1,
      firstUpdateMs,
    },
    run: async (updates) => {
      for (let i = 0; i < updates; i++) await least();
    },
    losses: async () => {
      throw new Error('gpu.js has no losses');
    },
    layers: async () => {
      const results = await whole();
      const flat = (name: string) => flatten(results[name]);
      const joined = (names: string[]) => Float32Array.from(names.flatMap(flat));
      const parameters = (name: string) =>
        policy.flatMap((_, i) => [`${name}.${2 * i}`, `${name}.${2 * i + 1}`]);
      // Both critics lead to the action: their gradients add.
      const [first, second] = [flat('chosen0'), flat('chosen1')];
      return {
        nextHead: joined(['nextHead']),
        nextValue: joined(['nextValue0', 'nextValue1']),
        critics: joined([...parameters('critics0'), ...parameters('critics1')]),
        policy: joined(parameters('policy')),
        chosen: Float32Array.from(first, (value, i) => value + second[i]),
      };
    },
    dispose: async () => {
      await gpu.destroy();
    },
  };
}

const flatten = (values: unknown): number[] =>
  typeof values === 'number' ? [values] : Array.from(values as ArrayLike<unknown>).flatMap(flatten);
