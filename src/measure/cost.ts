import type { BackendName, Counters } from '../backend/backend.ts';
import type { Device, Update } from '../device.ts';
import type { DistributionFamily } from '../distributions/distribution.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { type EstimatorChoice, missingNeeds, requireCompatible } from '../divergences/estimator.ts';
import { baselineEstimator, chooseEstimator, estimatorChoices, estimators } from '../divergences/registry.ts';
import { boltzmann } from '../divergences/target.ts';
import { UsageError } from '../errors.ts';
import { requireHeld } from '../json.ts';
import { PhiloxStream } from '../math/philox.ts';
import { type Interval, median, medianInterval } from '../math/statistics.ts';
import { streamVersion } from '../math/streams.ts';
import { mlp, type Network } from '../nn/index.ts';
import { type ProgramMemory, programMemory } from '../program/memory.ts';
import { kernelOf, type Program } from '../program/program.ts';
import { PolicyLearner } from '../rl/policy-learner.ts';
import { clockState, type MlpKernels, mul, reshape, sum, type Tensor } from '../tape/index.ts';
import { version } from '../version.ts';
import { type Agreement, isWrong } from './agreement.ts';
import { Referee } from './referee.ts';
import { interleave, type OnProgress, type Timing } from './timing.ts';

/** The problem on which estimators are compared. */
export interface CostSettings {
  /** Name of the action distribution. */
  readonly distribution: string;
  /** Numbers of an observation. */
  readonly observations: number;
  /** Coordinates of an action, or choices. */
  readonly actions: number;
  /** Widths of the hidden layers of policy and critics. */
  readonly hidden: readonly number[];
  /** States of an update. */
  readonly batch: number;
  /** Actions for each state, for every estimator; each one's default when null. */
  readonly samples: number | null;
  /** α, fixed, in the unit of Q. */
  readonly temperature: number;
  /** Of weights, inputs and draws. */
  readonly seed: number;
  /** Times everything is measured, in turn, if time allows. */
  readonly rounds: number;
  /** Least duration of one measurement. */
  readonly minimumMs: number;
  /** Duration after which no further round begins, once there are a few. */
  readonly maximumMs: number;
}

/** What is measured; each setting that is absent is that of {@link costDefaults}. */
export interface CostOptions extends Partial<CostSettings> {
  /**
   * `divergence/estimator` or `divergence/estimator:variant`; or `all` that go with the distribution. When absent, all
   * but the exact ones: sums and quadratures are references rather than estimators, and cost up to a hundred times more.
   */
  readonly estimators?: readonly string[] | 'all';
  /** Facts for the report besides the library's own version, such as runtime and engine; none when absent. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Work of an update up to which it is checked against float64 on the cpu, and past it against wasm; 2e9 FLOP when absent. */
  readonly checkedFlops?: number;
}

/** Work of a program by kernel, as its listing counts it. */
export interface KernelShare {
  readonly kernel: string;
  /** Dispatches an update. */
  readonly count: number;
  readonly flops: number;
  readonly bytes: number;
}

/** What one update costs; plain JSON. */
export interface UpdateCost extends ProgramMemory {
  /** Times it was measured. */
  readonly rounds: number;
  /** Median over the rounds, with an interval for it. */
  readonly msPerUpdate: number;
  /** Of the median, in milliseconds. */
  readonly msInterval: Interval;
  /** Of its program; what the backend dispatches at once counts by the kernel. */
  readonly kernelsPerUpdate: number;
  /** Updates enqueued at once in a measurement. */
  readonly updatesPerRun: number;
  /** Submits counted by the backend, for one `run(updatesPerRun)`. */
  readonly submitsPerRun: number;
  /** Over all measured runs. */
  readonly readbacks: number;
  /** While it was measured; 0 in a steady state. */
  readonly buffersCreated: number;
  /** While it was measured; 0 in a steady state. */
  readonly pipelinesCreated: number;
  /** Of one update; multiply and add count as two. */
  readonly flops: number;
  /** Read and written by the kernels of one update. */
  readonly bytes: number;
  /** The work by kernel, largest first. */
  readonly shares: readonly KernelShare[];
}

