// A backend is trusted after it has agreed with the reference: a small update with known answers.

import type { Backend, Values } from '../../backend/backend.ts';
import { Device, type Update } from '../../device.ts';
import { Gaussian } from '../../distributions/gaussian.ts';
import type { ProbeError } from '../../errors.ts';
import { PhiloxStream } from '../../math/philox.ts';
import { sizeOf } from '../../math/shape.ts';
import { type Activation, adam, mlp } from '../../nn/index.ts';
import type { Program } from '../../program/program.ts';
import { exp, grad, matmul, mean, neg, read, square, sub, tanh } from '../../tape/index.ts';
import { referenceDevice } from '../backends.ts';
import { deviation, TOLERANCE } from './agreement.ts';
import { probeError } from './error.ts';
import { checkSteps } from './steps.ts';

/** Rows of a batch: more than a workgroup has on a GPU, and than a vector elsewhere; no tile divides them. */
const ROWS = { webgpu: 67, wasm: 13, cpu: 13 };
const OBSERVATIONS = 5;
const ACTIONS = 3;
/** Of the hidden layer, as wide as the output: sums over the rows of both are one kernel. */
const WIDTH = 2 * ACTIONS;
/** Of the largest value, where hidden layers are handed on as float16. */
const HALF_TOLERANCE = 2e-2;

/** The backends, adapters and variants that have agreed in this process. */
export const agreed = new Set<string>();

/**
 * Runs a small update on a backend and on the reference, and compares: random bits, samples, a network forward and backward, a
 * matrix product, a loss as a generated chain with a reduction, and Adam; two updates at once, and two such programs beside
 * each other on the same parameters. Once in a process for each backend, adapter and variant.
 *
 * @throws ProbeError naming the kernel that is wrong
 */
export async function probe(backend: Backend): Promise<void> {
  const { name, description, information, preferences } = backend;
  const variant = `${description} ${information.features ?? ''} ${preferences.mlp}`;
  if (agreed.has(variant)) return;
  const device = new Device(backend);
  const reference = await referenceDevice();
  // Where a layer is a product, an activation is two more pipelines: tanh is in the sample and in the loss.
  const activation = name === 'webgpu' && preferences.mlp === 'tiled' ? 'identity' : 'tanh';
  const body = policyStep(ROWS[name], activation);
  const program = device.lower(body, { seed: 1 });
  const found = await run(device, program);
  try {
    // One program for both, but where the cpu does not read what layers hand on.
    const twin = preferences.halfHidden ? reference.lower(body, { seed: 1 }) : program;
    const expected = await run(reference, twin);
    const tolerance = preferences.halfHidden ? HALF_TOLERANCE : TOLERANCE;
    for (const [result, values] of expected.results) {
      const off = deviation(found.results.get(result) as Values, values, values, tolerance);
      if (off.factor > 1) throw await errorAt(found.update, { result, ...off }, description);
    }
  } finally {
    found.release();
  }
  agreed.add(variant);
}

/** A step on a policy whose head has a matrix product for its gradient, and a loss of its samples. */
const policyStep =
  (rows: number, activation: Activation): Parameters<Device['lower']>[0] =>
  ({ input }) => {
    const shape = { inputs: OBSERVATIONS, hidden: [WIDTH], outputs: 2 * ACTIONS, activation };
    const policy = mlp({ ...shape, name: 'policy', seed: 1, purpose: 'probe' });
    const states = input('states', [rows, OBSERVATIONS]);
    const head = policy(states);
    const { actions, logProb } = new Gaussian(head, ACTIONS, true).sample(1);
    const loss = mean(sub(logProb, exp(neg(square(tanh(input('values', [1, rows])))))));
    const cotangent = matmul(states, input('weights', [OBSERVATIONS, 2 * ACTIONS]));
    const [gradient] = grad(head, [read(policy.parameters)], cotangent);
    // A large epsilon: a step then varies smoothly with a gradient near 0.
    adam(policy.parameters, { learningRate: 0.05, epsilon: 0.1 }).step(gradient);
    return { loss, actions };
  };

interface Ran {
  readonly update: Update;
  /** Every state and output afterwards. */
  readonly results: ReadonlyMap<string, Values>;
  release(): void;
}

/** Loads a program twice, runs two updates of each at once, and reads what they leave. */
async function run(device: Device, program: Program): Promise<Ran> {
  const updates = [await device.load(program), await device.load(program)];
  const random = new PhiloxStream(0, 'probe');
  for (const update of updates) {
    for (const [name, { shape }] of program.inputs)
      update.write({ [name]: Float32Array.from({ length: sizeOf(shape) }, () => random.nextNormal()) });
    update.run(2);
  }
  const results = new Map<string, Values>();
  for (const state of program.states) results.set(state.name, await device.read(state));
  for (const [i, update] of updates.entries()) {
    for (const name of program.outputs.keys()) results.set(`${name} ${i + 1}`, await update.read(name));
  }
  const release = () => {
    for (const update of updates) update.dispose();
    for (const state of program.states) device.free(state);
  };
  return { update: updates[0], results, release };
}

/** The error for a result that is wrong: where it arises, if a kernel is wrong by itself. */
async function errorAt(
  update: Update,
  result: { readonly result: string; readonly found: number; readonly expected: number },
  adapter: string,
): Promise<ProbeError> {
  for await (const { factor, kernel, buffer, found, expected } of checkSteps(update))
    if (factor > 1) return probeError({ adapter, kernel, where: buffer, found, expected });
  const { result: kernel, found, expected } = result;
  return probeError({ adapter, kernel, where: 'kernels that are right one by one', found, expected });
}
