// TensorFlow.js: eager kernels, fused dense layers, its own Adam.
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import type { Contestant, Opening } from '../contestant.ts';
import { initialNetworks, type Layer, rates, workData, workSizes } from '../work.ts';
import { describeAdapter, wasmFolder } from './platform.ts';

interface DenseLayer {
  readonly weight: tf.Variable<tf.Rank.R2>;
  readonly bias: tf.Variable<tf.Rank.R1>;
}

export async function openTfjs({ backend, work, seed, threads }: Opening): Promise<Contestant> {
  const size = workSizes[work];
  const start = performance.now();
  const description = await startBackend(backend, threads);

  const network = (layers: readonly Layer[], trainable = true): DenseLayer[] =>
    layers.map(({ inputs, outputs, weight, bias }) => ({
      weight: tf.variable(tf.tensor2d(weight, [inputs, outputs]), trainable),
      bias: tf.variable(tf.tensor1d(bias), trainable),
    }));
  const initial = initialNetworks(size, seed);
  const policy = network(initial.policy);
  const critics = initial.critics.map((layers) => network(layers));
  const targets = initial.critics.map((layers) => network(layers, false));
  const variables = (layers: readonly DenseLayer[]) => layers.flatMap(({ weight, bias }) => [weight, bias]);
  const policyVariables = variables(policy);
  const criticVariables = critics.flatMap(variables);
  const targetVariables = targets.flatMap(variables);
  const { learningRate, beta1, beta2, epsilon } = rates;
  const policyOptimiser = tf.train.adam(learningRate, beta1, beta2, epsilon);
  const criticOptimiser = tf.train.adam(learningRate, beta1, beta2, epsilon);

  const host = workData(size, seed);
  const matrix = (values: Float32Array) => tf.tensor2d(values, [size.batch, values.length / size.batch]);
  const data = {
    states: matrix(host.states),
    actions: matrix(host.actions),
    rewards: tf.tensor1d(host.rewards),
    terminated: tf.tensor1d(host.terminated),
    nextStates: matrix(host.nextStates),
    nextNoise: matrix(host.nextNoise),
    policyNoise: matrix(host.policyNoise),
  };

  const apply = (layers: readonly DenseLayer[], input: tf.Tensor2D): tf.Tensor2D =>
    layers.reduce(
      (x, { weight, bias }, i) =>
        tf.fused.matMul({
          a: x,
          b: weight as tf.Tensor2D,
          bias,
          activation: i < layers.length - 1 ? 'relu' : 'linear',
        }) as tf.Tensor2D,
      input,
    );
  const sample = (states: tf.Tensor2D, noise: tf.Tensor2D) => {
    const head = apply(policy, states);
    const mean = head.slice([0, 0], [size.batch, size.actions]);
    const logStd = head
      .slice([0, size.actions], [size.batch, size.actions])
      .clipByValue(rates.logStdMin, rates.logStdMax);
    const latent = mean.add(logStd.exp().mul(noise));
    const density = noise.square().mul(-0.5).sub(logStd).sub(HALF_LOG_TWO_PI);
    const volume = tf.sub(Math.LN2, latent).sub(latent.mul(-2).softplus()).mul(2);
    return { actions: latent.tanh() as tf.Tensor2D, logProb: density.sub(volume).sum(-1) as tf.Tensor1D };
  };
  const valuesOf = (networks: readonly DenseLayer[][], states: tf.Tensor2D, actions: tf.Tensor2D) => {
    const inputs = tf.concat2d([states, actions], 1);
    return networks.map((layers) => apply(layers, inputs).squeeze([1]) as tf.Tensor1D);
  };

  let last: { criticLoss: tf.Scalar; policyLoss: tf.Scalar } | undefined;
  const update = (): void => {
    const losses = tf.tidy(() => {
      const next = sample(data.nextStates, data.nextNoise);
      const [first, second] = valuesOf(targets, data.nextStates, next.actions);
      const soft = tf.minimum(first, second).sub(next.logProb.mul(rates.temperature));
      const target = data.rewards.add(
        tf.sub(1, data.terminated).mul(rates.discount).mul(soft),
      ) as tf.Tensor1D;
      const criticLoss = criticOptimiser.minimize(
        () =>
          valuesOf(critics, data.states, data.actions)
            .map((q) => q.sub(target).square().mean())
            .reduce((a, b) => a.add(b)) as tf.Scalar,
        true,
        criticVariables,
      );
      const policyLoss = policyOptimiser.minimize(
        () => {
          const { actions, logProb } = sample(data.states, data.policyNoise);
          const [q1, q2] = valuesOf(critics, data.states, actions);
          return logProb.sub(tf.minimum(q1, q2).div(rates.temperature)).mean() as tf.Scalar;
        },
        true,
        policyVariables,
      );
      targetVariables.forEach((variable, i) => {
        variable.assign(variable.mul(1 - rates.tau).add(criticVariables[i].mul(rates.tau)));
      });
      return { criticLoss: criticLoss as tf.Scalar, policyLoss: policyLoss as tf.Scalar };
    });
    last?.criticLoss.dispose();
    last?.policyLoss.dispose();
    last = losses;
  };
  const finished = async () => {
    await last?.policyLoss.data();
    // The targets' update is the last thing asked for.
    if (backend === 'webgpu') await targetVariables.at(-1)?.data();
  };

  update();
  await finished();
  const firstUpdateMs = performance.now() - start;
  return {
    facts: { version: tf.version_core, ...description, firstUpdateMs },
    run: async (updates) => {
      for (let i = 0; i < updates; i++) update();
      await finished();
    },
    losses: async () => ({
      criticLoss: (await last?.criticLoss.data())?.[0] ?? Number.NaN,
      policyLoss: (await last?.policyLoss.data())?.[0] ?? Number.NaN,
    }),
    dispose: async () => tf.removeBackend(backend),
  };
}

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

async function startBackend(
  backend: Opening['backend'],
  threads: number | undefined,
): Promise<{ description: string; threads: number | null }> {
  switch (backend) {
    case 'cpu':
      await tf.setBackend('cpu');
      return { description: 'plain JavaScript', threads: 1 };
    case 'wasm': {
      const wasm = await import('@tensorflow/tfjs-backend-wasm');
      wasm.setWasmPaths(wasmFolder());
      if (threads) wasm.setThreadsCount(threads);
      if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend does not start');
      const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
      const threaded = await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT');
      return {
        description: `WebAssembly${simd ? ' SIMD (XNNPACK)' : ''}`,
        threads: threaded ? wasm.getThreadsCount() : 1,
      };
    }
    case 'webgpu': {
      const adapter = await describeAdapter();
      await import('@tensorflow/tfjs-backend-webgpu');
      if (!(await tf.setBackend('webgpu'))) throw new Error('the webgpu backend does not start');
      await tf.ready();
      return { description: adapter, threads: null };
    }
    default:
      throw new Error(`unknown backend ${backend satisfies never}`);
  }
}
