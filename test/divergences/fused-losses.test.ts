// What a loss over K samples costs in kernels: as many for 1,024 samples as for 2, and one for the hot losses.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { type EstimatorChoice, missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import type { Program } from '../../src/program/program.ts';
import { PolicyLearner } from '../../src/rl/policy-learner.ts';
import { lowered } from '../helpers/devices.ts';
import { problemFor } from './cells-setting.ts';

/** The program of one whole step of the policy. */
function stepWith(choice: EstimatorChoice, family: string, samples: number): Program {
  const learner = new PolicyLearner({
    observations: 2,
    actions: 2,
    estimator: choice,
    family: distributionFamily(family),
    samples,
    hidden: [3],
    activation: 'tanh',
    learningRate: 0.01,
    tau: 0.1,
    seed: 1,
  });
  return lowered(({ input }) => ({ loss: learner.recordStep(problemFor(learner, input)).loss }));
}

const kernelName = (step: Program['steps'][number]): string =>
  step.kind === 'kernel' ? step.kernel : 'generated';

for (const choice of estimatorChoices().filter(({ estimator }) => estimator.quality !== 'exact')) {
  test(`${choice.name}: the number of kernels does not depend on the number of samples`, () => {
    for (const family of distributionFamilies) {
      if (missingNeeds(choice.needs, family, 2).length > 0) continue;
      const kernels = [Math.max(2, choice.minimumSamples), 16, 256, 1024].map(
        (samples) => stepWith(choice, family.name, samples).kernels,
      );
      assert.is(new Set(kernels).size, 1, `${family.name}: ${kernels.join(', ')}`);
    }
  });
}

const hot: [name: string, kernel: string][] = [
  ['reverse-kl/pathwise', 'loss_reverse_kl'],
  ['reverse-kl/score:loo', 'loss_score'],
  ['reverse-kl/score:none', 'loss_score'],
  ['reverse-kl/score:mean', 'loss_score'],
  ['forward-kl/snis:policy', 'loss_snis'],
];
for (const [name, kernel] of hot) {
  test(`${name}: the loss and its gradient are one kernel, and nothing else works on [samples, states]`, () => {
    for (const samples of [2, 16, 1024]) {
      const program = stepWith(chooseEstimator(name), 'tanh-gaussian', samples);
      const names = program.steps.map(kernelName);
      const losses = names.filter((each) => each.startsWith('loss_'));
      assert.equal(losses, [kernel], program.toString());
      assert.not.ok(names.includes('generated'), program.toString());
    }
  });
}

test.run();
