// Environments of one run are of one task, keep their spaces, and take actions within their bounds.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { checked } from '../../src/envs/checked.ts';
import type { Environment, EnvironmentState, Space } from '../../src/envs/environment.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { LocalVector } from '../../src/envs/vector.ts';
import { EnvironmentError, UsageError } from '../../src/errors.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { Evaluator } from '../../src/rl/evaluator.ts';
import { SavedPolicy, savePolicy } from '../../src/rl/policy-file.ts';
import { train } from '../../src/rl/train.ts';
import type { TrainOptions } from '../../src/rl/train-options.ts';
import { play } from '../../src/study/play.ts';
import { countingBackend } from '../helpers/counting-backend.ts';

const box = (...bounds: number[]): Extract<Space, { kind: 'box' }> => ({
  kind: 'box',
  low: bounds.map((bound) => -bound),
  high: bounds,
});

/** Two observations, one action, and whatever a test does otherwise. */
function task(other: Partial<Environment> = {}): Environment {
  let steps = 0;
  return {
    name: 'task',
    observationSpace: box(9, 9),
    actionSpace: box(1),
    maxEpisodeSteps: 4,
    reset: () => new Float32Array(2),
    step: () => ({ observation: new Float32Array(2), reward: ++steps, terminated: false, truncated: false }),
    getState: (): EnvironmentState => ({
      environment: 'task',
      physics: [steps],
      elapsedSteps: 0,
      running: true,
      random: { seed: 0, purpose: 'environment', index: 0, position: 0, spareNormal: null },
    }),
    setState: () => undefined,
    ...other,
  };
}

const learner = (family = 'tanh-gaussian') =>
  new ActorCritic({
    observations: 2,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily(family),
    hidden: [3],
  });

async function trained(make: () => Environment, options: Partial<TrainOptions> = {}, family?: string) {
  const device = new Device(createCpuBackend());
  const quick = { steps: 8, batch: 2, warmup: 6, evaluateEvery: 8, evaluationEpisodes: 2 };
  try {
    return await train(device, { makeEnvironment: make, learner: learner(family), ...quick, ...options });
  } finally {
    await device.dispose();
  }
}

async function refused(
  body: () => unknown,
  message: RegExp,
  kind: typeof UsageError | typeof EnvironmentError,
) {
  try {
    await body();
  } catch (error) {
    assert.match((error as Error).message, message);
    assert.instance(error, kind);
    return;
  }
  throw new Error(`it must be refused: ${message}`);
}

/** Makes the second or a later environment otherwise. */
const otherwise = (other: Partial<Environment>, place = 1) => {
  let made = 0;
  return () => task(made++ === place ? other : {});
};

const unlike: readonly [other: Partial<Environment>, message: RegExp][] = [
  [{ observationSpace: box(9, 9, 9) }, /3 observations/],
  [{ actionSpace: box(2) }, /'task' .*\[-1\] to \[1\].*\[-2\] to \[2\]/],
  [{ actionSpace: box(1, 1) }, /\[-1,-1\] to \[1,1\]/],
  [{ actionSpace: { kind: 'discrete', n: 3 } }, /3 choices/],
];

test('environments of one run that differ in their spaces are refused wherever several are taken', async () => {
  for (const [other, message] of unlike) {
    await refused(() => trained(otherwise(other)), message, EnvironmentError);
    await refused(() => trained(otherwise(other, 2)), message, EnvironmentError);
    await refused(() => new LocalVector([task(), task(other)]), message, EnvironmentError);
    const [of, device] = [learner(), new Device(createCpuBackend())];
    await refused(
      () => trained(() => task(), { environments: new LocalVector([task(other)]) }),
      message,
      EnvironmentError,
    );
    await refused(() => Evaluator.open(device, of, [task(), task(other)]), message, EnvironmentError);
    const policy = new SavedPolicy(await savePolicy(device, of, 'task'));
    const options = { seed: 0, stochastic: false, record: false, environments: [task(), task(other)] };
    await refused(() => play(device, policy, options), message, EnvironmentError);
    await device.dispose();
  }
  const device = new Device(createCpuBackend());
  await refused(
    () => Evaluator.open(device, learner(), [makeEnvironment('pendulum')]),
    /2 observations.*'pendulum' has 3/,
    UsageError,
  );
});

