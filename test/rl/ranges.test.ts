// Numbers out of range, heads of a wrong width, coordinates that are missing, an empty replay buffer: refused by name.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { ShapeError, UsageError } from '../../src/errors.ts';
import { adam, polyak } from '../../src/nn/adam.ts';
import type { ActionKind } from '../../src/rl/actions.ts';
import { ActorCritic, type ActorCriticOptions } from '../../src/rl/actor-critic.ts';
import { PolicyLearner } from '../../src/rl/policy-learner.ts';
import { compileUpdate } from '../../src/rl/recorded-update.ts';
import { ReplayBuffer, type ReplayOptions } from '../../src/rl/replay.ts';
import { literal, read, State } from '../../src/tape/index.ts';
import { exactDevice, recordOnly } from '../helpers/devices.ts';

const family = distributionFamily('tanh-gaussian');
const estimator = chooseEstimator('reverse-kl/pathwise');
const base = { observations: 2, actions: { kind: 'box', size: 1 } as ActionKind, estimator, family };

/** Asserts that something is refused in one line that has all these words. */
function refused(body: () => unknown, kind: typeof UsageError | typeof ShapeError, ...words: string[]): void {
  try {
    body();
  } catch (error) {
    assert.instance(error, kind);
    const { message } = error as Error;
    assert.not.match(message, /\n/);
    for (const word of words) assert.ok(message.includes(word), `'${message}' has '${word}'`);
    return;
  }
  assert.unreachable(`must be refused: ${words}`);
}

const [fraction, unit] = [
  [1.5, 0, -1, Number.NaN, Number.POSITIVE_INFINITY],
  [1.5, -0.1, Number.NaN, 5, Number.POSITIVE_INFINITY],
];

test('what is no choice is refused, and no entropy but a finite number is aimed at, tuned or not', () => {
  const make = (given: object) => () => new ActorCritic({ ...base, ...given } as ActorCriticOptions);
  for (const value of ['x', null, 'Expectation'])
    refused(make({ criticTarget: value }), UsageError, 'critic target', `'${value}'`, 'expectation, sample');
  for (const value of ['x', '0.1', null, true])
    refused(make({ temperature: value }), UsageError, 'temperature must be a finite number', `got ${value}`);
  const dpg = { estimator: chooseEstimator('dpg/pathwise'), family: distributionFamily('deterministic') };
  for (const parts of [{}, dpg])
    for (const value of ['1', Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, null])
      refused(
        make({ ...parts, targetEntropy: value }),
        UsageError,
        `targetEntropy must be a finite number; got ${value}`,
      );
});

test('every number of a learner has its range, and is named with it and what was seen', () => {
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    observations: fraction,
    samples: fraction,
    discount: unit,
    tau: unit,
    learningRate: [-1, Number.NaN, Number.POSITIVE_INFINITY, '0.1'],
    temperature: [0, -1, Number.NaN, 1e7, 1e-7],
    initialTemperature: [0, Number.POSITIVE_INFINITY],
    seed: [0.5, -1, 2 ** 53],
  };
  for (const [name, values] of Object.entries(wrong))
    for (const value of values)
      refused(
        () => new ActorCritic({ ...base, [name]: value } as ActorCriticOptions),
        UsageError,
        name,
        `got ${value}`,
        'number from',
      );
  refused(() => new ActorCritic({ ...base, hidden: [4, 2.5] }), UsageError, 'hidden[1]', 'got 2.5');
  refused(
    () => new ActorCritic({ ...base, actions: { kind: 'box', size: 0 } }),
    UsageError,
    'actions must be a whole number from 1',
  );
  for (const rate of ['policy', 'critics', 'temperature'])
    refused(
      () => new ActorCritic({ ...base, learningRates: { [rate]: -1 } }),
      UsageError,
      'learningRate',
      'got -1',
    );
  // What is left out as undefined is left out.
  assert.is(new ActorCritic({ ...base, discount: undefined } as never).options.discount, 0.99);
  for (const [discount, tau] of [
    [0, 0],
    [1, 1],
  ])
    assert.is(new ActorCritic({ ...base, discount, tau }).options.tau, tau);
});

