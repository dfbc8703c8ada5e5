// Whole training runs against traces of an independent implementation (test/golden/loop), what each setting changes, and
// which way the signs go.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import type { Environment } from '../../src/envs/environment.ts';
import { EpisodicEnvironment, type Outcome } from '../../src/envs/episodic.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { LocalVector } from '../../src/envs/vector.ts';
import { UsageError } from '../../src/errors.ts';
import type { PhiloxStream } from '../../src/math/philox.ts';
import type { Activation } from '../../src/nn/index.ts';
import { actionMap } from '../../src/rl/actions.ts';
import { ActorCritic, type ActorCriticOptions, type CriticTarget } from '../../src/rl/actor-critic.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import type { Evaluation } from '../../src/rl/evaluation.ts';
import { ReplayBuffer } from '../../src/rl/replay.ts';
import { train } from '../../src/rl/train.ts';
import type { TrainOptions } from '../../src/rl/train-options.ts';
import { allclose } from '../helpers/allclose.ts';
import { exactDevice } from '../helpers/devices.ts';

interface Settings {
  readonly environment: string;
  readonly environments: number;
  readonly estimator: string;
  readonly family: string;
  readonly steps: number;
  readonly batch: number;
  readonly capacity: number;
  readonly warmup: number;
  readonly updatesPerStep: number;
  readonly evaluateEvery: number;
  readonly evaluationEpisodes: number;
  readonly saveEvery: number;
  readonly seed: number;
  readonly learnerSeed: number;
  readonly samples: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly discount: number;
  readonly tau: number;
  readonly temperature: number | 'auto';
  readonly initialTemperature: number;
  readonly targetEntropy?: number;
  readonly criticTarget?: CriticTarget;
  readonly learningRates: { readonly policy: number; readonly critics: number; readonly temperature: number };
}

interface Trace {
  readonly settings: Settings;
  /** Of each step of each environment, those of one round side by side. */
  readonly actions: readonly (readonly number[])[];
  readonly rewards: readonly number[];
  /** 1 for terminated, 2 for truncated, 3 for both. */
  readonly ends: readonly number[];
  /** Seeds of each training environment's resets; null where its stream goes on. */
  readonly resets: readonly (readonly (number | null)[])[];
  readonly evaluations: readonly (Omit<Evaluation, 'meanReturn'> & { readonly seeds: readonly number[] })[];
  readonly checkpoints: readonly {
    readonly step: number;
    readonly updates: number;
    readonly warmupWords: number;
    readonly actionsChosen: number;
    readonly observations: readonly (readonly number[])[];
    readonly next: number;
    readonly rows: readonly (readonly number[])[];
    readonly states: Readonly<Record<string, readonly number[]>>;
  }[];
}

/** Made up, as in trace.py: two actions whose boxes are not symmetric, and ends of both kinds. */
class Slide extends EpisodicEnvironment {
  readonly name = 'slide';
  readonly observationSpace = { kind: 'box', low: [-2, -2], high: [2, 2] } as const;
  readonly actionSpace = { kind: 'box', low: [-1, 0], high: [3, 0.5] } as const;
  readonly maxEpisodeSteps = 6;

  constructor() {
    super(2);
  }

  protected sampleStart(random: PhiloxStream): void {
    this.physics[0] = random.uniformIn(-0.5, 0.5);
    this.physics[1] = random.uniformIn(-0.2, 0.2);
  }

  protected advance([a, b]: number[]): Outcome {
    const x = 0.9 * this.physics[0] + 0.25 * (a - 1);
    const y = this.physics[1] + b - 0.25;
    this.physics.set([x, y]);
    return {
      reward: 1 - x ** 2 - y ** 2 - 0.05 * a + 0.3 * b,
      terminated: Math.abs(x) > 0.9 || Math.abs(y) > 0.5,
    };
  }

  protected observe(): Float32Array {
    return Float32Array.from(this.physics);
  }
}

/** What one environment was asked and what it gave. */
interface Log {
  readonly seeds: (number | null)[];
  readonly actions: number[][];
  readonly rewards: number[];
  readonly ends: number[];
}

