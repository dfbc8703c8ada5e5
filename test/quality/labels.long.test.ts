// Labels against measurement, for every estimator and variant that is not exact, with every distribution that has a density.
import { test } from 'uvu';
import { checkLabel, Problem } from '../../src/check/label.ts';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import { estimatorChoices } from '../../src/divergences/registry.ts';

// With one coordinate a full covariance is a diagonal one.
const problems = distributionFamilies
  .filter(({ name, capabilities }) => capabilities.density && name !== 'gaussian-full')
  .map((family) => new Problem(family));
test.after(async () => {
  for (const problem of problems) await problem.dispose();
});

for (const choice of estimatorChoices().filter(({ quality }) => quality !== 'exact')) {
  test(`${choice.name}: ${choice.quality}, ${choice.follows.name}`, () =>
    checkLabel(choice, problems, choice.needs.includes('rsample') ? 0.03 : 0.1));
}

test.run();
