// Labels against measurement, for some estimators of each kind; labels.long.test.ts tries all of them, with all families.
import { test } from 'uvu';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { checkLabel, Problem } from './labels-setting.ts';

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

test.run();
