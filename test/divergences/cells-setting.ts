// The small problem on which every cell of the matrix is tried: three states, networks of a few weights, twin critics.
import type { Device, Update } from '../../src/device.ts';
import type { Distribution, DistributionFamily } from '../../src/distributions/distribution.ts';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import { type EstimatorChoice, missingNeeds, type Need } from '../../src/divergences/estimator.ts';
import { estimatorChoices } from '../../src/divergences/registry.ts';
import { boltzmann, type Target } from '../../src/divergences/target.ts';
import { sizeOf } from '../../src/math/shape.ts';
import { mlp } from '../../src/nn/index.ts';
import { type PolicyBatch, PolicyLearner } from '../../src/rl/policy-learner.ts';
import { clockState, mul, reshape, type State, sum, type Tensor } from '../../src/tape/index.ts';
import { normals } from '../helpers/gradcheck.ts';

export const batch = 3;
const observations = 2;
const hidden = [3];
const temperature = 0.5;
const seed = 5;

/** An estimator's variant with a distribution. */
export interface Cell {
  readonly name: string;
  readonly choice: EstimatorChoice;
  readonly family: DistributionFamily;
  /** Coordinates of an action, or choices. */
  readonly actions: number;
  /** None where the pair is allowed. */
  readonly missing: readonly Need[];
}

/** Two coordinates, or three choices; one coordinate where the loss is an integral over the box. */
function actionsFor(choice: EstimatorChoice, { capabilities }: DistributionFamily): number {
  if (capabilities.actionKind === 'discrete') return 3;
  return choice.needs.includes('enumerable') ? 1 : 2;
}

/** Every pair of these choices with every distribution. */
export const cellsOf = (choices: readonly EstimatorChoice[]): Cell[] =>
  choices.flatMap((choice) =>
    distributionFamilies.map((family): Cell => {
      const actions = actionsFor(choice, family);
      const missing = missingNeeds(choice.needs, family, actions);
      return { name: `${choice.name} with ${family.name}`, choice, family, actions, missing };
    }),
  );

const isIntegral = ({ choice, family }: Cell): boolean =>
  choice.needs.includes('enumerable') && family.capabilities.actionKind === 'box';
const integrals = cellsOf(estimatorChoices()).filter((cell) => isIntegral(cell) && cell.missing.length === 0);
const integrated = [...new Set(integrals.map(({ family }) => family.name))];
const integrating = [...new Set(integrals.map(({ choice }) => choice.name))];

/**
 * Whether a cell is for the quick tests: integrals over a box are long programs, so that there each such estimator meets one
 * family, and each family some of them.
 */
export const isQuick = (cell: Cell): boolean =>
  !isIntegral(cell) ||
  integrated[integrating.indexOf(cell.choice.name) % integrated.length] === cell.family.name;

/** A learner for a cell. @throws UsageError where the pair is refused */
export function learnerFor({ choice, family, actions }: Cell, samples?: number): PolicyLearner {
  const learner = new PolicyLearner({
    observations,
    actions,
    estimator: choice,
    family,
    samples: samples ?? Math.max(3, choice.minimumSamples),
    hidden,
    activation: 'tanh',
    learningRate: 0.01,
    tau: 0.1,
    seed,
  });
  // As later in training: at first the reference is the policy, and penalties between them have no gradient.
  const reference = learner.reference?.parameters.initial;
  for (const [i, v] of normals(reference?.length ?? 0, 37, 0.3).entries()) if (reference) reference[i] += v;
  return learner;
}

export interface Problem {
  readonly states: Tensor;
  readonly target: Target;
  readonly behaviour?: Tensor;
  readonly replayedActions?: Tensor;
}

/**
 * Declares what an update of the learner reads.
 * @param prefix distinguishes the inputs of several learners in one program
 * @param generic a prior of 1 everywhere, which changes nothing but keeps to losses without a fused kernel
 */