test('no environment, and one taken twice, are refused', async () => {
  const one = task();
  await refused(() => new LocalVector([]), /At least one environment/, UsageError);
  await refused(() => new LocalVector([one, one]), /same environment twice/, UsageError);
  const device = new Device(createCpuBackend());
  await refused(() => Evaluator.open(device, learner(), []), /At least one environment/, UsageError);
});

test('spaces are those that the environment had when it was given', () => {
  const inner = task();
  const environment = checked(inner);
  (inner.actionSpace as unknown as { low: number[] }).low[0] = -100;
  (inner.observationSpace.low as number[]).push(1);
  assert.equal(environment.actionSpace, box(1));
  assert.equal(environment.observationSpace, box(9, 9));
  assert.is(environment.reset(0).length, 2);
});

test('an action is within its bounds, also where float32 has no such number', async () => {
  for (const bound of [0.1, 0.3, 1 / 3, 0.4, 0.7, 1e-3]) {
    const seen: number[] = [];
    const step: Environment['step'] = (action) => {
      seen.push(action[0]);
      return { observation: new Float32Array(2), reward: 1, terminated: false, truncated: false };
    };
    const make = () => task({ actionSpace: box(bound), step });
    await trained(make, { steps: 60, warmup: 4, evaluateEvery: 60 }, 'gaussian');
    assert.ok(
      seen.every((action) => Math.abs(action) <= bound),
      `${bound}: ${Math.max(...seen)}`,
    );
    assert.ok(seen.some((action) => Math.abs(action) > 0.999 * bound));
  }
});

test('bounds of an action that float32 cannot hold are refused by name', async () => {
  for (const bound of [Number.POSITIVE_INFINITY, 1e39, 1e308])
    await refused(
      () => trained(() => task({ actionSpace: box(bound) })),
      /'task' has the bounds .* of action 0/,
      EnvironmentError,
    );
});

test('what throws when it is looked at is a failure of the environment', async () => {
  const step = () =>
    ({
      get reward(): number {
        throw new Error('too late');
      },
    }) as ReturnType<Environment['step']>;
  await refused(
    () => trained(() => task({ step })),
    /'task' failed in step 1 of episode 1: too late\./,
    EnvironmentError,
  );
});

test('a state that cannot be resumed from is refused when it is read', async () => {
  const state = (changed: Partial<EnvironmentState>) => () =>
    trained(() => task({ getState: () => ({ ...task().getState(), ...changed }) }), {
      checkpoint: { every: 2, save: () => undefined },
    });
  await refused(state({ physics: [Number.NaN] }), /gave the state NaN at position 0/, EnvironmentError);
  await refused(state({ physics: [0, 1 / 0] }), /gave the state Infinity at position 1/, EnvironmentError);
  await refused(state({}), /gave elapsedSteps 0 .*2 steps/, EnvironmentError);
});

test('settings of another kind are refused by name', async () => {
  const make = () => task();
  for (const [options, message] of [
    [{ makeEnvironment: undefined }, /'makeEnvironment' is missing/],
    [{ learner: undefined }, /'learner' is missing/],
    [{ checkpoint: { save: () => undefined } }, /checkpoint\.every must be/],
    [{ checkpoint: { every: 2 } }, /checkpoint\.save must be a function/],
    [
      { evaluationEpisodes: 1e9 },
      /evaluationEpisodes must be a whole number from 1 to 10000; got 1000000000/,
    ],
    [{ updatesPerStep: 1e9 }, /updatesPerStep must be a whole number from 0 to 10000; got 1000000000/],
    [{ inspect: -4 }, /inspect must be a whole number from 1/],
    [{ onStep: 4 }, /onStep must be a function/],
    [{ onEvaluation: 4 }, /onEvaluation must be a function/],
  ] as const)
    await refused(() => trained(make, options as unknown as Partial<TrainOptions>), message, UsageError);
});

test('training gives back what it took, however it ends', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const of = learner();
  const small = { learner: of, steps: 8, batch: 2, warmup: 6, evaluateEvery: 8, evaluationEpisodes: 2 };
  await train(device, { makeEnvironment: () => task(), ...small });
  const held = backend.held.size;
  await train(device, { makeEnvironment: () => task(), ...small });
  assert.is(backend.held.size, held);
  for (const other of [...unlike.map(([changed]) => changed), { name: '' }])
    await refused(
      () => train(device, { makeEnvironment: otherwise(other), ...small }),
      /./,
      EnvironmentError,
    );
  assert.is(backend.held.size, held);
  await device.dispose();
});

test.run();