/** An estimator with what its update costs. */
export interface CostRow extends UpdateCost {
  /** With its variant. */
  readonly estimator: string;
  /** Name of the action distribution. */
  readonly distribution: string;
  /** Actions for each state. */
  readonly samples: number;
  /** To the baseline's time in the same round: the median over rounds, with an interval for it. */
  readonly ratio: number;
  /** Of the median ratio. */
  readonly ratioInterval: Interval;
  /** How far its first update was from the reference; absent in older documents. */
  readonly agreement?: Agreement;
}

/** What was not timed, because its first update is not what the reference says. */
export interface WrongRow {
  /** An estimator, or a whole update with its networks' kernels. */
  readonly estimator: string;
  readonly agreement: Agreement;
}

/** What estimators cost on one device; plain JSON. */
export interface CostReport {
  /** It was measured on. */
  readonly backend: BackendName;
  /** The backend in one line. */
  readonly adapter: string;
  /** `f32` or `f64`. */
  readonly precision: string;
  /** Facts about the adapter. */
  readonly information: Readonly<Record<string, string | number | boolean>>;
  /** Of the library, the runtime and the random streams. */
  readonly versions: Readonly<Record<string, string>>;
  /** Of the measured problem, with how networks were computed. */
  readonly settings: CostSettings & { readonly mlp: MlpKernels };
  /** The estimator to which ratios are taken. */
  readonly baseline: string;
  /** The estimators, the baseline first. */
  readonly rows: readonly CostRow[];
  /** Estimators that were not timed; absent in older documents. */
  readonly wrong?: readonly WrongRow[];
}

/** The settings of the benchmark where none are given; two choices where actions are discrete. */
export const costDefaults: CostSettings = {
  distribution: 'tanh-gaussian',
  observations: 3,
  actions: 1,
  hidden: [64, 64],
  batch: 64,
  samples: null,
  temperature: 0.2,
  seed: 0,
  rounds: 31,
  minimumMs: 50,
  maximumMs: 30_000,
};

/** Sizes that only one choice of action would make trivial. */
const leastChoices = 2;

/** Settings with the defaults filled in. @throws UsageError for an unknown distribution or a number out of range */
export function costSettings(options: CostOptions = {}): CostSettings {
  const { estimators: _names, versions: _versions, checkedFlops: _flops, ...given } = options;
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { actionKind } = distributionFamily(given.distribution ?? costDefaults.distribution).capabilities;
  const usual = actionKind === 'discrete' ? { actions: leastChoices } : {};
  const settings = { ...costDefaults, ...usual, ...defined };
  for (const name of ['observations', 'actions', 'batch', 'rounds'] as const) {
    if (!Number.isInteger(settings[name]) || settings[name] < 1) {
      throw new UsageError(`${name} must be a whole number from 1; got ${settings[name]}.`);
    }
  }
  const { samples } = settings;
  if (samples !== null && !(Number.isInteger(samples) && samples >= 1)) {
    throw new UsageError(`samples must be a whole number from 1; got ${samples}.`);
  }
  for (const name of ['minimumMs', 'maximumMs'] as const) {
    if (!(settings[name] >= 0))
      throw new UsageError(`${name} must be a number from 0; got ${settings[name]}.`);
  }
  return settings;
}

/**
 * The estimators to measure, the baseline among them: `reverse-kl/pathwise` where the distribution allows it, else
 * the first. Where none are named, those that need more than the given number of samples are left out.
 *
 * @throws UsageError for an unknown name, or an estimator that does not go with the distribution
 */
export function costChoices(
  family: DistributionFamily,
  actions: number,
  names?: readonly string[] | 'all',
  samples: number | null = null,
): { readonly choices: EstimatorChoice[]; readonly baseline: string } {
  const fits = ({ needs }: EstimatorChoice) => missingNeeds(needs, family, actions).length === 0;
  const enough = ({ minimumSamples }: EstimatorChoice) => samples === null || samples >= minimumSamples;
  const fitting = estimatorChoices().filter((choice) => fits(choice) && enough(choice));
  const asked =
    names === undefined
      ? fitting.filter(({ estimator }) => estimator.quality !== 'exact')
      : names === 'all'
        ? fitting
        : names.map((name) => chooseEstimator(name));
  for (const choice of asked) requireCompatible(choice, family, estimators, actions);
  const distinct = [...new Map(asked.map((choice) => [choice.name, choice])).values()];
  const usual = chooseEstimator(baselineEstimator);
  if (!fits(usual)) return { choices: distinct, baseline: distinct[0].name };
  const others = distinct.filter(({ name }) => name !== usual.name);
  return { choices: [usual, ...others], baseline: usual.name };
}