export function problemFor(
  learner: PolicyLearner,
  input: (name: string, shape: readonly number[]) => Tensor,
  { prefix = '', generic = false } = {},
): Problem & PolicyBatch {
  const { actions, family, estimator } = learner.options;
  const discrete = family.capabilities.actionKind === 'discrete';
  const critics = mlp({
    inputs: discrete ? observations : observations + actions,
    hidden,
    outputs: discrete ? actions : 1,
    activation: 'tanh',
    nets: 2,
    name: `${prefix}critics`,
    seed: seed + 1,
  });
  const states = input(`${prefix}states`, [batch, observations]);
  const valuesAt = (at: Tensor): Tensor => {
    const [samples, rows, size] = at.shape;
    if (!discrete) return reshape(critics(states, at), [2, samples, rows]);
    return sum(mul(reshape(critics(states), [2, 1, rows, size]), at), -1);
  };
  const remembered = learner.behaviourParameters;
  return {
    states,
    target: boltzmann(valuesAt, {
      temperature,
      ...(generic ? { logPrior: (at: Tensor) => mul(0, sum(at, -1)) } : {}),
    }),
    ...(remembered > 0 ? { behaviour: input(`${prefix}behaviour`, [batch, remembered]) } : {}),
    ...(estimator.needs.includes('replayedActions')
      ? { replayedActions: input(`${prefix}replayedActions`, [1, batch, actions]) }
      : {}),
  };
}

/** Writes every input of the problem: normals, and actions that the distribution can take. */
export function writeProblem(update: Update, { family, actions }: Cell, prefix = ''): void {
  for (const [name, { shape }] of update.program.inputs) {
    if (!name.startsWith(prefix)) continue;
    const values = normals(sizeOf(shape), 31, 0.5);
    if (name.endsWith('replayedActions')) {
      const { discrete, actionKind } = family.capabilities;
      values.forEach((v, i) => {
        if (actionKind === 'box') values[i] = Math.tanh(v);
        else if (discrete) values[i] = Number(i % actions === 1);
        else values[i] = i % actions === 1 ? 0.6 : 0.4 / (actions - 1);
      });
    }
    // Rounded, so that a float32 and a float64 device see the same problem.
    update.write({ [name]: Float32Array.from(values) });
  }
}

/** What a recorded step left behind. */
export interface Stepped {
  readonly loss: number;
  /** Scalars reported beside the loss. */
  readonly diagnostics: Readonly<Record<string, number>>;
  /** Every state the step may change, by name: before and after. */
  readonly before: ReadonlyMap<string, Float64Array>;
  readonly after: ReadonlyMap<string, Float64Array>;
}

const snapshot = async (device: Device, states: readonly State[]): Promise<Map<string, Float64Array>> => {
  const values = new Map<string, Float64Array>();
  for (const state of states) values.set(state.name, Float64Array.from(await device.read(state)));
  return values;
};

/** Records one step of a cell's learner, runs it once, and reads what it did. */
export async function trainStep(device: Device, cell: Cell): Promise<Stepped> {
  const learner = learnerFor(cell);
  const update = await device.compile(
    ({ input }) => {
      const { loss, diagnostics } = learner.recordStep(problemFor(learner, input));
      return { loss, ...diagnostics };
    },
    { seed },
  );
  writeProblem(update, cell);
  const before = await snapshot(device, learner.states);
  update.run();
  const after = await snapshot(device, learner.states);
  const outputs: Record<string, number> = {};
  for (const name of update.program.outputs.keys()) outputs[name] = await update.readScalar(name);
  const { loss, ...diagnostics } = outputs;
  update.dispose();
  for (const state of update.program.states) device.free(state);
  return { loss, diagnostics, before, after };
}

/** Seeds the cell's draws: the clock that a checked program starts from. */
export const freshClock = (): State => clockState(seed);

/** A distribution whose samples are constants by stopGradient alone, not by a kernel that knows it. */
export function plainlySampled(inner: Distribution, hold: (x: Tensor) => Tensor): Distribution {
  const sample: Distribution['sample'] = (samples, options) => {
    const drawn = inner.sample(samples, options);
    const latent = hold(drawn.latent);
    return { actions: hold(drawn.actions), latent, logProb: inner.logProbLatent(latent) };
  };
  // Still an instance of its class, which some estimators ask for.
  return Object.assign(Object.create(inner) as Distribution, { sample });
}
