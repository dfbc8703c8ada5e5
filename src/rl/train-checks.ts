// What a training run refuses before its first step.
import { namesOf, requireKnown } from '../arguments.ts';
import type { Backend } from '../backend/backend.ts';
import { hostMemory } from '../backend/host-memory.ts';
import { checked, requireAlike } from '../envs/checked.ts';
import type { Environment } from '../envs/environment.ts';
import { quoted, UsageError } from '../errors.ts';
import { formatCount } from '../program/program.ts';
import { actionMap } from './actions.ts';
import { ActorCritic } from './actor-critic.ts';
import { requireRanges } from './ranges.ts';
import type { ReplayBuffer } from './replay.ts';
import { type TrainNumbers, type TrainOptions, trainDefaults, trainNumbersOf } from './train-options.ts';

/** @throws UsageError naming what is not of its kind */
export function requireParts(settings: TrainOptions): void {
  requireKnown('train', settings, known, 'train(device, { makeEnvironment, learner, steps })');
  if (!(settings.learner instanceof ActorCritic))
    throw new UsageError(`learner must be an ActorCritic; got ${String(settings.learner)}.`);
  const { makeEnvironment, onStep = none, onEvaluation = none, checkpoint } = settings;
  const functions = { makeEnvironment, onStep, onEvaluation, 'checkpoint.save': checkpoint?.save ?? none };
  if (checkpoint && checkpoint.save === undefined)
    throw new UsageError('checkpoint.save must be a function; got undefined.');
  for (const [name, value] of Object.entries(functions))
    if (typeof value !== 'function')
      throw new UsageError(
        `${name} must be a function; got ${quoted(value)}.`,
        name === 'makeEnvironment' && typeof value === 'string'
          ? { hint: `Write makeEnvironment: () => makeEnvironment('${value}').` }
          : {},
      );
}

const none = () => undefined;

const known: Readonly<Record<keyof TrainOptions, true>> = {
  makeEnvironment: true,
  learner: true,
  steps: true,
  onStep: true,
  onEvaluation: true,
  environments: true,
  signal: true,
  checkpoint: true,
  inspect: true,
  ...namesOf(trainDefaults),
};

/** @throws UsageError naming the setting that is out of range */
export function requireSettings(settings: TrainOptions & TrainNumbers, count: number): void {
  const { steps, updatesPerStep, evaluateEvery, checkpoint, inspect } = settings;
  requireRanges('train', { steps, ...trainNumbersOf(settings) });
  for (const [name, value] of Object.entries({
    'checkpoint.every': checkpoint ? checkpoint.every : 1,
    inspect: inspect === undefined ? 1 : inspect,
  })) {
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError(`${name} must be a whole number from 1; got ${value}.`);
  }
  // The device counts updates in a word.
  if (steps * updatesPerStep >= 2 ** 32)
    throw new UsageError(
      `steps times updatesPerStep must be below 4294967296; got ${steps} times ${updatesPerStep}.`,
    );
  requireRounds({ steps, evaluateEvery }, count);
}

/** @throws UsageError unless each number of steps is one of rounds, in which every environment takes a step */
export function requireRounds(steps: Readonly<Record<string, number>>, count: number): void {
  for (const [name, value] of Object.entries(steps)) {
    if (value % count !== 0)
      throw new UsageError(
        `${name} is ${value}; with ${count} environments it must be a multiple of ${count}.`,
      );
  }
}

/**
 * Whether a full replay buffer, and the copy of it in a checkpoint, have room: what fills up in hours is refused now.
 *
 * @param limit bytes of memory
 * @throws UsageError naming what is needed and what there is
 */
export function requireMemory(
  { storage, options: { capacity } }: ReplayBuffer,
  { checkpoint, steps }: Pick<TrainOptions, 'checkpoint' | 'steps'>,
  { name, information }: Pick<Backend, 'name' | 'information'>,
  limit = hostMemory(),
): void {
  const filled = storage.size * Math.min(1, steps / capacity);
  // A GPU has memory of its own.
  const held = name === 'webgpu' ? 0 : filled * (information.precision === 'f64' ? 8 : 4);
  const copied = checkpoint ? 4 * filled : 0;
  if (limit === undefined || held + copied <= limit) return;
  const bytes = (count: number) => `${formatCount(count)}B`;
  throw new UsageError(
    `A replay buffer of capacity ${capacity} needs ${bytes(held + copied)} of memory (${bytes(held)} itself, ${bytes(copied)} while a checkpoint is made), and this process can have ${bytes(limit)}.`,
    { hint: 'Use a smaller capacity.' },
  );
}

/**
 * Makes environments that are checked.
 *
 * @throws UsageError when one is made twice: each has episodes of its own; EnvironmentError when one differs in its spaces
 */
export function freshEnvironments(make: () => Environment): () => Environment {
  const known = new Set<Environment>();
  let first: Environment | undefined;
  return () => {
    const environment = make();
    if (known.has(environment))
      throw new UsageError('makeEnvironment gave the same environment twice.', {
        hint: 'It is called for each of the environments to learn and to evaluate in: make a new one each time.',
      });
    known.add(environment);
    const made = checked(environment);
    first ??= made;
    requireAlike(first, made);
    return made;
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