/**
 * Measures what each estimator costs for one update of a policy: policy forward, sampling, twin critics, loss,
 * backward and Adam as one program, with states that stay on the device. The critics are fixed, and Adam's learning
 * rate is 0, so that all estimators keep computing on the same networks. What an estimator needs beside the policy (a
 * learned baseline, a reference policy, dual variables) is evaluated and stepped in the same update: it pays for it.
 * Nothing is timed before its loss and gradients agree with the reference.
 *
 * @throws UsageError for unknown names and combinations that cannot work
 */
export async function measureCost(
  device: Device,
  options: CostOptions = {},
  onProgress?: OnProgress,
): Promise<CostReport> {
  const settings = costSettings(options);
  const family = distributionFamily(settings.distribution);
  const { choices, baseline: usual } = costChoices(
    family,
    settings.actions,
    options.estimators,
    settings.samples,
  );
  const referee = new Referee(device, options.checkedFlops);
  const updates: Update[] = [];
  const right: { choice: EstimatorChoice; update: Update; agreement: Agreement }[] = [];
  const wrong: WrongRow[] = [];
  try {
    for (const choice of choices) {
      const compile = (on: Device) => compilePolicyUpdate(on, choice, settings);
      const update = await compile(device);
      updates.push(update);
      const agreement = await referee.judge(update, compile);
      if (isWrong(agreement)) wrong.push({ estimator: choice.name, agreement });
      else right.push({ choice, update, agreement });
    }
    const timed = right.map(({ update }) => update);
    const timings = timed.length > 0 ? await interleave(device, timed, settings, onProgress) : [];
    const first = Math.max(
      0,
      right.findIndex(({ choice: { name } }) => name === usual),
    );
    const baseline = right[first]?.choice.name ?? usual;
    const rows = right.map(({ choice, update, agreement }, i): CostRow => {
      const ratios = timings[i].ms.map((ms, round) => ms / timings[first].ms[round]);
      const row = {
        estimator: choice.name,
        distribution: family.name,
        samples: samplesOf(choice, settings),
        ratio: median(ratios),
        ratioInterval: medianInterval(ratios),
        agreement,
        ...updateCost(update.program, timings[i]),
      };
      requireHeld(row, `The cost of ${choice.name} on ${device.backend.name}`);
      return row;
    });
    const { name, description, information, preferences } = device.backend;
    return {
      backend: name,
      adapter: description,
      precision: String(information.precision ?? 'f32'),
      information,
      versions: { divergrad: version, 'random streams': String(streamVersion), ...options.versions },
      settings: { ...settings, ...preferences },
      baseline,
      rows,
      wrong,
    };
  } finally {
    for (const update of updates) release(device, update);
    await referee.dispose();
  }
}

/** Ends a program together with the states that only it used. */
export function release(device: Device, update: Update): void {
  update.dispose();
  for (const state of update.program.states) device.free(state);
}

const samplesOf = ({ estimator }: EstimatorChoice, { samples }: CostSettings): number =>
  samples ?? estimator.defaultSamples;