/** An environment that keeps a log. */
function logged(name: string): Environment & { readonly log: Log } {
  const environment = name === 'slide' ? new Slide() : makeEnvironment(name);
  const log: Log = { seeds: [], actions: [], rewards: [], ends: [] };
  const reset = environment.reset.bind(environment);
  const step = environment.step.bind(environment);
  return Object.assign(environment, {
    log,
    reset(seed?: number) {
      log.seeds.push(seed ?? null);
      return reset(seed);
    },
    step(action: ArrayLike<number>) {
      const transition = step(action);
      log.actions.push(Array.from(action));
      log.rewards.push(transition.reward);
      log.ends.push(Number(transition.terminated) + 2 * Number(transition.truncated));
      return transition;
    },
  });
}

function learnerOf(settings: Settings, options: Partial<ActorCriticOptions> = {}): ActorCritic {
  const { observationSpace, actionSpace } = logged(settings.environment);
  const { estimator, family, samples, hidden, activation, discount, tau } = settings;
  const { temperature, initialTemperature, targetEntropy, criticTarget, learningRates, learnerSeed } =
    settings;
  return new ActorCritic({
    observations: observationSpace.low.length,
    actions: actionMap(actionSpace).kind,
    estimator: chooseEstimator(estimator),
    family: distributionFamily(family),
    seed: learnerSeed,
    ...{ samples, hidden, activation, discount, tau, temperature, initialTemperature, learningRates },
    ...(targetEntropy === undefined ? {} : { targetEntropy }),
    ...(criticTarget === undefined ? {} : { criticTarget }),
    ...options,
  });
}

/** A run with logs of its environments. */
async function play(
  settings: Settings,
  options: Partial<TrainOptions> = {},
  learner = learnerOf(settings),
): Promise<{ training: Log[]; examined: Log[]; evaluations: Evaluation[]; checkpoints: Checkpoint[] }> {
  const { steps, batch, capacity, warmup, updatesPerStep, evaluateEvery, evaluationEpisodes, seed } =
    settings;
  const made: Log[] = [];
  const make = (into: Log[]) => () => {
    const environment = logged(settings.environment);
    into.push(environment.log);
    return environment;
  };
  const several: Log[] = [];
  const count = settings.environments;
  const checkpoints: Checkpoint[] = [];
  const device = exactDevice();
  const evaluations = await train(device, {
    makeEnvironment: make(made),
    learner,
    ...{ steps, batch, capacity, warmup, updatesPerStep, evaluateEvery, evaluationEpisodes, seed },
    ...(count > 1 ? { environments: new LocalVector(Array.from({ length: count }, make(several))) } : {}),
    checkpoint: { every: settings.saveEvery, save: (checkpoint) => void checkpoints.push(checkpoint) },
    ...options,
  });
  await device.dispose();
  const [first, ...examined] = made;
  return { training: count > 1 ? several : [first], examined, evaluations, checkpoints };
}

// Both sides compute in float64 and round to float32 at the same places, so they differ by what sums in another order
// and other libraries' sines and logarithms come to.
const near = { rtol: 1e-9, atol: 1e-11 };

const traceOf = (name: string): Trace => JSON.parse(readFileSync(`test/golden/loop/${name}.json`, 'utf8'));

