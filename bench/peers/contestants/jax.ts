// jax-js: the whole update as one jitted function, Adam included.
import {
  blockUntilReady,
  defaultDevice,
  init,
  type Array as JaxArray,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax';
import type { Contestant, Opening } from '../contestant.ts';
import { initialNetworks, type Layer, rates, type WorkSize, workData, workSizes } from '../work.ts';
import { describeAdapter, peerVersions } from './platform.ts';

/** Weight and bias of each layer in turn. */
type Parameters = JaxArray[];
type Moments = { parameters: Parameters; first: Parameters; second: Parameters };
type State = { policy: Moments; critics: Moments; targets: Parameters; updates: JaxArray };
type Batch = {
  states: JaxArray;
  actions: JaxArray;
  rewards: JaxArray;
  terminated: JaxArray;
  nextStates: JaxArray;
  nextNoise: JaxArray;
  policyNoise: JaxArray;
};
type Loss = JaxArray;

export async function openJax({ backend, work, seed }: Opening): Promise<Contestant> {
  const size = workSizes[work];
  const start = performance.now();
  if (!(await init(backend)).includes(backend)) throw new Error(`the ${backend} backend does not start`);
  defaultDevice(backend);
  const description = backend === 'webgpu' ? await describeAdapter() : `WebAssembly, jit`;

  const initial = initialNetworks(size, seed);
  const arrays = (layers: readonly Layer[]): Parameters =>
    layers.flatMap(({ inputs, outputs, weight, bias }) => [
      np.array(weight.slice()).reshape([inputs, outputs]),
      np.array(bias.slice()),
    ]);
  /** Twins side by side: weights [2, inputs, outputs], biases [2, 1, outputs]. */
  const twins = ([first, second]: readonly (readonly Layer[])[]): Parameters => {
    const [one, two] = [arrays(first), arrays(second)];
    return one.map((array, i) =>
      array.ndim === 1 ? np.stack([array, two[i]]).reshape([2, 1, -1]) : np.stack([array, two[i]]),
    );
  };
  const moments = (parameters: Parameters): Moments => ({
    parameters,
    first: parameters.map((array) => np.zerosLike(array.ref)),
    second: parameters.map((array) => np.zerosLike(array.ref)),
  });
  const host = workData(size, seed);
  const matrix = (values: Float32Array) =>
    np.array(values.slice()).reshape([size.batch, values.length / size.batch]);
  const batch: Batch = {
    states: matrix(host.states),
    actions: matrix(host.actions),
    rewards: np.array(host.rewards.slice()),
    terminated: np.array(host.terminated.slice()),
    nextStates: matrix(host.nextStates),
    nextNoise: matrix(host.nextNoise),
    policyNoise: matrix(host.policyNoise),
  };
  let state: State = {
    policy: moments(arrays(initial.policy)),
    critics: moments(twins(initial.critics)),
    targets: twins(initial.critics),
    updates: np.array(0),
  };
  let last: [Loss, Loss] | undefined;
  const step = jit((given: State, data: Batch) => sacUpdate(size, given, data));
  const update = (): void => {
    const [next, losses] = step(state, tree.ref(batch)) as [State, [Loss, Loss]];
    tree.dispose(last);
    [state, last] = [next, losses];
  };
  /** Kernels wait until a value is asked for, and many that wait are slow: submitted after each update, as its manual says. */
  const submit = async (): Promise<void> => {
    const loss = (last as [Loss, Loss])[1].ref;
    if (backend === 'webgpu') await loss.gpuBuffer();
    else loss.dataSync();
  };
  const finished = async (): Promise<void> => {
    await blockUntilReady([state, last]);
    // On WebGPU that reads nothing and may end too early; a value cannot. The targets are what an update computes last.
    if (backend === 'webgpu') await (state.targets.at(-1) as JaxArray).ref.data();
  };
  update();
  await finished();
  const firstUpdateMs = performance.now() - start;
  const threaded = typeof SharedArrayBuffer !== 'undefined' && typeof Worker !== 'undefined';
  return {
    facts: {
      version: peerVersions['@jax-js/jax'],
      description,
      // Its pool has as many workers as the engine says there are processors.
      threads: backend === 'wasm' ? (threaded ? navigator.hardwareConcurrency : 1) : null,
      firstUpdateMs,
    },
    run: async (updates) => {
      for (let i = 0; i < updates; i++) {
        update();
        await submit();
      }
      await finished();
    },
    losses: async () => {
      const [criticLoss, policyLoss] = last as [Loss, Loss];
      return { criticLoss: (await criticLoss.ref.data())[0], policyLoss: (await policyLoss.ref.data())[0] };
    },
    dispose: async () => {
      tree.dispose([state, last, batch]);
      step.dispose();
    },
  };
}

// Arrays are counted references: a function owns its arguments, and `ref` keeps one for another use.

/** x [batch, inputs] → [batch, outputs]; owns both. */
function network(layers: Parameters, x: JaxArray): JaxArray {
  let y = x;
  for (let i = 0; i < layers.length; i += 2) {
    y = np.matmul(y, layers[i]).add(layers[i + 1]);
    if (i + 2 < layers.length) y = nn.relu(y);
  }
  return y;
}

function sample(policy: Parameters, states: JaxArray, noise: JaxArray): [JaxArray, JaxArray] {
  const [mean, raw] = np.split(network(policy, states), 2, 1);
  const logStd = np.clip(raw, rates.logStdMin, rates.logStdMax);
  const latent = mean.add(np.exp(logStd.ref).mul(noise.ref));
  const density = np.square(noise).mul(-0.5).sub(logStd).sub(HALF_LOG_TWO_PI);
  const volume = np
    .subtract(Math.LN2, latent.ref)
    .sub(nn.softplus(latent.ref.mul(-2)))
    .mul(2);
  return [np.tanh(latent), density.sub(volume).sum(-1)];
}

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

/** Both critics at once → [2, batch]. */
function values(critics: Parameters, states: JaxArray, actions: JaxArray, batch: number): JaxArray {
  const inputs = np.concatenate([states, actions], 1);
  // Its matmul does not broadcast a matrix against a stack of them.
  return network(critics, np.broadcastTo(inputs, [2, ...inputs.shape])).reshape([2, batch]);
}

function adam(moments: Moments, gradients: Parameters, updates: JaxArray): Moments {
  const { beta1, beta2, epsilon, learningRate } = rates;
  const correction1 = np.subtract(1, np.power(beta1, updates.ref));
  const correction2 = np.subtract(1, np.power(beta2, updates));
  const result: Moments = { parameters: [], first: [], second: [] };
  gradients.forEach((gradient, i) => {
    const first = moments.first[i].mul(beta1).add(gradient.ref.mul(1 - beta1));
    const second = moments.second[i].mul(beta2).add(np.square(gradient).mul(1 - beta2));
    const denominator = np.sqrt(second.ref.div(correction2.ref)).add(epsilon);
    result.parameters.push(
      moments.parameters[i].sub(first.ref.div(correction1.ref).div(denominator).mul(learningRate)),
    );
    result.first.push(first);
    result.second.push(second);
  });
  tree.dispose([correction1, correction2]);
  return result;
}

function sacUpdate(size: WorkSize, state: State, batch: Batch): [State, [Loss, Loss]] {
  const { discount, temperature, tau } = rates;
  const updates = state.updates.add(1);

  const [nextActions, nextLogProb] = sample(
    tree.ref(state.policy.parameters),
    batch.nextStates.ref,
    batch.nextNoise,
  );
  const nextValues = values(tree.ref(state.targets), batch.nextStates, nextActions, size.batch);
  const soft = np.min(nextValues, 0).sub(nextLogProb.mul(temperature));
  const target = lax.stopGradient(
    batch.rewards.add(np.subtract(1, batch.terminated).mul(discount).mul(soft)),
  );
  const [criticLoss, criticGradients] = valueAndGrad(
    (parameters: Parameters, states: JaxArray, actions: JaxArray, y: JaxArray) =>
      np
        .square(values(parameters, states, actions, size.batch).sub(y))
        .mean(1)
        .sum(),
  )(tree.ref(state.critics.parameters), batch.states.ref, batch.actions, target);
  const critics = adam(state.critics, criticGradients, updates.ref);

  const [policyLoss, policyGradients] = valueAndGrad(
    (parameters: Parameters, fixed: Parameters, states: JaxArray, noise: JaxArray) => {
      const [actions, logProb] = sample(parameters, states.ref, noise);
      const value = np.min(values(fixed, states, actions, size.batch), 0);
      return logProb.sub(value.div(temperature)).mean();
    },
  )(tree.ref(state.policy.parameters), tree.ref(critics.parameters), batch.states, batch.policyNoise);
  const policy = adam(state.policy, policyGradients, updates.ref);

  const targets = state.targets.map((old, i) => old.mul(1 - tau).add(critics.parameters[i].ref.mul(tau)));
  return [{ policy, critics, targets, updates }, [criticLoss, policyLoss]];
}