/** Records and compiles one policy update, with its inputs written. */
export async function compilePolicyUpdate(
  device: Device,
  choice: EstimatorChoice,
  settings: CostSettings,
): Promise<Update> {
  const { observations, actions, hidden, batch, temperature, seed } = settings;
  const family = distributionFamily(settings.distribution);
  const learner = new PolicyLearner({
    observations,
    actions,
    estimator: choice,
    family,
    hidden,
    activation: 'relu',
    learningRate: 0,
    tau: 0,
    seed,
    ...(settings.samples === null ? {} : { samples: settings.samples }),
  });
  const discrete = family.capabilities.actionKind === 'discrete';
  const critics = mlp({
    inputs: discrete ? observations : observations + actions,
    hidden,
    outputs: discrete ? actions : 1,
    nets: 2,
    name: 'critics',
    seed,
    purpose: 'critics',
  });
  const behaviour = learner.behaviourParameters;
  const replayed = choice.needs.includes('replayedActions');

  const update = await device.compile(
    ({ input }) => {
      const states = input('states', [batch, observations]);
      const { loss } = learner.recordStep({
        states,
        target: boltzmann((at) => criticsAt(critics, states, at, discrete), { temperature }),
        ...(behaviour > 0 ? { behaviour: input('behaviour', [batch, behaviour]) } : {}),
        ...(replayed ? { replayedActions: input('replayedActions', [1, batch, actions]) } : {}),
      });
      return { loss };
    },
    { clock: clockState(seed, 'clock', 'update') },
  );
  moveReference(device, learner);
  const random = new PhiloxStream(seed, 'costInputs');
  for (const [name, { shape }] of update.program.inputs) {
    const count = shape.reduce((total, extent) => total * extent, 1);
    const normals = Float32Array.from({ length: count }, () => random.nextNormal());
    // Actions inside the box, or the first choice for every state.
    const action = (i: number) => (discrete ? Number(i % actions === 0) : Math.tanh(normals[i]));
    update.write({ [name]: name === 'replayedActions' ? normals.map((_, i) => action(i)) : normals });
  }
  return update;
}

/**
 * Takes a reference policy away from the policy, as a copy of which it starts: other weights, and each output's bias moved
 * by 1, up and down in turn. What tells a policy from itself is 0 by cancellation, and from one nearby it may be 0 by chance.
 */
export function moveReference(device: Device, { reference, options }: PolicyLearner): void {
  if (!reference) return;
  const { dims, activation } = reference.shape;
  const shape = { inputs: dims[0], hidden: dims.slice(1, -1), outputs: dims[dims.length - 1], activation };
  const { parameters, entries } = mlp({ ...shape, seed: options.seed, purpose: 'network' });
  const values = Float32Array.from(parameters.initial as Float32Array);
  const { offset } = entries[entries.length - 1];
  for (let i = 0; i < shape.outputs; i++) values[offset + i] += i % 2 === 0 ? 1 : -1;
  device.write(reference.parameters, values);
}

/** Critics at actions [samples, batch, actions] → [critics, samples, batch]; discrete actions are one-hot. */
function criticsAt(critics: Network, states: Tensor, actions: Tensor, discrete: boolean): Tensor {
  const [samples, batch, size] = actions.shape;
  if (!discrete) return reshape(critics(states, actions), [2, samples, batch]);
  return sum(mul(reshape(critics(states), [2, 1, batch, size]), actions), -1);
}

/** The cost of a measured program. */
export function updateCost(program: Program, { ms, updatesPerRun, counted }: Timing): UpdateCost {
  const per = (name: keyof Counters, runs: number) => counted[name] / runs;
  return {
    rounds: ms.length,
    msPerUpdate: median(ms),
    msInterval: medianInterval(ms),
    kernelsPerUpdate: program.kernels,
    updatesPerRun,
    submitsPerRun: per('submits', ms.length),
    readbacks: counted.readbacks,
    buffersCreated: counted.buffersCreated,
    pipelinesCreated: counted.pipelinesCreated,
    flops: program.flops,
    bytes: program.bytes,
    ...programMemory(program),
    shares: kernelShares(program),
  };
}

/** A program's work by kernel, the largest first. */
export function kernelShares({ steps }: Program): KernelShare[] {
  const shares = new Map<string, KernelShare>();
  for (const step of steps) {
    const kernel = kernelOf(step);
    const { count, flops, bytes } = shares.get(kernel) ?? { count: 0, flops: 0, bytes: 0 };
    shares.set(kernel, { kernel, count: count + 1, flops: flops + step.flops, bytes: bytes + step.bytes });
  }
  return [...shares.values()].sort((a, b) => b.flops - a.flops || b.bytes - a.bytes);
}