for (const name of [
  'pendulum',
  'cartpole',
  'cartpole-sample',
  'behaviour',
  'slide',
  'awr',
  'mpo',
  'large-batch',
]) {
  test(`${name}: the run is that of the independent implementation`, async () => {
    const trace = traceOf(name);
    const learner = learnerOf(trace.settings);
    const { training, examined, evaluations, checkpoints } = await play(trace.settings, {}, learner);
    const count = training.length;
    const rounds = trace.rewards.length / count;
    assert.equal(
      training.map(({ rewards }) => rewards.length),
      training.map(() => rounds),
    );
    const inTurn = <T>(of: (log: Log) => readonly T[]) =>
      Array.from({ length: rounds * count }, (_, k) => of(training[k % count])[Math.floor(k / count)]);
    assert.equal(
      training.map(({ seeds }) => seeds),
      trace.resets,
    );
    assert.equal(
      inTurn(({ ends }) => ends),
      trace.ends,
    );
    allclose(inTurn(({ actions }) => actions).flat(), trace.actions.flat(), near, 'actions');
    allclose(
      inTurn(({ rewards }) => rewards),
      trace.rewards,
      near,
      'rewards',
    );

    const starts = trace.evaluations.map(({ seeds }) => seeds);
    assert.equal(
      examined.map(({ seeds }) => seeds),
      examined.map((_, episode) => starts.map((seeds) => seeds[episode])),
    );
    assert.equal(
      evaluations.map(({ step, updates }) => ({ step, updates })),
      trace.evaluations.map(({ step, updates }) => ({ step, updates })),
    );
    for (const [i, wanted] of trace.evaluations.entries()) {
      const { step, returns, meanReturn, metrics } = evaluations[i];
      allclose(returns, wanted.returns, near, `returns at ${step}`);
      allclose(
        [meanReturn],
        [wanted.returns.reduce((a, b) => a + b) / wanted.returns.length],
        near,
        'mean return',
      );
      assert.equal(Object.keys(metrics).sort(), Object.keys(wanted.metrics).sort());
      for (const [key, value] of Object.entries(wanted.metrics))
        allclose([metrics[key]], [value], near, `${key} at ${step}`);
    }

    assert.is(checkpoints.length, trace.checkpoints.length);
    for (const [i, wanted] of trace.checkpoints.entries()) {
      const { step, updates, replay, states, random, environments } = checkpoints[i];
      assert.equal([step, updates, replay.next], [wanted.step, wanted.updates, wanted.next]);
      allclose(replay.rows, wanted.rows.flat(), near, `replay at ${step}`);
      assert.is(random.position, wanted.warmupWords);
      const seen = environments.flatMap(({ observation }) => Array.from(observation));
      allclose(seen, wanted.observations.flat(), near, `observations at ${step}`);
      const { clock, 'clock.act': acted, ...arrays } = Object.fromEntries(states);
      assert.equal([clock[2], acted[2]], [wanted.updates, wanted.actionsChosen]);
      assert.equal(Object.keys(arrays).sort(), Object.keys(wanted.states).sort());
      assert.equal(
        checkpoints[i].evaluations,
        evaluations.filter((evaluation) => evaluation.step <= step),
      );
      for (const [key, values] of Object.entries(wanted.states))
        allclose(arrays[key], values, near, `${key} at ${step}`);
      // A fixed temperature has moments that no update writes.
      const known = learner.states.map((state) => state.name);
      assert.ok(Object.keys(arrays).every((key) => known.includes(key)));
    }
  });
}

test('several environments resume each where it stood', async () => {
  // Before the first checkpoint the buffer is not full and an evaluation has been made.
  const settings = { ...traceOf('slide').settings, evaluateEvery: 20, saveEvery: 30 };
  const whole = await play(settings);
  const rest: Checkpoint[] = [];
  const resumed = await play(settings, {
    checkpoint: {
      resume: whole.checkpoints[0],
      every: settings.saveEvery,
      save: (checkpoint) => void rest.push(checkpoint),
    },
  });
  assert.equal(rest, whole.checkpoints.slice(1));
  assert.equal(resumed.evaluations, whole.evaluations);
  const rounds = whole.checkpoints[0].step / settings.environments;
  resumed.training.forEach(({ actions, rewards, ends }, i) => {
    const undisturbed = whole.training[i];
    assert.equal(actions, undisturbed.actions.slice(rounds));
    assert.equal(rewards, undisturbed.rewards.slice(rounds));
    assert.equal(ends, undisturbed.ends.slice(rounds));
  });
});

/** A quick run: `slide`, whose first and only update follows its last step. */
const once: Settings = {
  ...traceOf('slide').settings,
  ...{ environments: 1, steps: 16, batch: 8, capacity: 50, warmup: 15, evaluateEvery: 8, saveEvery: 16 },
};

/** The same with updates after each of several steps. */
const often: Settings = { ...once, steps: 40, saveEvery: 40 };

async function endOf(settings: Settings, learner: Partial<ActorCriticOptions> = {}) {
  const { checkpoints, ...rest } = await play(settings, {}, learnerOf(settings, learner));
  const end = checkpoints.at(-1) as Checkpoint;
  const parameters = Object.fromEntries([...end.states].filter(([name]) => !/moments|clock/.test(name)));
  return { ...rest, end, parameters };
}

