// The slowly moving copy of the policy: a copy from the first, and MPO's steps from there.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { PolicyLearner } from '../../src/rl/policy-learner.ts';
import { mul, reshape, square, sub, sum } from '../../src/tape/index.ts';
import { exactDevice } from '../helpers/devices.ts';

const learnerOf = (estimator: string, distribution = 'tanh-gaussian', seed = 4) =>
  new PolicyLearner({
    observations: 2,
    actions: 1,
    estimator: chooseEstimator(estimator),
    family: distributionFamily(distribution),
    hidden: [8],
    activation: 'tanh',
    learningRate: 0.01,
    tau: 0.05,
    seed,
  });

test('the reference starts as a copy of the policy, for every estimator that has one', () => {
  const having = estimatorChoices().filter(({ needs }) => needs.includes('reference'));
  assert.ok(having.length >= 11);
  for (const { name } of having) {
    for (const seed of [0, 4]) {
      const { policy, reference } = learnerOf(name, 'gaussian', seed);
      assert.ok(reference, name);
      assert.equal(reference.parameters.initial, policy.parameters.initial, name);
      assert.is.not(reference.parameters.initial, policy.parameters.initial, 'the same memory');
    }
  }
});

for (const name of ['mpo/decoupled', 'mpo/coupled']) {
  test(`${name} starts without distance from the old policy, moves to better actions, and stays near`, async () => {
    const device = exactDevice();
    const learner = learnerOf(name);
    const batch = 16;
    const update = await device.compile(
      ({ input }) => {
        const states = input('states', [batch, 2]);
        const { loss, diagnostics } = learner.recordStep({
          states,
          target: boltzmann((a) => reshape(mul(-1, square(sum(sub(a, 0.6), -1))), [1, a.shape[0], batch]), {
            temperature: 0.1,
          }),
        });
        return { loss, ...diagnostics, mode: learner.distribution(states).mode() };
      },
      { seed: 2 },
    );
    update.write({ states: Array.from({ length: 2 * batch }, (_, i) => Math.sin(i)) });
    const distanceOf = async () =>
      [...(await update.read('mode'))].reduce((sum, a) => sum + Math.abs(a - 0.6) / batch, 0);
    update.run();
    assert.is(await update.readScalar('klMean'), 0);
    assert.ok(Math.abs(await update.readScalar('klCovariance')) < 1e-12);
    const before = await distanceOf();
    update.run(900);
    assert.ok(Number.isFinite(await update.readScalar('loss')));
    assert.ok((await distanceOf()) < 0.5 * before, `${await distanceOf()} of ${before}`);
    const moved = await update.readScalar('klMean');
    assert.ok(moved > 0 && moved < 0.5, `${moved} nats from the old policy`);
    await device.dispose();
  });
}

test.run();
