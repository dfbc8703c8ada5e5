import type { BackendChoice } from '../backend/select.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { missingNeeds, requireCompatible } from '../divergences/estimator.ts';
import { baselineEstimator, chooseEstimator, estimatorChoices, estimators } from '../divergences/registry.ts';
import { makeEnvironment, prepareEnvironment } from '../envs/registry.ts';
import { UsageError } from '../errors.ts';
import { actionMap } from '../rl/actions.ts';
import { ActorCritic, actorCriticDefaults } from '../rl/actor-critic.ts';
import { trainDefaults } from '../rl/train.ts';

/** Everything one training run is asked for. Names are those of `config.json`. */
export interface RunSettings {
  readonly environment: string;
  /** `divergence/estimator`, with `:variant` where it has several. */
  readonly estimator: string;
  readonly distribution: string;
  /** Actions sampled for each state; absent for the estimator's own number. */
  readonly samples?: number;
  readonly seed: number;
  readonly steps: number;
  readonly batch: number;
  readonly hidden: readonly number[];
  readonly learningRate: number;
  readonly temperature: number | 'auto';
  readonly warmup: number;
  readonly updatesPerStep: number;
  readonly evaluateEvery: number;
  readonly evaluationEpisodes: number;
  readonly capacity: number;
  /** Environments stepped together with one policy call; absent for one. */
  readonly parallelEnvironments?: number;
  readonly backend: BackendChoice;
}

/** What a run takes where nothing is said. */
export const runDefaults = {
  steps: 10_000,
  batch: trainDefaults.batch,
  hidden: actorCriticDefaults.hidden,
  learningRate: actorCriticDefaults.learningRate,
  temperature: actorCriticDefaults.temperature,
  warmup: trainDefaults.warmup,
  updatesPerStep: trainDefaults.updatesPerStep,
  evaluateEvery: trainDefaults.evaluateEvery,
  evaluationEpisodes: trainDefaults.evaluationEpisodes,
  capacity: trainDefaults.capacity,
  backend: 'auto' as BackendChoice,
};

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

/**
 * Why a run cannot be: the need that its distribution does not meet, or actions that do not fit. Undefined when it can.
 *
 * @throws UsageError for unknown names
 */
export async function refusal(
  settings: Pick<RunSettings, 'environment' | 'estimator' | 'distribution'>,
): Promise<string | undefined> {
  await prepareEnvironment(settings.environment);
  const { kind } = actionMap(makeEnvironment(settings.environment).actionSpace);
  const family = distributionFamily(settings.distribution);
  const choice = chooseEstimator(settings.estimator);
  if (family.capabilities.actionKind !== kind.kind)
    return `the distribution '${family.name}' does not fit the ${kind.kind} actions of '${settings.environment}'`;
  try {
    requireCompatible(choice, family, estimators, kind.size);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

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
    ...(settings.samples === undefined ? {} : { samples: settings.samples }),
  });
}