/** Names of what is not the same. */
const differing = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(a).filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));

const [policy, critics, target, temperature] = [
  'policy.parameters',
  'critics.parameters',
  'targetCritics.parameters',
  'logTemperature',
];
const all = [policy, critics, target, temperature];
const { learningRates } = once;

/** What of a learner one update makes different when a setting is. */
const changes: readonly (readonly [string, Partial<ActorCriticOptions>, readonly string[]])[] = [
  ['tau', { tau: 0.3 }, [target]],
  ['discount', { discount: 0.5 }, [policy, critics, target]],
  ["the critics' rate", { learningRates: { ...learningRates, critics: 0.1 } }, [policy, critics, target]],
  ["the policy's rate", { learningRates: { ...learningRates, policy: 0.1 } }, [policy]],
  ["the temperature's rate", { learningRates: { ...learningRates, temperature: 0.1 } }, [temperature]],
  ['the target entropy', { targetEntropy: 6 }, [temperature]],
  ['a fixed temperature', { temperature: once.initialTemperature }, [temperature]],
  ['the initial temperature', { initialTemperature: 3 }, all],
  ['samples', { samples: 2 }, [policy, temperature]],
  ['activation', { activation: 'tanh' }, all],
  ['hidden', { hidden: [7] }, all],
  ['the seed', { seed: 9 }, all],
  ['the limits of the spread', { familyOptions: { logStd: [-1, -0.5] } }, all],
];

test('each setting of the learner changes what it should, and nothing else', async () => {
  const { parameters: before } = await endOf(once);
  assert.equal(Object.keys(before).sort(), [...all].sort());
  for (const [name, options, wanted] of changes) {
    const { parameters } = await endOf(once, options);
    assert.equal(differing(before, parameters).sort(), [...wanted].sort(), name);
  }
});

test('one learning rate is that of all, and rates of their own come before it', async () => {
  const rate = 0.02;
  const { learningRates: _, ...rest } = learnerOf(often).options;
  const run = async (options: Partial<ActorCriticOptions>) =>
    (await play(often, {}, new ActorCritic({ ...rest, ...options }))).checkpoints[0].states;
  const one = await run({ learningRate: rate });
  const each = { policy: rate, critics: rate, temperature: rate };
  assert.equal(one, await run({ learningRates: each }));
  assert.equal(one, await run({ learningRate: 0.5, learningRates: each }));
});

test('seed: other starts, warm-up actions, batches and evaluations', async () => {
  const [a, b] = [await endOf(often), await endOf({ ...often, seed: often.seed + 1 })];
  assert.not.equal(a.training[0].seeds, b.training[0].seeds);
  assert.not.equal(a.training[0].actions[0], b.training[0].actions[0]);
  assert.equal(differing(a.parameters, b.parameters).sort(), [...all].sort());
  assert.ok(a.examined[0].seeds.every((seed, i) => seed !== b.examined[0].seeds[i]));
});

test('batch: other parameters, and nothing before them', async () => {
  const [a, b] = [await endOf(once), await endOf({ ...once, batch: 9 })];
  assert.equal(differing(a.parameters, b.parameters).sort(), [...all].sort());
  assert.equal([a.training, a.end.replay], [b.training, b.end.replay]);
});

test('capacity: exactly that many transitions are kept, the last ones', async () => {
  const rowsOf = async (capacity: number) => {
    const { replay } = (await endOf({ ...once, capacity })).end;
    const width = replay.rows.length / Math.min(capacity, once.steps);
    assert.ok(Number.isInteger(width));
    return Array.from({ length: replay.rows.length / width }, (_, i) =>
      Array.from(replay.rows.subarray(i * width, (i + 1) * width)),
    );
  };
  const whole = await rowsOf(once.steps);
  assert.is(whole.length, once.steps);
  assert.equal(await rowsOf(once.steps + 30), whole);
  // One too few: the last takes the place of the first.
  assert.equal(await rowsOf(once.steps - 1), [...whole.slice(-1), ...whole.slice(1, -1)]);
  const [roomy, roomier] = [await endOf(often), await endOf({ ...often, capacity: 90 })];
  assert.equal(roomy.parameters, roomier.parameters);
  const tight = await endOf({ ...often, capacity: 30 });
  assert.equal(differing(roomy.parameters, tight.parameters).sort(), [...all].sort());
});