test('so do those of a policy learner, a replay buffer, an optimiser', () => {
  const learner = {
    observations: 1,
    actions: 1,
    estimator,
    family,
    hidden: [2],
    activation: 'relu',
  } as const;
  const rest = { learningRate: 1e-3, tau: 0.1, seed: 0 };
  for (const [name, value] of [
    ['tau', 5],
    ['samples', 1.5],
    ['learningRate', Number.NaN],
    ['actions', 0],
    ['observations', 2.5],
    ['seed', -1],
  ] as const)
    refused(
      () => new PolicyLearner({ ...learner, ...rest, [name]: value }),
      UsageError,
      `PolicyLearner: ${name} must be`,
      `got ${value}`,
    );
  const sizes: ReplayOptions = { capacity: 4, observations: 1, actions: 1 };
  for (const [name, value] of [
    ['capacity', 0],
    ['capacity', 2 ** 24 + 1],
    ['observations', 0],
    ['actions', 1.5],
    ['behaviour', -1],
  ] as const)
    refused(
      () => new ReplayBuffer({ ...sizes, [name]: value }),
      UsageError,
      `ReplayBuffer: ${name} must be`,
      `got ${value}`,
    );
  const replay = new ReplayBuffer(sizes);
  for (const batch of fraction)
    refused(
      () => recordOnly(() => ({ rows: replay.sample(batch).rows })),
      UsageError,
      'batch',
      `got ${batch}`,
    );
  const [parameters, target] = [new State('p', [2]), new State('t', [2])];
  for (const tau of [5, -1, Number.NaN]) {
    refused(
      () =>
        recordOnly(() => {
          adam(parameters, { learningRate: 1 }).step(literal([1, 1], [2]), {
            target: { parameters: target, tau },
          });
          return {};
        }),
      UsageError,
      `tau must be a number from 0 to 1; got ${tau}`,
    );
    refused(
      () =>
        recordOnly(() => {
          polyak(target, read(parameters), tau);
          return {};
        }),
      UsageError,
      `got ${tau}`,
    );
  }
  for (const learningRate of [Number.POSITIVE_INFINITY, Number.NaN, -1])
    refused(() => adam(parameters, { learningRate }), UsageError, `learningRate ${learningRate}`);
});

test('an update that draws from an empty replay buffer does not run', async () => {
  const device = exactDevice();
  const learner = new ActorCritic({ ...base, hidden: [4] });
  const replay = new ReplayBuffer({ capacity: 4, observations: 2, actions: 1 });
  const update = await compileUpdate(device, learner, replay, { batch: 3 });
  const before = await device.read(learner.policy.parameters);
  refused(() => update.run(), UsageError, 'cannot run', 'replay buffer that holds no transition', 'Add one');
  refused(() => update.run(5), UsageError, 'replay buffer');
  assert.equal(await device.read(learner.policy.parameters), before);
  replay.add(device, {
    ...{ observation: [1, 2], action: [0], reward: 1, terminated: false, nextObservation: [1, 3] },
  });
  update.run();
  assert.not.equal(await device.read(learner.policy.parameters), before);
  await device.dispose();
});

test('a head of a wrong width is refused when it is recorded, in every family', () => {
  for (const each of distributionFamilies) {
    for (const actions of [1, 2, 5]) {
      const width = each.parameters(actions);
      const make = (shape: readonly number[]) =>
        recordOnly(({ input }) => ({ mode: each.make(input('head', shape), actions).mode() }));
      for (const shape of [
        [3, width + 1],
        [3, 2 * width + 2],
        [width],
        [3, 1, width],
        ...(width > 1 ? [[3, 1]] : []),
      ])
        refused(() => make(shape), ShapeError, each.name, `[batch, ${width}]`, `[${shape.join(', ')}]`);
      make([3, width]);
    }
  }
  for (const logStd of [
    [1, -1],
    [Number.NaN, 0],
  ] as const)
    refused(
      () => recordOnly(({ input }) => ({ mode: family.make(input('head', [3, 2]), 1, { logStd }).mode() })),
      UsageError,
      'bounds of log-std',
    );
});

test('one coordinate for two actions is refused by densities and critics', () => {
  for (const each of distributionFamilies) {
    if (!each.capabilities.density) continue;
    const { actionKind } = each.capabilities;
    const learner = new ActorCritic({
      ...{ observations: 2, actions: { kind: actionKind, size: 2 } as ActionKind, family: each, hidden: [4] },
      estimator: chooseEstimator('reverse-kl/score'),
    });
    const record = (of: 'logProb' | 'logProbLatent' | 'critics', shape: readonly number[]) =>
      recordOnly(({ input }) => {
        const [states, actions] = [input('states', [3, 2]), input('actions', shape)];
        if (of === 'critics') return { q: learner.criticsAt(learner.critics, states, actions) };
        return { p: learner.distribution(states)[of](actions) };
      });
    for (const of of ['logProb', 'logProbLatent', 'critics'] as const) {
      refused(() => record(of, [1, 3, 1]), ShapeError, '[1, 3, 1]');
      refused(() => record(of, [1, 3, 3]), ShapeError, '[1, 3, 3]');
      record(of, [4, 3, 2]);
    }
  }
});

test.run();
