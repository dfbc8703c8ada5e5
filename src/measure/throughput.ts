// How fast training goes in each environment, and which of its parts the time is spent in.

import type { Device } from '../device.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import { checked } from '../envs/checked.ts';
import type { Environment } from '../envs/environment.ts';
import { makeEnvironment, prepareEnvironment } from '../envs/registry.ts';
import { environmentSeed } from '../envs/vector.ts';
import { requireHeld } from '../json.ts';
import { median } from '../math/statistics.ts';
import { type ActionKind, actionMap } from '../rl/actions.ts';
import { ActorCritic, actorCriticDefaults } from '../rl/actor-critic.ts';
import { compileUpdate, replayFor } from '../rl/recorded-update.ts';
import { trainDefaults } from '../rl/train-options.ts';
import { clockState } from '../tape/index.ts';
import { costSettings } from './cost.ts';
import { requireRight } from './update-cost.ts';

/** The parts of one step of training. */
export const throughputParts = ['physics', 'policy', 'replay', 'update'] as const;
export type ThroughputPart = (typeof throughputParts)[number];

export interface ThroughputSettings {
  readonly hidden: readonly number[];
  readonly batch: number;
  /** Steps timed, after a tenth as many that are not. */
  readonly steps: number;
  readonly seed: number;
}

export const throughputDefaults: ThroughputSettings = {
  hidden: actorCriticDefaults.hidden,
  batch: trainDefaults.batch,
  steps: 2000,
  seed: 0,
};

export interface ThroughputRow {
  readonly environment: string;
  readonly estimator: string;
  /** Environment steps a second with one update a step. */
  readonly stepsPerSecond: number;
  /** What each part alone would allow, a second: steps of the environment, policy calls, transitions, updates. */
  readonly rates: Readonly<Record<ThroughputPart, number>>;
  /** Of the time of training; they add up to 1. */
  readonly shares: Readonly<Record<ThroughputPart, number>>;
}

/** What several rounds say together: the median of each part's time, and what follows from these. */
export function medianRow(rounds: readonly ThroughputRow[]): ThroughputRow {
  const seconds = (part: ThroughputPart) => 1 / median(rounds.map(({ rates }) => rates[part]));
  return rowOf(rounds[0], seconds);
}

/** @param seconds of each part in one step */
function rowOf(
  { environment, estimator }: Pick<ThroughputRow, 'environment' | 'estimator'>,
  seconds: (part: ThroughputPart) => number,
): ThroughputRow {
  const total = throughputParts.reduce((sum, part) => sum + seconds(part), 0);
  const each = (of: (part: ThroughputPart) => number) =>
    Object.fromEntries(throughputParts.map((part) => [part, of(part)])) as Record<ThroughputPart, number>;
  const row = {
    environment,
    estimator,
    stepsPerSecond: 1 / total,
    rates: each((part) => 1 / seconds(part)),
    shares: each((part) => seconds(part) / total),
  };
  requireHeld(row, `The throughput in ${environment}`);
  return row;
}

/** What is timed, and by what; tests have a clock of their own. */
export interface Timed {
  readonly onStep?: (step: number) => void;
  readonly make?: (name: string) => Environment;
  /** Milliseconds since some moment; it never goes back. */
  readonly now?: () => number;
}

/**
 * Times one environment: each step is one policy sample, one step of the environment (with the resets it leads to), one
 * transition stored and one update, which is waited for. Pathwise reverse KL with a tanh-Gaussian, or the score
 * function with a categorical where actions are choices.
 *
 * @throws UsageError for an unknown environment, BackendError where its engine is absent, ProbeError where the first update is
 * not what the reference says
 */
export async function measureThroughput(
  device: Device,
  name: string,
  settings: ThroughputSettings,
  { onStep, make = makeEnvironment, now = () => performance.now() }: Timed = {},
): Promise<ThroughputRow> {
  const { batch, steps, seed } = settings;
  await prepareEnvironment(name);
  const environment = checked(make(name));
  const map = actionMap(environment.actionSpace);
  const observations = environment.observationSpace.low.length;
  const learner = learnerFor(observations, map.kind, settings);
  const { estimator, family } = learner.options;
  await requireRight(
    device,
    estimator.name,
    costSettings({
      ...{ observations, hidden: settings.hidden, batch, seed, actions: map.kind.size },
      distribution: family.name,
    }),
  );
  const warmup = Math.ceil(steps / 10);
  const replay = replayFor(learner, warmup + steps);
  const clock = clockState(seed, 'clock', 'update');
  const update = await compileUpdate(device, learner, replay, { batch, clock });
  const actClock = clockState(seed, 'clock.act', 'act');
  const act = await device.compile(
    ({ input }) => ({
      action: learner.distribution(input('observation', [1, observations])).sample(1).actions,
    }),
    { clock: actClock },
  );
  const spent = { physics: 0, policy: 0, replay: 0, update: 0 };
  let mark = now();
  const charge = (part: ThroughputPart) => {
    const moment = now();
    spent[part] += moment - mark;
    mark = moment;
  };
  try {
    let observation = environment.reset(environmentSeed(seed, 0));
    for (let step = 1; step <= warmup + steps; step++) {
      if (step === warmup + 1) for (const part of throughputParts) spent[part] = 0;
      onStep?.(step / (warmup + steps));
      mark = now();
      act.write({ observation });
      act.run();
      const action = await act.read('action');
      charge('policy');
      const transition = environment.step(map.toEnvironment(action));
      const over = transition.terminated || transition.truncated;
      const next = over ? environment.reset() : transition.observation;
      charge('physics');
      replay.add(device, {
        observation,
        action,
        reward: transition.reward,
        terminated: transition.terminated,
        nextObservation: transition.observation,
      });
      observation = next;
      charge('replay');
      update.run();
      await update.readScalar('criticLoss');
      charge('update');
    }
  } finally {
    update.dispose();
    act.dispose();
    for (const state of [replay.storage, replay.fill, clock, actClock, ...learner.states]) device.free(state);
  }
  return rowOf({ environment: name, estimator: estimator.name }, (part) => spent[part] / 1000 / steps);
}

/** A learner with the first estimator that suits the actions. */
function learnerFor(observations: number, actions: ActionKind, settings: ThroughputSettings): ActorCritic {
  const { hidden, seed } = settings;
  const box = actions.kind === 'box';
  return new ActorCritic({
    ...{ observations, actions, hidden, seed },
    estimator: chooseEstimator(box ? 'reverse-kl/pathwise' : 'reverse-kl/score'),
    family: distributionFamily(box ? 'tanh-gaussian' : 'categorical'),
  });
}