test('warmup and updatesPerStep: the number of updates, for one environment and for several', async () => {
  const counts: readonly (readonly [Partial<Settings>, number])[] = [
    [{}, 25],
    [{ warmup: 14 }, 26],
    [{ warmup: 40 }, 0],
    [{ updatesPerStep: 0 }, 0],
    [{ updatesPerStep: 3 }, 75],
    // The round that begins at step 12 is of the warm-up: it began before step 15.
    [{ environments: 4 }, 24],
    [{ environments: 4, warmup: 16 }, 24],
    [{ environments: 4, warmup: 17 }, 20],
    [{ environments: 2, updatesPerStep: 2 }, 48],
  ];
  for (const [change, updates] of counts) {
    const { end, evaluations } = await endOf({ ...often, ...change });
    assert.is(end.updates, updates, JSON.stringify(change));
    assert.is(end.states.get('clock')?.[2], updates, JSON.stringify(change));
    assert.is(evaluations.at(-1)?.updates, updates);
    assert.is(Object.keys(evaluations.at(-1)?.metrics ?? {}).length > 0, updates > 0);
  }
});

test('evaluateEvery: when, and the last step always; the training is the same', async () => {
  const run = async (evaluateEvery: number) => {
    const { evaluations, end } = await endOf({ ...often, evaluateEvery });
    return { steps: evaluations.map(({ step }) => step), states: end.states };
  };
  const { states, ...base } = await run(8);
  assert.equal(base.steps, [8, 16, 24, 32, 40]);
  for (const [every, steps] of [
    [15, [15, 30, 40]],
    [40, [40]],
    [100, [40]],
  ] as const) {
    const other = await run(every);
    assert.equal(other.steps, steps);
    assert.equal(other.states, states);
  }
});

test('evaluationEpisodes: so many returns, from starts that all differ; the training is the same', async () => {
  const [two, four] = [2, 4].map((evaluationEpisodes) => endOf({ ...often, evaluationEpisodes }));
  const [a, b] = [await two, await four];
  assert.equal(
    b.evaluations.map(({ returns }) => returns.length),
    [4, 4, 4, 4, 4],
  );
  assert.equal(
    a.evaluations.map(({ returns }) => returns),
    b.evaluations.map(({ returns }) => returns.slice(0, 2)),
  );
  assert.equal(a.end.states, b.end.states);
  const starts = b.examined.flatMap(({ seeds }) => seeds);
  assert.is(new Set(starts).size, 20);
});

test('the temperature rises while the entropy is below its target, and falls above', async () => {
  for (const targetEntropy of [-3, -1, 0, 1, 2, 3]) {
    const { parameters, evaluations } = await endOf(once, { targetEntropy });
    const [moved] = parameters[temperature] as Float64Array;
    const first = Math.fround(Math.log(once.initialTemperature));
    const { entropy, temperature: shown } = evaluations[1].metrics;
    allclose([shown], [Math.exp(first)], near, 'the temperature of the update');
    // Adam's first step is its rate, whatever the gradient.
    const rate = learningRates.temperature * Math.sign(targetEntropy - entropy);
    allclose([moved - first], [rate], { rtol: 1e-6 }, `from entropy ${entropy} to ${targetEntropy}`);
  }
});

test('target entropies when none is asked for: half of log(choices), and minus the coordinates', () => {
  const shape = { observations: 2, hidden: [4], estimator: chooseEstimator('forward-kl/snis:policy') };
  for (const size of [2, 3, 18]) {
    const choice = { ...shape, family: distributionFamily('categorical') };
    const box = { ...shape, family: distributionFamily('tanh-gaussian') };
    const actions = { kind: 'discrete', size } as const;
    assert.is(new ActorCritic({ ...choice, actions }).targetEntropy, 0.5 * Math.log(size));
    assert.is(new ActorCritic({ ...choice, actions, targetEntropy: 0.1 }).targetEntropy, 0.1);
    assert.is(new ActorCritic({ ...box, actions: { kind: 'box', size } }).targetEntropy, -size);
  }
});

