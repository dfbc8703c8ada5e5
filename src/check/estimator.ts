import { createCpuBackend } from '../backend/cpu/backend.ts';
import { Device } from '../device.ts';
import type { DistributionFamily } from '../distributions/distribution.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { type EstimatorChoice, missingNeeds } from '../divergences/estimator.ts';
import { chooseEstimator, estimators } from '../divergences/registry.ts';
import { boltzmann } from '../divergences/target.ts';
import { UsageError, unknownName } from '../errors.ts';
import { sizeOf } from '../math/shape.ts';
import { PolicyLearner } from '../rl/policy-learner.ts';
import { mul, reshape, square, sub, sum, type Tensor } from '../tape/index.ts';
import { type Checked, confirm, tryAll } from './confirm.ts';
import { checkLabel, Problem } from './label.ts';

/** How thoroughly an estimator is checked. */
export interface CheckEstimatorOptions {
  /** Families to try it with; those that fit of a Gaussian, a squashed one and a categorical, when absent. */
  readonly families?: readonly string[];
  /** Gradients drawn, in 65,536 over the root of the samples; more find smaller faults; 0.1 when absent. */
  readonly scale?: number;
}

const usual = ['gaussian', 'tanh-gaussian', 'categorical'];
const batch = 3;
const observations = 2;

/** One recorded step of a small learner: its loss, and whether its gradient is finite and moves the policy. */
async function step(device: Device, choice: EstimatorChoice, family: DistributionFamily): Promise<void> {
  const actions = family.capabilities.actionKind === 'discrete' ? 3 : 1;
  const learner = new PolicyLearner({
    ...{ observations, actions, estimator: choice, family, hidden: [3], activation: 'tanh' as const },
    ...{ samples: Math.max(3, choice.minimumSamples), learningRate: 0.01, tau: 0.1, seed: 5 },
  });
  const critics = (at: Tensor) => reshape(mul(-1, sum(square(sub(at, 0.3)), -1)), [1, at.shape[0], batch]);
  const width = learner.behaviourParameters;
  const update = await device.compile(({ input }) => {
    const { loss, diagnostics, gradient } = learner.recordStep({
      states: input('states', [batch, observations]),
      target: boltzmann(critics, { temperature: 0.5 }),
      ...(width > 0 ? { behaviour: input('behaviour', [batch, width]) } : {}),
      ...(choice.needs.includes('replayedActions')
        ? { replayedActions: input('replayedActions', [1, batch, actions]) }
        : {}),
    });
    return { ...diagnostics, loss, gradient };
  });
  try {
    for (const [name, { shape }] of update.program.inputs) {
      const wave = (i: number) => 0.5 * Math.sin(1 + 3 * i);
      const chosen = name === 'replayedActions' && family.capabilities.discrete;
      update.write({
        [name]: Float32Array.from({ length: sizeOf(shape) }, (_, i) =>
          chosen ? Number(i % actions === 1) : wave(i),
        ),
      });
    }
    update.run();
    for (const [name, { shape }] of update.program.outputs) {
      const values = await update.read(name);
      const wrong = values.findIndex((value) => !Number.isFinite(value));
      confirm(wrong < 0, `${name} is ${values[wrong]}`);
      if (name !== 'gradient')
        confirm(sizeOf(shape) === 1, `${name} has shape [${shape}]; it must be a scalar`);
    }
  } finally {
    update.dispose();
  }
}

/**
 * Checks a registered estimator as those of the library are: each variant with each family trains a step whose loss and
 * gradient are finite, and its mean gradient is what its label says. That is compared with the integral of its objective's
 * `coefficient`, or else with the estimator `exact` of the same divergence; where there is neither, or the quality is
 * `own-objective`, it must follow none of both KLs.
 *
 * @param name of an estimator, or of one variant
 * @returns what was tried
 * @throws CheckError naming each check that failed, and what was seen
 */
export async function checkEstimator(
  name: string,
  { families = usual, scale = 0.1 }: CheckEstimatorOptions = {},
): Promise<Checked> {
  const choices = choicesOf(name);
  const all = families.map((family) => distributionFamily(family));
  const device = new Device(createCpuBackend({ precision: 'f64' }));
  const problems: Problem[] = [];
  try {
    const checks = choices.flatMap((choice) => {
      const fitting = all.filter(
        (family) =>
          missingNeeds(choice.needs, family, family.capabilities.actionKind === 'discrete' ? 3 : 1).length ===
          0,
      );
      if (fitting.length === 0)
        throw new UsageError(`'${choice.name}' goes with none of ${families.join(', ')}.`, {
          hint: 'Name families that it goes with: checkEstimator(name, { families: [...] }).',
        });
      const own = fitting.map((family) => new Problem(family));
      problems.push(...own);
      return [
        ...fitting.map(
          (family) =>
            [`${choice.name} trains with ${family.name}`, () => step(device, choice, family)] as const,
        ),
        [`${choice.name} is ${choice.quality}`, () => checkLabel(choice, own, scale)] as const,
      ];
    });
    return await tryAll(`The estimator '${name}'`, checks);
  } finally {
    for (const problem of problems) await problem.dispose();
    await device.dispose();
  }
}

function choicesOf(name: string): EstimatorChoice[] {
  if (name.includes(':')) return [chooseEstimator(name)];
  const found = estimators.find((estimator) => estimator.name === name);
  if (!found)
    throw unknownName(
      'estimator',
      name,
      estimators.map((estimator) => estimator.name),
    );
  const { variants } = found;
  return variants.length === 0
    ? [chooseEstimator(name)]
    : variants.map((variant) => chooseEstimator(`${name}:${variant.name}`));
}
