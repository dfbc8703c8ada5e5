// Labels against measurement, for some estimators of each kind; labels.long.test.ts tries all of them, with all families.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkLabel, Problem } from '../../src/check/label.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import type { EstimatorChoice } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';

const problems = ['gaussian', 'categorical'].map((name) => new Problem(distributionFamily(name)));
test.after(async () => {
  for (const problem of problems) await problem.dispose();
});

for (const name of [
  'reverse-kl/score:loo',
  'reverse-kl/score:mean',
  'forward-kl/snis:policy',
  'forward-kl/awr:exp-clip',
  'renyi/score:0.5',
  'kl-penalty/k1:on-policy',
  'kl-penalty/k2:on-policy',
  'kl-penalty/k3:off-policy',
  'kl-penalty/k2-iw',
]) {
  const choice = chooseEstimator(name);
  test(`${name}: ${choice.quality}, ${choice.follows.name}`, () => checkLabel(choice, problems, 0.1));
}

test('every objective has its integral, but those of chains and of particles', () => {
  const without = estimatorChoices().filter((choice) => choice.follows.coefficient === undefined);
  assert.equal(
    without.map((choice) => choice.name),
    ['forward-kl/mcmc', 'svgd/amortised'],
  );
});

test('a wrong label is found out', async () => {
  const choice = chooseEstimator('kl-penalty/k1:on-policy');
  const { follows } = chooseEstimator('kl-penalty/k2:on-policy');
  const wrong: EstimatorChoice = { ...choice, quality: 'unbiased', follows };
  const found = await checkLabel(wrong, problems, 0.1).then(
    () => 'nothing found',
    (error: Error) => error.message,
  );
  assert.match(found, /standard errors/);
});

test.run();
