// The least number of samples of every estimator and variant with every distribution that has a density.
import { test } from 'uvu';
import { Problem } from '../../src/check/label.ts';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import { estimatorChoices } from '../../src/divergences/registry.ts';
import { checkLeastSamples } from './least-samples-setting.ts';

// Noise over a simplex, whose corners a relaxed choice crowds, hides what is learnt from so few samples.
const families = distributionFamilies.filter(
  ({ name, capabilities }) => capabilities.density && name !== 'relaxed-categorical',
);
for (const family of families) {
  const problem = new Problem(family);
  const choices = estimatorChoices().filter((choice) => choice.quality !== 'exact' && problem.fits(choice));
  for (const choice of choices) {
    // All choices at once need no samples; a value from heavy tails, inside an exponential, has no mean.
    if (choice.name === 'forward-kl/snis:uniform' && family.capabilities.discrete) continue;
    if (choice.name === 'forward-kl/awr:softmax-batch' && ['laplace', 'student-t'].includes(family.name))
      continue;
    test(`${choice.name} with ${family.name}: ${choice.minimumSamples} samples`, () =>
      checkLeastSamples(problem, choice, 8192));
  }
  test(`${family.name}: no more`, () => problem.dispose());
}

test.run();
