// What every contestant computes: one SAC update on a fixed batch with fixed noise, or only its dense layers.
import { tanhGaussian } from '../../src/distributions/gaussian.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import type { Network } from '../../src/nn/index.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';

export interface WorkSize {
  readonly observations: number;
  readonly actions: number;
  readonly batch: number;
  /** Width of both hidden layers. */
  readonly hidden: number;
}

export const workSizes = {
  small: { observations: 3, actions: 1, batch: 64, hidden: 64 },
  big: { observations: 17, actions: 6, batch: 256, hidden: 256 },
} as const satisfies Readonly<Record<string, WorkSize>>;

export type WorkName = keyof typeof workSizes;
export const workNames = Object.keys(workSizes) as WorkName[];

/** `update` is the whole SAC update, `layers` its dense layers alone, forward and backward. */
export type Task = 'update' | 'layers';

/** Constants of the update, which all contestants share. */
export const rates = {
  discount: 0.99,
  tau: 0.005,
  /** Unit of Q; fixed, as tuning it is no part of the work. */
  temperature: 0.2,
  learningRate: 3e-4,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  logStdMin: -20,
  logStdMax: 2,
} as const;

/** A dense layer, y = x·weight + bias. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** [inputs, outputs] */
  readonly weight: Float32Array;
  /** [outputs] */
  readonly bias: Float32Array;
}

/** Three layers each, relu between them. */
export interface InitialNetworks {
  readonly policy: readonly Layer[];
  /** Two networks; their targets start equal to them. */
  readonly critics: readonly (readonly Layer[])[];
}

/** A batch with the noise of both draws, row-major. */
export interface WorkData {
  /** [batch, observations] */
  readonly states: Float32Array;
  /** [batch, actions] in (−1, 1) */
  readonly actions: Float32Array;
  /** [batch] */
  readonly rewards: Float32Array;
  /** [batch] 0 or 1 */
  readonly terminated: Float32Array;
  /** [batch, observations] */
  readonly nextStates: Float32Array;
  /** [batch, actions] standard normal, of the next actions */
  readonly nextNoise: Float32Array;
  /** [batch, actions] standard normal, of the policy's actions */
  readonly policyNoise: Float32Array;
}

/** What both losses are after an update, as computed within it: before the step that they lead to. */
export interface Losses {
  /** Σ over critics of the mean squared soft Bellman error. */
  readonly criticLoss: number;
  /** Mean of log π − min Q/temperature, nats. */
  readonly policyLoss: number;
}

/** The learner whose update is measured; its initial parameters are everybody's. */
export const learnerOf = (size: WorkSize, seed: number): ActorCritic =>
  new ActorCritic({
    observations: size.observations,
    actions: { kind: 'box', size: size.actions },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: tanhGaussian,
    familyOptions: { logStd: [rates.logStdMin, rates.logStdMax] },
    samples: 1,
    hidden: [size.hidden, size.hidden],
    activation: 'relu',
    discount: rates.discount,
    tau: rates.tau,
    learningRate: rates.learningRate,
    temperature: rates.temperature,
    seed,
  });

/** The parameters that every contestant starts from: uniform in ±1/√inputs, drawn from the seed. */
export function initialNetworks(size: WorkSize, seed: number): InitialNetworks {
  const learner = learnerOf(size, seed);
  const [policy] = layersOf(learner.policy);
  return { policy, critics: layersOf(learner.critics) };
}

function layersOf({ parameters, entries, shape }: Network): Layer[][] {
  const all = parameters.initial as Float32Array;
  const count = all.length / shape.nets;
  return Array.from({ length: shape.nets }, (_, net) => {
    const part = (name: string) => {
      const entry = entries.find((candidate) => candidate.name === name);
      if (!entry) throw new Error(`the network has no ${name}`);
      const from = net * count + entry.offset;
      return { shape: entry.shape, values: all.slice(from, from + entry.shape.reduce((a, b) => a * b, 1)) };
    };
    return shape.dims.slice(1).map((_, layer) => {
      const weight = part(`W${layer}`);
      const [inputs, outputs] = weight.shape;
      return { inputs, outputs, weight: weight.values, bias: part(`b${layer}`).values };
    });
  });
}

/** Drawn from the seed alone, so that contestants in other processes get the same numbers. */
export function workData({ observations, actions, batch }: WorkSize, seed: number): WorkData {
  const random = new PhiloxStream(seed, 'benchInputs');
  const fill = (width: number, draw: () => number) => Float32Array.from({ length: batch * width }, draw);
  const normal = () => random.nextNormal();
  return {
    states: fill(observations, normal),
    actions: fill(actions, () => random.uniformIn(-0.99, 0.99)),
    rewards: fill(1, normal),
    terminated: fill(1, () => Number(random.uniformIn(0, 1) < 0.1)),
    nextStates: fill(observations, normal),
    nextNoise: fill(actions, normal),
    policyNoise: fill(actions, normal),
  };
}

/** Cotangents of the heads for the task `layers`, where no loss gives them. */
export interface HeadGradients {
  /** [batch, 2·actions] */
  readonly policy: Float32Array;
  /** [2, batch] of the critics at the stored actions */
  readonly critics: Float32Array;
  /** [2, batch] of the critics at the policy's actions */
  readonly value: Float32Array;
}

export function headGradients({ actions, batch }: WorkSize, seed: number): HeadGradients {
  const random = new PhiloxStream(seed, 'benchGradients');
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.nextNormal());
  return { policy: normals(2 * actions * batch), critics: normals(2 * batch), value: normals(2 * batch) };
}

/**
 * Floating-point operations that one update needs: the matrix products, a multiplication and an addition counting two.
 * Nothing needless: no gradient of a first layer's input but the action's, none of the critics' weights in the policy's
 * step. Activations, losses and optimisers come on top, a few in a hundred.
 */
export function neededFlops({ observations, actions, batch, hidden }: WorkSize): number {
  const product = (inputs: number, outputs: number) => 2 * batch * inputs * outputs;
  const forward = (inputs: number, outputs: number) =>
    product(inputs, hidden) + product(hidden, hidden) + product(hidden, outputs);
  const policyForward = forward(observations, 2 * actions);
  const criticsForward = 2 * forward(observations + actions, 1);
  const inner = (outputs: number) => product(hidden, hidden) + product(hidden, outputs);
  // Weights of every layer, inputs of all but the first.
  const backward = (inputs: number, outputs: number) => forward(inputs, outputs) + inner(outputs);
  const critics = policyForward + 2 * criticsForward + 2 * backward(observations + actions, 1); // next, target, own
  const value = criticsForward + 2 * (inner(1) + product(actions, hidden)); // only towards the action
  return critics + policyForward + value + backward(observations, 2 * actions);
}
