// Which steps are moved beside an earlier one of the same work: by hand-made lists, and in an update.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import type { Step } from '../../src/program/program.ts';
import { bringTogether } from '../../src/program/together.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { replayFor } from '../../src/rl/recorded-update.ts';
import { lowered } from '../helpers/devices.ts';

/** Buffers by name: `layer` reads x and w and writes y. */
const layer = (label: string, [x, w, y]: string, outputs = 8): Step => {
  const [x0, parameters, result] = [x, w, y].map((name) => name.charCodeAt(0));
  const step = { kind: 'kernel' as const, kernel: 'mlp_layer_forward', params: {}, flops: 0, bytes: 0 };
  return { ...step, label, shapes: `8 → ${outputs}`, buffers: [x0, -1, parameters, result, -1] };
};

const order = (steps: readonly Step[]): string =>
  bringTogether(steps)
    .map((row) => row.map(({ label }) => label).join('+'))
    .join(' ');

test('two networks go layer by layer', () => {
  const steps = [
    layer('a1', 'xwp'),
    layer('a2', 'pwq'),
    layer('a3', 'qwr', 4),
    layer('b1', 'xvs'),
    layer('b2', 'svt'),
    layer('b3', 'tvu', 4),
  ];
  assert.is(order(steps), 'a1+b1 a2+b2 a3+b3');
});

test('a step stays behind what it reads, what reads its result’s old value, and what writes the same', () => {
  assert.is(order([layer('a', 'xwp'), layer('other', 'pwy', 4), layer('b', 'ywq')]), 'a other b', 'reads');
  assert.is(
    order([layer('a', 'xwp'), layer('other', 'qwy', 4), layer('b', 'xwq')]),
    'a other b',
    'read before',
  );
  assert.is(order([layer('a', 'xwp'), layer('other', 'xwq', 4), layer('b', 'yvq')]), 'a other b', 'written');
  assert.is(
    order([layer('a', 'xwp'), layer('other', 'xwq', 4), layer('b', 'pwr')]),
    'a other b',
    'the earlier',
  );
  assert.is(order([layer('a', 'xwp'), layer('other', 'xwq', 4), layer('b', 'yvr')]), 'a+b other', 'free');
});

test('what has other shapes is not moved, as much work as it may be', () => {
  assert.is(order([layer('a', 'xwp'), layer('other', 'xwq', 4), layer('b', 'yvr', 16)]), 'a other b');
});

test("an update's critics and their targets go together, a layer at a time", () => {
  const learner = new ActorCritic({
    observations: 3,
    actions: { kind: 'box', size: 1 },
    hidden: [8, 8],
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily('tanh-gaussian'),
  });
  const replay = replayFor(learner, 100);
  const { steps, buffers } = lowered(() => learner.recordUpdate(replay.sample(64)), { mlp: 'layered' });
  const weights = steps.flatMap((step) =>
    step.kind === 'kernel' && step.kernel === 'mlp_layer_forward' ? [buffers[step.buffers[2]].name] : [],
  );
  const [policy, critics, targets] = [0, 0, 0].map((_, i) => weights[[0, 4, 3][i]]);
  const pair = [targets, critics];
  // A policy of these sizes takes as many operations as its critics.
  assert.equal(weights, [...Array(3).fill(policy), ...pair, ...pair, ...pair, ...Array(3).fill(critics)]);
  assert.is(new Set([policy, critics, targets]).size, 3);
});

test.run();
