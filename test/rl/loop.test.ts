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
import type { PhiloxStream } from '../../src/math/philox.ts';
import type { Activation } from '../../src/nn/index.ts';
import { actionMap } from '../../src/rl/actions.ts';
import { ActorCritic, type ActorCriticOptions } from '../../src/rl/actor-critic.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { type Evaluation, type TrainOptions, train } from '../../src/rl/train.ts';
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
  const { temperature, initialTemperature, targetEntropy, learningRates, learnerSeed } = settings;
  return new ActorCritic({
    observations: observationSpace.low.length,
    actions: actionMap(actionSpace).kind,
    estimator: chooseEstimator(estimator),
    family: distributionFamily(family),
    seed: learnerSeed,
    ...{ samples, hidden, activation, discount, tau, temperature, initialTemperature, learningRates },
    ...(targetEntropy === undefined ? {} : { targetEntropy }),
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

for (const name of ['pendulum', 'cartpole', 'behaviour', 'slide', 'mpo', 'large-batch']) {
  test(`${name}: the run is that of the independent implementation`, async () => {
    const trace = traceOf(name);
    const { training, examined, evaluations, checkpoints } = await play(trace.settings);
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
      const { step, updates, replay, states, random } = checkpoints[i];
      assert.equal([step, updates, replay.next], [wanted.step, wanted.updates, wanted.next]);
      allclose(replay.rows, wanted.rows.flat(), near, `replay at ${step}`);
      assert.is(random.position, wanted.warmupWords);
      const { clock, 'clock.act': acted, ...arrays } = Object.fromEntries(states);
      assert.equal([clock[2], acted[2]], [wanted.updates, wanted.actionsChosen]);
      assert.equal(Object.keys(arrays).sort(), Object.keys(wanted.states).sort());
      for (const [key, values] of Object.entries(wanted.states))
        allclose(arrays[key], values, near, `${key} at ${step}`);
    }
  });
}

test.run();
