// When the temperature is tuned, what it is otherwise, and that it stays finite; what estimators read.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { UsageError } from '../../src/errors.ts';
import type { ActionKind } from '../../src/rl/actions.ts';
import { ActorCritic, type ActorCriticOptions } from '../../src/rl/actor-critic.ts';
import { lossReads } from '../../src/rl/loss-reads.ts';
import { fixedTemperature, temperatureBounds, temperatureOptimiser } from '../../src/rl/temperature.ts';
import { clockState, read, State } from '../../src/tape/index.ts';
import { exactDevice } from '../helpers/devices.ts';

const learner = (
  estimator: string,
  distribution: string,
  options: Partial<ActorCriticOptions> = {},
): ActorCritic => {
  const family = distributionFamily(distribution);
  const actions = { kind: family.capabilities.actionKind, size: 2 } as ActionKind;
  return new ActorCritic({
    ...{ observations: 2, actions, estimator: chooseEstimator(estimator), family, hidden: [4] },
    ...options,
  });
};

test('every loss that trains a policy reads the critics; the temperature counts for all but two of them', () => {
  // Known from their formulas: dpg climbs Q, MPO has a temperature η of its own, and a penalty compares two policies.
  const without = /^(dpg|mpo|kl-penalty)\//;
  for (const family of distributionFamilies) {
    for (const choice of estimatorChoices()) {
      if (missingNeeds(choice.needs, family, 1).length > 0) continue;
      const size = family.capabilities.actionKind === 'box' ? 1 : 3;
      const where = `${choice.name} with ${family.name}`;
      const reads = lossReads(choice, family, size);
      assert.is(reads.critics, !choice.name.startsWith('kl-penalty/'), where);
      // A policy without noise or density has nothing for the temperature to weigh against, but svgd's formula has it.
      assert.is(reads.temperature, !without.test(choice.name), where);
    }
  }
});

test('tuned where the loss reads it and an entropy can be reached; otherwise fixed, and auto is refused', () => {
  for (const [estimator, distribution] of [
    ['reverse-kl/pathwise', 'tanh-gaussian'],
    ['reverse-kl/pathwise', 'relaxed-categorical'],
    ['reverse-kl/exact', 'categorical'],
    ['svgd/amortised', 'beta'],
    ['reverse-kl/score+kl-penalty/k3@0.5', 'gaussian-mixture'],
  ]) {
    assert.is(learner(estimator, distribution).options.temperature, 'auto');
    assert.is(learner(estimator, distribution, { temperature: 'auto' }).options.temperature, 'auto');
    assert.is(learner(estimator, distribution, { temperature: 0.3 }).options.temperature, 0.3);
  }
  for (const [estimator, distribution, why] of [
    ['dpg/pathwise', 'tanh-gaussian', /the loss of 'dpg\/pathwise' does not depend on it/],
    ['dpg/pathwise', 'deterministic', /the loss of 'dpg\/pathwise' does not depend on it/],
    ['mpo/decoupled', 'gaussian', /the loss of 'mpo\/decoupled' does not depend on it/],
    ['mpo/coupled', 'tanh-gaussian', /the loss of 'mpo\/coupled' does not depend on it/],
    ['dpg/pathwise+kl-penalty/k2', 'gaussian', /does not depend on it/],
  ] as const) {
    const fixed = learner(estimator, distribution);
    assert.is(fixed.options.temperature, fixedTemperature);
    assert.is(fixed.logTemperature.initial?.[0], Math.fround(Math.log(fixedTemperature)));
    assert.throws(
      () => learner(estimator, distribution, { temperature: 'auto' }),
      (error: unknown) =>
        error instanceof UsageError &&
        why.test(error.message) &&
        /Give it as a number; where none is asked for, it is 0.05/.test(error.message),
    );
  }
  // An entropy that the bounds leave no choice of.
  const held = { familyOptions: { logStd: [-1, -1] as const } };
  assert.is(learner('reverse-kl/pathwise', 'gaussian', held).options.temperature, fixedTemperature);
  assert.throws(
    () => learner('reverse-kl/pathwise', 'gaussian', { ...held, temperature: 'auto' }),
    /the entropy of 'gaussian' cannot change here/,
  );
});

test('a target entropy that the family cannot reach is refused with its range', () => {
  assert.throws(
    () => learner('reverse-kl/pathwise', 'relaxed-categorical', { targetEntropy: 0.5 * Math.log(2) }),
    /between -Infinity and -0.104304 nats, which 'relaxed-categorical' with 2 choices can reach; got 0.3465/,
  );
  assert.throws(
    () => learner('reverse-kl/pathwise', 'tanh-gaussian', { targetEntropy: 1.4 }),
    /between -Infinity and 1.36727 nats, which 'tanh-gaussian' with 2 coordinates can reach; got 1.4/,
  );
});

test('whatever the entropy, the temperature stays within its bounds, and comes back from them', async () => {
  const device = exactDevice();
  for (const [entropy, end] of [
    [-50, temperatureBounds[1]],
    [50, temperatureBounds[0]],
    [-1e30, temperatureBounds[1]],
  ]) {
    const logTemperature = new State('logTemperature', [], new Float32Array(1));
    const { step } = temperatureOptimiser(logTemperature, { learningRate: 0.5, targetEntropy: 0 });
    const update = await device.compile(
      ({ input }) => {
        const seen = step(input('logProb', [4, 2]));
        return { seen, logTemperature: read(logTemperature) };
      },
      { clock: clockState(0) },
    );
    update.write({ logProb: new Float32Array(8).fill(-entropy) });
    update.run(200);
    const held = await update.readScalar('logTemperature');
    assert.ok(Math.abs(held - Math.log(end)) < 1e-5, `${entropy}: ${held}`);
    update.write({ logProb: new Float32Array(8).fill(entropy) });
    update.run(500);
    assert.is(await update.readScalar('logTemperature'), held * -1);
    update.dispose();
  }
  await device.dispose();
});

test.run();
