import type { BackendChoice } from '../backend/select.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { missingNeeds, requireCompatible } from '../divergences/estimator.ts';
import { baselineEstimator, chooseEstimator, estimatorChoices, estimators } from '../divergences/registry.ts';
import { makeEnvironment, prepareEnvironment } from '../envs/registry.ts';
import { UsageError } from '../errors.ts';
import { actionMap } from '../rl/actions.ts';
import {
  ActorCritic,
  actorCriticDefaults,
  type CriticTarget,
  criticTargetOf,
  temperatureMode,
} from '../rl/actor-critic.ts';
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
  /** Of choices only; absent for a box, where it is `sample`. */
  readonly criticTarget?: CriticTarget;
  readonly warmup: number;
  readonly updatesPerStep: number;
  readonly evaluateEvery: number;
  readonly evaluationEpisodes: number;
  readonly capacity: number;
  /** Environments stepped together with one policy call; absent for one. */
  readonly parallelEnvironments?: number;
  readonly backend: BackendChoice;
}

/** What settings meant that config.json of earlier versions does not have. */
export const earlierSettings: Partial<RunSettings> = { criticTarget: 'sample' };

/** What a run takes where nothing is said; {@link chosenSettings} has the rest. */
export const runDefaults = {
  steps: 10_000,
  batch: trainDefaults.batch,
  hidden: actorCriticDefaults.hidden,
  learningRate: actorCriticDefaults.learningRate,
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

type Cell = Pick<RunSettings, 'environment' | 'estimator' | 'distribution'>;
type Choices = Partial<Pick<RunSettings, 'temperature' | 'criticTarget'>>;

/**
 * What a run takes where estimator and distribution decide, and nothing is said.
 *
 * @throws UsageError for a temperature that cannot be tuned, an expectation that cannot be taken, a loss that never reads
 *   the critics
 */
export async function chosenSettings(
  cell: Cell,
  asked: Choices,
): Promise<Pick<RunSettings, 'temperature' | 'criticTarget'>> {
  await prepareEnvironment(cell.environment);
  const family = distributionFamily(cell.distribution);
  const parts = {
    estimator: chooseEstimator(cell.estimator),
    family,
    actions: actionMap(makeEnvironment(cell.environment).actionSpace).kind,
    ...(asked.temperature === undefined ? {} : { temperature: asked.temperature }),
    ...(asked.criticTarget === undefined ? {} : { criticTarget: asked.criticTarget }),
  };
  const criticTarget = criticTargetOf(parts);
  return {
    temperature: temperatureMode(parts),
    ...(family.capabilities.discrete ? { criticTarget } : {}),
  };
}

/**
 * Why a run cannot be: the need that its distribution does not meet, actions that do not fit, or settings that cannot
 * work with them. Undefined when it can.
 *
 * @throws UsageError for unknown names
 */
export async function refusal(settings: Cell & Choices): Promise<string | undefined> {
  await prepareEnvironment(settings.environment);
  const { kind } = actionMap(makeEnvironment(settings.environment).actionSpace);
  const family = distributionFamily(settings.distribution);
  const choice = chooseEstimator(settings.estimator);
  if (family.capabilities.actionKind !== kind.kind)
    return `the distribution '${family.name}' does not fit the ${kind.kind} actions of '${settings.environment}'`;
  try {
    requireCompatible(choice, family, estimators, kind.size);
    await chosenSettings(settings, settings);
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
    ...(settings.criticTarget === undefined ? {} : { criticTarget: settings.criticTarget }),
  });
}
