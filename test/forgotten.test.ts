// What callers without types forget: a constructor, or a function, that is called without what it needs says so by name.
import { test } from 'uvu';
import * as assert from 'uvu/assert';

import { thrownBy } from './helpers/thrown.ts';

const library = await import('../src/index.ts');

type Anything = new (...args: unknown[]) => unknown;

/** Constructors and functions that take options, or a name, with what stands before these. */
const takers: readonly [name: keyof typeof library, before?: readonly unknown[]][] = [
  ['ActorCritic'],
  ['PolicyLearner'],
  ['ReplayBuffer'],
  ['LocalVector'],
  ['mlp'],
  ['adam', [new library.State('x', [1])]],
  ['boltzmann', [() => undefined]],
  ['compileUpdate', [undefined, undefined, undefined]],
  ['replayFor'],
  ['softOptimalLinearQuadratic', [library.dampedMass]],
  ['softOptimalLinearQuadratic'],
  ['train', [undefined]],
  ['trainRecovering', [undefined, {}]],
  ['chooseEstimator'],
  ['distributionFamily'],
  ['makeEnvironment'],
  ['prepareEnvironment'],
];

const call = (name: keyof typeof library, args: readonly unknown[]) => {
  const taker = library[name];
  const isClass = /^class\b/.test(Function.prototype.toString.call(taker));
  return isClass ? new (taker as Anything)(...args) : (taker as (...args: unknown[]) => unknown)(...args);
};

for (const [name, before = []] of takers)
  test(`${name} says what it was not given`, async () => {
    for (const given of [undefined, null, {}, 7]) {
      const thrown = await thrownBy(() => call(name, [...before, given]));
      assert.instance(thrown, library.DivergradError, `${String(thrown)} for ${given}`);
    }
  });

test('what has defaults for all is only refused what is no object', async () => {
  for (const name of ['open', 'LinearQuadratic'] as const)
    assert.instance(await thrownBy(() => call(name, [null])), library.UsageError, name);
});

test('the message names the owner and what is missing', () => {
  assert.throws(
    () => call('ActorCritic', []),
    /^ActorCritic takes its options as an object; got undefined\. Write new ActorCritic\(\{ observations, actions, estimator, family \}\)\.$/,
  );
  assert.throws(
    () => call('ActorCritic', [{ observations: 3, actions: { kind: 'box', size: 1 } }]),
    /ActorCritic: 'estimator' is missing\./,
  );
  assert.throws(() => call('chooseEstimator', []), /Unknown estimator 'undefined'/);
});

test('operands that are no tensors are refused by name', async () => {
  const device = await library.open({ backend: 'cpu' });
  for (const operand of [undefined, null, {}, 'x'])
    for (const operation of ['add', 'mul', 'pow', 'exp', 'maximum'] as const) {
      const thrown = await thrownBy(() =>
        device.compile(() => ({ y: call(operation, [operand, 2]) as never })),
      );
      assert.instance(thrown, library.UsageError, `${operation} of ${operand}: ${thrown}`);
      assert.match(String(thrown), /takes a tensor/);
    }
  for (const operation of [
    ...([
      'sum',
      'mean',
      'max',
      'argMax',
      'logMeanExp',
      'softmax',
      'reshape',
      'transpose',
      'broadcastTo',
    ] as const),
    ...(['slice', 'sliceAxis', 'matmul', 'gather', 'indexSelect', 'grad'] as const),
  ])
    for (const operand of [undefined, 2, [1]]) {
      const compiled = device.compile(() => ({ y: call(operation, [operand, operand, 0]) as never }));
      const thrown = await thrownBy(() => compiled);
      assert.instance(thrown, library.UsageError, `${operation} of ${operand}: ${thrown}`);
    }
  await device.dispose();
});

test.run();