test('what is left out of the settings', async () => {
  const { observations, actions, estimator, family } = learnerOf(once).options;
  const learner = new ActorCritic({ observations, actions, estimator, family });
  const checkpoints: Checkpoint[] = [];
  const evaluations = await train(exactDevice(), {
    makeEnvironment: () => new Slide(),
    learner,
    steps: 2,
    checkpoint: { every: 2, save: (checkpoint) => void checkpoints.push(checkpoint) },
  });
  assert.is(evaluations[0].returns.length, 10);
  assert.equal(checkpoints[0].settings, {
    environment: 'slide',
    estimator: 'reverse-kl/pathwise',
    distribution: 'gaussian',
    actions: 2,
    batch: 64,
    capacity: 100_000,
    warmup: 500,
    updatesPerStep: 1,
    evaluateEvery: 1000,
    evaluationEpisodes: 10,
    seed: 0,
    'learner.hidden': '[64,64]',
    'learner.activation': 'relu',
    'learner.discount': 0.99,
    'learner.tau': 0.005,
    'learner.learningRate': 0.001,
    'learner.temperature': 'auto',
    'learner.initialTemperature': 1,
    'learner.seed': 0,
    'learner.observations': 2,
    'learner.samples': 1,
    'learner.targetEntropy': -2,
    'learner.familyOptions': '{}',
    'learner.learningRates': '{}',
    'learner.criticTarget': 'sample',
  });
});

test('settings out of range are refused by name', async () => {
  const refused = async (options: Partial<TrainOptions>, message: RegExp, environments = 1) => {
    try {
      await play({ ...once, environments }, options);
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match((error as Error).message, message);
      return;
    }
    assert.unreachable(`must be refused: ${message}`);
  };
  const counts = ['steps', 'batch', 'capacity', 'warmup', 'evaluateEvery'] as const;
  for (const name of counts) {
    for (const value of [0, 1.5, -1, Number.NaN])
      await refused(
        { [name]: value },
        new RegExp(`^train: ${name} must be a whole number from 1( to \\d+)?; got ${value}`),
      );
  }
  for (const value of [-1, 0.5, 1e9])
    await refused({ updatesPerStep: value }, /^train: updatesPerStep must be a whole number from 0 to 10000/);
  for (const value of [0, 1.5, -1, Number.NaN, 1e9])
    await refused(
      { evaluationEpisodes: value },
      /^train: evaluationEpisodes must be a whole number from 1 to 10000/,
    );
  await refused(
    { steps: 2 ** 20, evaluateEvery: 2 ** 20, updatesPerStep: 4096 },
    /^steps times updatesPerStep must be below 4294967296; got 1048576 times 4096/,
  );
  await refused({ steps: 15 }, /^steps is 15; with 2 environments it must be a multiple of 2/, 2);
  await refused(
    { evaluateEvery: 9 },
    /^evaluateEvery is 9; with 2 environments it must be a multiple of 2/,
    2,
  );
  assert.throws(
    () => learnerOf(once, { initialTemperature: 0 }),
    /initialTemperature must be a finite number from 0.000001 to 1000000; got 0/,
  );
  assert.throws(
    () => learnerOf(once, { temperature: -1 }),
    /temperature must be a finite number from 0.000001 to 1000000; got -1/,
  );
});

test('onStep hears of every round, onEvaluation of every evaluation when it is made', async () => {
  const heard: (number | Evaluation)[] = [];
  const settings = { ...once, environments: 2, steps: 8, evaluateEvery: 4, saveEvery: 8 };
  const { evaluations } = await play(settings, {
    onStep: (step) => void heard.push(step),
    onEvaluation: (evaluation) => void heard.push(evaluation),
  });
  assert.equal(heard, [2, 4, evaluations[0], 6, 8, evaluations[1]]);
});

