// What a training run is made of before its device computes anything.
import type { Device } from '../device.ts';
import type { Environment } from '../envs/environment.ts';
import { checkedVector, LocalVector, type VectorEnvironment } from '../envs/vector.ts';
import { UsageError } from '../errors.ts';
import { type ActionMap, actionMap } from './actions.ts';
import type { ActorCritic } from './actor-critic.ts';
import { type CheckpointSettings, requireEnvironments, requireResumable } from './checkpoint.ts';
import { replayFor } from './recorded-update.ts';
import type { ReplayBuffer } from './replay.ts';
import {
  freshEnvironments,
  requireFitting,
  requireMemory,
  requireParts,
  requireSettings,
} from './train-checks.ts';
import { type TrainNumbers, type TrainOptions, trainDefaults, trainNumbersOf } from './train-options.ts';

export interface Setup {
  readonly settings: TrainOptions & TrainNumbers;
  /** What a checkpoint of it must agree in. */
  readonly identity: CheckpointSettings;
  readonly make: () => Environment;
  readonly environments: VectorEnvironment;
  readonly map: ActionMap;
  readonly replay: ReplayBuffer;
}

/** Those that a run works on: two at once would have one memory. */
const inTraining = new WeakSet<ActorCritic>();

/** Makes a learner one run's own. @returns what gives it back */
export function claim(learner: ActorCritic): () => void {
  inTraining.add(learner);
  return () => void inTraining.delete(learner);
}

/**
 * Makes the host's parts of a run, and checks that they go together.
 *
 * @throws UsageError for settings out of range or a learner that another run trains, CheckpointError when the checkpoint
 *   to resume from is of another run
 */
export function setUp(device: Device, options: TrainOptions): Setup {
  requireParts(options);
  const settings = { ...trainDefaults, ...options };
  const { learner } = settings;
  if (inTraining.has(learner))
    throw new UsageError('This learner is being trained already.', {
      hint: 'Wait for that run to end, or make a learner for each.',
    });
  const make = freshEnvironments(settings.makeEnvironment);
  const environment = make();
  const environments = settings.environments
    ? checkedVector(settings.environments, environment)
    : new LocalVector([environment]);
  requireSettings(settings, environments.count);
  requireFitting(learner, environment);
  const identity = runSettings(settings, environment.name);
  const resumed = settings.checkpoint?.resume;
  if (resumed) {
    requireResumable(resumed, identity);
    requireEnvironments(resumed, environments.count, learner.options.observations);
  }
  const map = actionMap(environment.actionSpace);
  const replay = replayFor(learner, settings.capacity);
  requireMemory(replay, settings, device.backend);
  return { settings, identity, make, environments, map, replay };
}

/** What a checkpoint must agree in with the run that resumes from it. Its length may differ. */
export function runSettings(settings: TrainOptions & TrainNumbers, environment: string): CheckpointSettings {
  const { learner } = settings;
  const { estimator, family, familyOptions, actions, learningRates, ...options } = learner.options;
  // One environment is not said, as it was not when there could be no more.
  const several = settings.environments && settings.environments.count > 1;
  const chosen = {
    ...(several ? { environments: settings.environments?.count ?? 1 } : {}),
    ...trainNumbersOf(settings),
  };
  const own = {
    ...options,
    samples: learner.samples,
    targetEntropy: learner.targetEntropy,
    familyOptions: familyOptions ?? {},
    learningRates: learningRates ?? {},
  };
  const texts = Object.entries(own).map(([name, value]) => [
    `learner.${name}`,
    typeof value === 'object' ? JSON.stringify(value) : value,
  ]);
  return {
    environment,
    estimator: estimator.name,
    distribution: family.name,
    actions: actions.size,
    ...chosen,
    ...Object.fromEntries(texts),
  };
}
