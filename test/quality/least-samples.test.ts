// The least number of samples of every estimator and variant, by what its mean gradient learns; with all distributions in
// least-samples.long.test.ts.
import { test } from 'uvu';
import { Problem } from '../../src/check/label.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { estimatorChoices } from '../../src/divergences/registry.ts';
import { checkLeastSamples } from './least-samples-setting.ts';

const problem = new Problem(distributionFamily('gaussian'));
test.after(() => problem.dispose());

for (const choice of estimatorChoices().filter(({ quality }) => quality !== 'exact')) {
  if (!problem.fits(choice)) continue;
  test(`${choice.name} learns from ${choice.minimumSamples} samples, and not from fewer`, () =>
    checkLeastSamples(problem, choice, 8192));
}

test.run();
