// What a training run refuses before its first step.
import { checked } from '../envs/checked.ts';
import type { Environment } from '../envs/environment.ts';
import { UsageError } from '../errors.ts';
import { actionMap } from './actions.ts';
import type { ActorCritic } from './actor-critic.ts';
import type { TrainOptions, trainDefaults } from './train.ts';

/** @throws UsageError naming the setting that is out of range */
export function requireSettings(settings: TrainOptions & typeof trainDefaults, count: number): void {
  const { steps, batch, capacity, warmup, updatesPerStep, evaluateEvery, evaluationEpisodes } = settings;
  for (const [name, value] of Object.entries({
    steps,
    batch,
    capacity,
    warmup,
    evaluateEvery,
    evaluationEpisodes,
    'checkpoint.every': settings.checkpoint?.every ?? 1,
  })) {
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError(`${name} must be a whole number from 1; got ${value}.`);
  }
  if (!Number.isInteger(updatesPerStep) || updatesPerStep < 0)
    throw new UsageError(`updatesPerStep must be a whole number from 0; got ${updatesPerStep}.`);
  // The step is the index of a stream.
  if (steps >= 2 ** 32) throw new UsageError(`steps must be below 4294967296; got ${steps}.`);
  for (const [name, value] of Object.entries({ steps, evaluateEvery })) {
    if (value % count !== 0)
      throw new UsageError(
        `${name} is ${value}; with ${count} environments it must be a multiple of ${count}.`,
      );
  }
}

/** Makes environments that are checked. @throws UsageError when one is made twice: each has episodes of its own */
export function freshEnvironments(make: () => Environment): () => Environment {
  const known = new Set<Environment>();
  return () => {
    const environment = make();
    if (known.has(environment))
      throw new UsageError('makeEnvironment gave the same environment twice.', {
        hint: 'It is called for each of the environments to learn and to evaluate in: make a new one each time.',
      });
    known.add(environment);
    return checked(environment);
  };
}

/** @throws UsageError when the learner was made for observations or actions of another size or kind */
export function requireFitting(
  { options: { observations, actions } }: ActorCritic,
  environment: Environment,
): void {
  const { kind } = actionMap(environment.actionSpace);
  const seen = environment.observationSpace.low.length;
  if (observations === seen && actions.kind === kind.kind && actions.size === kind.size) return;
  throw new UsageError(
    `The learner has ${observations} observations and ${actions.size} ${actions.kind} actions, and the environment '${environment.name}' has ${seen} and ${kind.size} ${kind.kind} ones.`,
    { hint: 'Make the learner for the environment it learns in.' },
  );
}