test('a batch: rows that are held, each part from its own columns', async () => {
  const replay = new ReplayBuffer({ capacity: 5, observations: 2, actions: 3, behaviour: 2, boxed: false });
  const device = exactDevice();
  const value = (row: number, part: number, i: number) => 100 * row + 10 * part + i;
  const partOf = (row: number, part: number, size: number) =>
    Array.from({ length: size }, (_, i) => value(row, part, i));
  const batch = 64;
  const update = await device.compile(() => {
    const { states, actions, rewards, terminated, nextStates, behaviour } = replay.sample(batch);
    return { states, actions, rewards, terminated, nextStates, behaviour: behaviour as typeof states };
  });
  const draw = async (added: number) => {
    replay.add(device, {
      observation: partOf(added, 0, 2),
      action: partOf(added, 1, 3),
      reward: value(added, 2, 0),
      terminated: added % 2 === 1,
      nextObservation: partOf(added, 3, 2),
      behaviour: partOf(added, 4, 2),
    });
    update.run();
    const read = async (name: string) => Array.from(await update.read(name));
    const rewards = await read('rewards');
    const rows = rewards.map((reward) => (reward - 20) / 100);
    assert.equal(
      await read('states'),
      rows.flatMap((row) => partOf(row, 0, 2)),
    );
    assert.equal(
      await read('actions'),
      rows.flatMap((row) => partOf(row, 1, 3)),
    );
    assert.equal(
      await read('terminated'),
      rows.map((row) => row % 2),
    );
    assert.equal(
      await read('nextStates'),
      rows.flatMap((row) => partOf(row, 3, 2)),
    );
    assert.equal(
      await read('behaviour'),
      rows.flatMap((row) => partOf(row, 4, 2)),
    );
    return rows;
  };
  for (let added = 0; added < 12; added++) {
    const rows = await draw(added);
    // Of 64 draws among at most 5 rows, every row is one, and none but the last 5.
    const held = Array.from({ length: Math.min(5, added + 1) }, (_, i) => added - i).sort((a, b) => a - b);
    assert.equal(
      [...new Set(rows)].sort((a, b) => a - b),
      held,
    );
    assert.is(replay.size, held.length);
  }
});

test('actions: boxes affinely and clipped, choices by the first of the largest, no box without bounds', () => {
  const box = actionMap({ kind: 'box', low: [-1, 0], high: [3, 0.5] });
  assert.equal(box.kind, { kind: 'box', size: 2 });
  const sent = (action: number[]) => Array.from(box.toEnvironment(action));
  assert.equal(sent([-1, -1]), [-1, 0]);
  assert.equal(sent([1, 1]), [3, 0.5]);
  assert.equal(sent([0, 0.5]), [1, 0.375]);
  assert.equal(sent([-7, 1.5]), [-1, 0.5]);
  assert.equal(sent([7, -1.5]), [3, 0]);
  const executed = (action: number[]) => Array.from(box.executed(action));
  assert.equal(executed([0.25, -1]), [0.25, -1]);
  assert.equal(executed([-7, 1.5]), [-1, 1]);
  const choice = actionMap({ kind: 'discrete', n: 3 });
  assert.equal(Array.from(choice.executed([0.2, 0.4, 0.4])), [0, 1, 0]);
  assert.equal(choice.kind, { kind: 'discrete', size: 3 });
  for (const [action, index] of [
    [[1, 0, 0], 0],
    [[0, 1, 0], 1],
    [[0, 0, 1], 2],
    [[0.2, 0.4, 0.4], 1],
    [[-3, -2, -2.5], 1],
  ] as const)
    assert.equal(Array.from(choice.toEnvironment(action)), [index]);
  for (const [low, high] of [
    [
      [0, Number.NEGATIVE_INFINITY],
      [1, 1],
    ],
    [
      [0, 0],
      [1, Number.POSITIVE_INFINITY],
    ],
  ])
    assert.throws(() => actionMap({ kind: 'box', low, high }), /no finite bounds/);
});

test('a part of the environments starts as its places among all do, and states go back to their own', async () => {
  const make = (count: number, first: number) =>
    new LocalVector(
      Array.from({ length: count }, () => new Slide()),
      first,
    );
  const whole = make(4, 0);
  const starts = await whole.reset(6);
  assert.equal(await make(3, 1).reset(6), starts.slice(1));
  const again = make(4, 0);
  again.setStates(whole.getStates());
  const actions = starts.map((_, i) => Float32Array.of(0.5 * i, 0.1 * i));
  assert.equal(await again.step(actions), await whole.step(actions));
});

test.run();
