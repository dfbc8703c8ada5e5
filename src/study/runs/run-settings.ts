import { distributionFamily } from '../../distributions/registry.ts';
import { missingNeeds, requireCompatible, requireSamples } from '../../divergences/estimator.ts';
import {
  baselineEstimator,
  chooseEstimator,
  estimatorChoices,
  estimators,
} from '../../divergences/registry.ts';
import { makeEnvironment, prepareEnvironment } from '../../envs/registry.ts';
import { UsageError } from '../../errors.ts';
import { actionMap } from '../../rl/actions.ts';
import { ActorCritic, criticTargetOf, temperatureMode } from '../../rl/actor-critic.ts';
import { requireRounds } from '../../rl/train-checks.ts';
import { pluginSettings } from './loaded-plugins.ts';
import { type RunSettings, runDefaults } from './settings.ts';

/**
 * The distribution a task takes where none is named.
 *
 * @throws UsageError for an unknown environment, BackendError when its physics cannot be loaded
 */
export async function defaultDistribution(environment: string): Promise<string> {
  await prepareEnvironment(environment);
  const { kind } = actionMap(makeEnvironment(environment).actionSpace);
  return kind.kind === 'box' ? 'tanh-gaussian' : 'categorical';
}

/**
 * The estimator a run takes where none is named: the baseline, or else of those of its divergence that go with the
 * distribution the exact one, or the first.
 *
 * @throws UsageError for an unknown distribution
 */
export function defaultEstimator(distribution: string): string {
  const family = distributionFamily(distribution);
  const baseline = chooseEstimator(baselineEstimator);
  const fitting = estimatorChoices().filter(({ needs }) => missingNeeds(needs, family).length === 0);
  const [divergence] = baselineEstimator.split('/');
  const related = fitting.filter(({ name }) => name.startsWith(`${divergence}/`));
  const found =
    fitting.find(({ name }) => name === baseline.name) ??
    related.find(({ estimator }) => estimator.quality === 'exact') ??
    related[0] ??
    fitting[0] ??
    baseline;
  return found.name;
}

type Asked = Partial<RunSettings> & Pick<RunSettings, 'environment'>;

/**
 * All settings of a run: those asked for, and for the others their defaults, or what environment, estimator and
 * distribution decide.
 *
 * @throws UsageError for unknown names, a temperature that cannot be tuned, an expectation that cannot be taken, a loss that
 *   never reads the critics, too few samples
 */
export async function completeSettings(asked: Asked): Promise<RunSettings> {
  const said = Object.fromEntries(
    Object.entries(asked).filter(([, value]) => value !== undefined),
  ) as unknown as Asked;
  const { environment } = said;
  await prepareEnvironment(environment);
  const distribution = said.distribution ?? (await defaultDistribution(environment));
  const estimator = chooseEstimator(said.estimator ?? defaultEstimator(distribution));
  const parts = {
    ...said,
    estimator,
    family: distributionFamily(distribution),
    actions: actionMap(makeEnvironment(environment).actionSpace).kind,
  };
  const samples = said.samples ?? estimator.estimator.defaultSamples;
  requireSamples(estimator, samples);
  const criticTarget = criticTargetOf(parts);
  const temperature = temperatureMode(parts);
  const settings = {
    ...{ ...runDefaults, ...said },
    ...{ estimator: estimator.name, distribution, samples, temperature, criticTarget },
    ...pluginSettings(),
  };
  const { steps, evaluateEvery, parallelEnvironments } = settings;
  requireRounds({ steps, evaluateEvery }, parallelEnvironments);
  return settings;
}

/**
 * Why a run cannot be: the need that its distribution does not meet, actions that do not fit, or settings that cannot
 * work with them. Undefined when it can.
 *
 * @throws UsageError for unknown names
 */
export async function refusal(
  settings: Asked & Pick<RunSettings, 'estimator' | 'distribution'>,
): Promise<string | undefined> {
  await prepareEnvironment(settings.environment);
  const { kind } = actionMap(makeEnvironment(settings.environment).actionSpace);
  const family = distributionFamily(settings.distribution);
  const choice = chooseEstimator(settings.estimator);
  if (family.capabilities.actionKind !== kind.kind)
    return `the distribution '${family.name}' does not fit the ${kind.kind} actions of '${settings.environment}'`;
  try {
    requireCompatible(choice, family, estimators, kind.size);
    await completeSettings(settings);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/** What to say of a run that ends before its first update; undefined of all others. */
export const nothingLearned = ({ steps, warmup }: RunSettings): string | undefined =>
  steps <= warmup
    ? `All ${steps} steps are warm-up, which takes ${warmup}: nothing is learned. Take more steps, or a shorter warm-up.`
    : undefined;

/** The learner of a run. The environment must be prepared. @throws UsageError when its parts do not go together */
export function learnerOf(settings: RunSettings): ActorCritic {
  const environment = makeEnvironment(settings.environment);
  return new ActorCritic({
    observations: environment.observationSpace.low.length,
    actions: actionMap(environment.actionSpace).kind,
    estimator: chooseEstimator(settings.estimator),
    family: distributionFamily(settings.distribution),
    hidden: settings.hidden,
    learningRate: settings.learningRate,
    temperature: settings.temperature,
    seed: settings.seed,
    samples: settings.samples,
    criticTarget: settings.criticTarget,
  });
}
