// Every kernel of a backend at several shapes, each by itself against the cpu's twin in float64.

import { Device, type Update } from '../device.ts';
import { Gaussian } from '../distributions/gaussian.ts';
import type { EstimatorChoice } from '../divergences/estimator.ts';
import { gatheredRule } from '../divergences/placement.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import { PhiloxStream } from '../math/philox.ts';
import { sizeOf } from '../math/shape.ts';
import { type Activation, activations, mlp } from '../nn/index.ts';
import { type CheckedStep, checkSteps } from '../open/probe/steps.ts';
import { kernelOf, type Program, type Step } from '../program/program.ts';
import {
  assign,
  broadcastTo,
  elementwiseOps,
  gather,
  grad,
  literal,
  logSumExp,
  type MlpKernels,
  matmul,
  max,
  mean,
  mlpKernels,
  mul,
  type Op,
  randomBits,
  randomUniform,
  read,
  record,
  reshape,
  State,
  sigmoid,
  sliceAxis,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { type CostSettings, compilePolicyUpdate, costSettings, release } from './cost.ts';
import { compileWholeUpdate } from './update-cost.ts';

/** What was found of a kernel; plain JSON. */
export interface KernelCheck {
  readonly kernel: string;
  /** Steps that ran it, each of another shape or use. */
  readonly steps: number;
  /** The largest deviation, in what is allowed: more than 1 is wrong. Null when a value is NaN or infinite. */
  readonly factor: number | null;
  readonly found: number;
  readonly expected: number;
  /** The step with it: its operation and shapes. */
  readonly where: string;
}

export const isWrongKernel = ({ factor }: KernelCheck): boolean => factor === null || factor > 1;

/** Below, at and past a workgroup, a tile and a vector: no size divides another. */
const shapes: readonly Partial<CostSettings>[] = [
  { batch: 67, observations: 5, actions: 3, hidden: [33, 17], samples: 3 },
  { batch: 261, observations: 3, actions: 2, hidden: [64, 65, 9], samples: 2 },
];

/** Estimators that between them have every loss with a kernel of its own, and densities of given actions. */
const estimators = [
  'reverse-kl/pathwise',
  'reverse-kl/score:value',
  'reverse-kl/score:loo',
  'forward-kl/snis:policy',
  'forward-kl/awr:exp-clip',
];

type Compile = (device: Device) => Promise<Update>;

/** Programs that between them have every kernel that the backend has. */
function programs(device: Device, tried: number): readonly Compile[] {
  const variants = mlpKernels;
  const preferred = device.backend.preferences.mlp;
  return shapes.slice(0, tried).flatMap((shape, i) => {
    const settings = costSettings(shape);
    return [
      ...estimators.map(
        (estimator): Compile =>
          (device) =>
            compilePolicyUpdate(device, chooseEstimator(estimator), settings),
      ),
      ...variants.map(
        (mlp): Compile =>
          async (device) =>
            // As many samples as this estimator has by itself: 1.
            (await compileWholeUpdate(device, estimators[0], { ...settings, samples: null }, { mlp })).update,
      ),
      ...variants.map(
        (mlp): Compile =>
          (device) =>
            networks(device, settings, mlp, i === 0 && mlp === preferred ? activations : ['gelu']),
      ),
      (device: Device) => operations(device, settings.batch, settings.hidden[0]),
    ];
  });
}

/** The operations of the tape that no network needs: each elementwise one, reductions, products, picks. */
function operations(device: Device, rows: number, columns: number): Promise<Update> {
  const state = new State('copied', [rows, columns]);
  return device.compile(({ input }) => {
    const a = input('a', [rows, columns]);
    const b = input('b', [rows, columns]);
    const index = input('index', [rows, 3]);
    const inside = sigmoid(b);
    const outputs: Record<string, Tensor> = {};
    for (const [name, op] of Object.entries(elementwiseOps) as [string, Op<null>][]) {
      const arity = op.scalar?.length ?? 1;
      outputs[name] = mean(record(op, [inside, sigmoid(a), b].slice(0, arity), null), 0);
    }
    const product = matmul(a, b, { transB: true });
    const picked = gather(a, index, 1);
    const [scattered] = grad(sum(mul(picked, picked)), [a]);
    assign(state, mul(a, 2));
    const places = (x: Tensor) => reshape(sliceAxis(x, 0, 0, 3), [3, columns, 1]);
    const all = (value: number, count: number) => broadcastTo(literal([value], [1]), [count, columns, 1]);
    const { nodes, logLength } = gatheredRule(
      { centre: places(a), scale: places(inside), weight: all(1, 3) },
      all(2, 3),
      1,
      reshape(all(20, 1), [columns, 1]),
      48,
    );
    return {
      nodes,
      logLength,
      ...outputs,
      product,
      scattered,
      largest: max(product, -1),
      folded: logSumExp(product, 0),
      bits: randomBits([rows, columns]),
      uniform: randomUniform([rows, columns]),
    };
  });
}

/** Networks and samples by themselves, with noise and gradients that are given: nothing joins them to what surrounds them. */
function networks(
  device: Device,
  settings: CostSettings,
  kernels: MlpKernels,
  kinds: readonly Activation[],
): Promise<Update> {
  const { observations, actions, hidden, batch } = settings;
  const shape = { inputs: observations, outputs: 2 * actions };
  const layers = [
    ...kinds.map((activation) => mlp({ ...shape, hidden, activation, name: activation })),
    mlp({ ...shape, hidden: [], name: 'linear' }),
  ];
  return device.compile(
    ({ input }) => {
      const states = input('states', [batch, observations]);
      const cotangent = input('cotangent', [batch, 2 * actions]);
      const noise = input('noise', [1, batch, actions]);
      const outputs: Record<string, Tensor> = {};
      layers.forEach((network, i) => {
        const head = network(states);
        const [weights, inputs] = grad(head, [read(network.parameters), states], cotangent);
        const { actions: sampled } = new Gaussian(head, actions, true).rsample(1, { noise });
        Object.assign(outputs, {
          [`weights ${i}`]: weights,
          [`inputs ${i}`]: inputs,
          [`actions ${i}`]: sampled,
        });
      });
      return outputs;
    },
    { mlp: kernels },
  );
}

/** Writes every input that nothing else has written. */
function fill(update: Update): void {
  const random = new PhiloxStream(0, 'kernelCheck');
  const columns = update.program.inputs.get('a')?.shape[1] ?? 1;
  for (const [name, { shape }] of update.program.inputs) {
    const draw = name === 'index' ? () => random.nextInt(columns) : () => random.nextNormal();
    update.write({ [name]: Float32Array.from({ length: sizeOf(shape) }, draw) });
  }
}

/** Stands in for a device that loads nothing: a compilation ends with its program. */
class Lowering extends Device {
  override load(program: Program): Promise<never> {
    for (const state of program.states) this.free(state);
    return Promise.reject(new Lowered(program));
  }
}
class Lowered extends Error {
  constructor(readonly program: Program) {
    super('lowered');
  }
}

/** The program that a compilation would load. */
async function programOf({ backend }: Device, compile: Compile): Promise<Program> {
  try {
    return (await compile(new Lowering(backend))).program;
  } catch (error) {
    if (error instanceof Lowered) return error.program;
    throw error;
  }
}

/** Kernels that a backend runs for these estimators and for whole updates with the baseline, by the names of listings. */
export async function kernelsOf(
  device: Device,
  settings: CostSettings,
  choices: readonly EstimatorChoice[],
  baseline: string,
): Promise<Set<string>> {
  const compiles: Compile[] = [
    ...choices.map(
      (choice): Compile =>
        (on) =>
          compilePolicyUpdate(on, choice, settings),
    ),
    ...mlpKernels.map(
      (mlp): Compile =>
        async (on) =>
          (await compileWholeUpdate(on, baseline, settings, { mlp })).update,
    ),
  ];
  const names = new Set<string>();
  for (const compile of compiles)
    for (const step of (await programOf(device, compile)).steps) names.add(kernelOf(step));
  return names;
}

/**
 * Runs every kernel of a backend at several shapes and compares each step with the cpu's twin on the same inputs.
 *
 * @param wanted kernels to check, by the names of listings; all when absent
 * @param tried of how many shapes; all when absent
 * @returns a line for each kernel, in the order of their names
 */
export async function checkKernels(
  device: Device,
  wanted?: ReadonlySet<string>,
  onProgress?: (done: number) => void,
  tried = shapes.length,
): Promise<KernelCheck[]> {
  const found = new Map<string, KernelCheck>();
  const seen = new Set<string>();
  const useOf = (step: Step): string =>
    `${kernelOf(step)} ${step.label} ${step.shapes} ${step.kind === 'generated' ? '' : JSON.stringify(step.params)}`;
  const isFresh = (step: Step) => (!wanted || wanted.has(kernelOf(step))) && !seen.has(useOf(step));
  const all = programs(device, tried);
  for (const [i, compile] of all.entries()) {
    onProgress?.(i / all.length);
    if (!(await programOf(device, compile)).steps.some(isFresh)) continue;
    const update = await compile(device);
    try {
      if (update.program.inputs.has('index') || update.program.inputs.has('cotangent')) fill(update);
      for await (const checked of checkSteps(update, isFresh)) {
        seen.add(useOf(checked.step));
        found.set(checked.kernel, withStep(found.get(checked.kernel), checked));
      }
    } finally {
      release(device, update);
    }
  }
  onProgress?.(1);
  return [...found.values()].sort((a, b) => (a.kernel < b.kernel ? -1 : 1));
}

/** What is known of a kernel after one more step of it. */
function withStep(
  before: KernelCheck | undefined,
  { kernel, step, factor, found, expected }: CheckedStep,
): KernelCheck {
  const steps = (before?.steps ?? 0) + 1;
  if (before && factor <= (before.factor ?? Number.POSITIVE_INFINITY)) return { ...before, steps };
  const where = `${step.label} ${step.shapes}`;
  return { kernel, steps, factor: Number.isFinite(factor) ? factor : null, found, expected, where };
}

/** One line for people about a kernel that is wrong. */
export const kernelCheckLine = ({ kernel, found, expected, where }: KernelCheck): string =>
  `${kernel} gives ${found}, expected ${expected}, in ${where}`;
