import type { Device, Update } from '../device.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import { PhiloxStream } from '../math/philox.ts';
import { median } from '../math/statistics.ts';
import type { Stage } from '../program/passes/pass.ts';
import { ActorCritic } from '../rl/actor-critic.ts';
import { compileUpdate, replayFor } from '../rl/recorded-update.ts';
import type { ReplayBuffer } from '../rl/replay.ts';
import { clockState, type MlpKernels, mlpKernels } from '../tape/index.ts';
import { type Agreement, disagreement, isWrong } from './agreement.ts';
import {
  type CostSettings,
  moveReference,
  release,
  type UpdateCost,
  updateCost,
  type WrongRow,
} from './cost.ts';
import { Referee } from './referee.ts';
import { interleave, type OnProgress } from './timing.ts';

/** A whole update of an actor-critic with one way to compute networks. */
export interface WholeUpdateCost extends UpdateCost {
  readonly estimator: string;
  readonly mlp: MlpKernels;
  /** Whether the backend takes this way by itself. */
  readonly preferred: boolean;
  /**
   * Time of the host for an update of a long run on an idle device, encoding and submit: median, milliseconds. Null where
   * the host does the work itself, or was not timed.
   */
  readonly hostMsPerUpdate: number | null;
  /** How far its first update was from the reference; absent in older documents. */
  readonly agreement?: Agreement;
}

/** What of a whole actor-critic update is measured. */
export interface WholeUpdateOptions {
  /** Ways to compute networks; all that the backend has when absent. */
  readonly variants?: readonly MlpKernels[];
  /** Whether to time the host, too, where the device works by itself; true when absent. */
  readonly host?: boolean;
  /** As {@link CostOptions} has it, with the same default. */
  readonly checkedFlops?: number;
  /** Gets what is not timed, because its first update is not what the reference says; it throws when absent. */
  readonly onWrong?: (row: WrongRow) => void;
  /** Told after each measurement; nobody when absent. */
  readonly onProgress?: OnProgress;
}

/** Updates of a run by which the host is timed: at most so many, and no more than the device does in so long. */
const HOST_RUN = { updates: 100, ms: 250 };
const HOST_ROUNDS = 5;

/** Transitions in the replay buffer from which batches are drawn. */
const TRANSITIONS = 1024;

/**
 * Measures one whole update (batch drawn on the device, critics, policy, temperature, targets) with each way that
 * the backend has to compute networks, or only some of them.
 *
 * @throws ProbeError for an update that is not what the reference says, unless somebody is told of it
 */
export async function measureWholeUpdate(
  device: Device,
  estimator: string,
  settings: CostSettings,
  { variants = mlpKernels, host = true, checkedFlops, onWrong, onProgress }: WholeUpdateOptions = {},
): Promise<WholeUpdateCost[]> {
  const timed = host && device.backend.name === 'webgpu';
  const share = timed ? 0.7 : 1;
  const referee = new Referee(device, checkedFlops);
  const updates: Update[] = [];
  const right: { mlp: MlpKernels; update: Update; agreement: Agreement }[] = [];
  try {
    for (const mlp of variants) {
      const { update } = await compileWholeUpdate(device, estimator, settings, { mlp });
      updates.push(update);
      const agreement = await judgeWholeUpdate(referee, update, estimator, settings);
      if (!isWrong(agreement)) right.push({ mlp, update, agreement });
      else if (onWrong) onWrong({ estimator: `whole update (${mlp})`, agreement });
      else throw disagreement(device, `the whole update with ${mlp} networks`, agreement);
    }
    const programs = right.map(({ update }) => update);
    const timings =
      programs.length > 0
        ? await interleave(device, programs, settings, (done) => onProgress?.(share * done))
        : [];
    const costs: WholeUpdateCost[] = [];
    for (const [i, { mlp, update, agreement }] of right.entries()) {
      const cost = updateCost(update.program, timings[i]);
      const preferred = mlp === device.backend.preferences.mlp;
      const hostMsPerUpdate = timed ? await timeHost(device, update, cost.msPerUpdate) : null;
      costs.push({ estimator, mlp, preferred, ...cost, hostMsPerUpdate, agreement });
      onProgress?.(share + ((1 - share) * (i + 1)) / right.length);
    }
    return costs;
  } finally {
    for (const update of updates) release(device, update);
    await referee.dispose();
  }
}

/** How far the first update of {@link compileWholeUpdate}, which has not run yet, is from the reference. */
export const judgeWholeUpdate = (
  referee: Referee,
  update: Update,
  estimator: string,
  settings: CostSettings,
): Promise<Agreement> =>
  referee.judge(update, async (on) => (await compileWholeUpdate(on, estimator, settings)).update);

/**
 * Checks a whole update before its parts are timed, on a program of its own.
 * @throws ProbeError when its first update is not what the reference says
 */
export async function requireRight(device: Device, estimator: string, settings: CostSettings): Promise<void> {
  const referee = new Referee(device);
  const { update } = await compileWholeUpdate(device, estimator, settings);
  try {
    const agreement = await judgeWholeUpdate(referee, update, estimator, settings);
    if (isWrong(agreement)) throw disagreement(device, 'the whole update', agreement);
  } finally {
    release(device, update);
    await referee.dispose();
  }
}

async function timeHost(device: Device, update: Update, msPerUpdate: number): Promise<number> {
  const count = Math.max(1, Math.min(HOST_RUN.updates, Math.floor(HOST_RUN.ms / msPerUpdate)));
  const times: number[] = [];
  for (let round = 0; round < HOST_ROUNDS; round++) {
    await device.backend.synchronize();
    const begun = performance.now();
    update.run(count);
    times.push((performance.now() - begun) / count);
  }
  await device.backend.synchronize();
  return median(times);
}

/** How networks are computed, where it is not as the device prefers. */
interface Networks {
  readonly mlp?: MlpKernels;
  readonly halfHidden?: boolean;
}

/** A whole update on a replay buffer full of noise. */
export async function compileWholeUpdate(
  device: Device,
  estimator: string,
  settings: CostSettings,
  networks: Networks = {},
): Promise<{ readonly update: Update; readonly replay: ReplayBuffer }> {
  const { preferences } = device.backend;
  const { mlp = preferences.mlp, halfHidden = preferences.halfHidden } = networks;
  const learner = learnerOf(estimator, settings);
  const replay = replayFor(learner, TRANSITIONS);
  const discrete = learner.options.actions.kind === 'discrete';
  fill(device, replay, { discrete, seed: settings.seed, count: TRANSITIONS });
  const update = await compileUpdate(device, learner, replay, {
    batch: settings.batch,
    clock: clockState(settings.seed, 'clock', 'update'),
    mlp,
    ...(halfHidden === undefined ? {} : { halfHidden }),
  });
  moveReference(device, learner.policyLearner);
  return { replay, update };
}

/** The program of the whole update after each pass. */
export function explainWholeUpdate(
  device: Device,
  estimator: string,
  settings: CostSettings,
  networks: Networks = {},
): Stage[] {
  const learner = learnerOf(estimator, settings);
  const replay = replayFor(learner, TRANSITIONS);
  return device.explain(() => learner.recordUpdate(replay.sample(settings.batch)), networks);
}

function learnerOf(estimator: string, settings: CostSettings): ActorCritic {
  const family = distributionFamily(settings.distribution);
  const kind = family.capabilities.actionKind;
  return new ActorCritic({
    observations: settings.observations,
    actions: { kind, size: settings.actions },
    estimator: chooseEstimator(estimator),
    family,
    hidden: settings.hidden,
    seed: settings.seed,
    ...(settings.samples === null ? {} : { samples: settings.samples }),
  });
}

/** {@link compileWholeUpdate} for as long as `body` takes. @param body gets a function that stores one more transition */
export async function withWholeUpdate<T>(
  device: Device,
  estimator: string,
  settings: CostSettings,
  body: (update: Update, store: () => void) => Promise<T>,
): Promise<T> {
  const { update, replay } = await compileWholeUpdate(device, estimator, settings);
  const discrete = distributionFamily(settings.distribution).capabilities.actionKind === 'discrete';
  try {
    return await body(update, () => fill(device, replay, { discrete, seed: settings.seed, count: 1 }));
  } finally {
    release(device, update);
  }
}

/** Transitions of noise: the cost of an update does not depend on what it learns from. */
function fill(
  device: Device,
  replay: ReplayBuffer,
  { discrete, seed, count }: { readonly discrete: boolean; readonly seed: number; readonly count: number },
): void {
  const { observations, actions, behaviour = 0 } = replay.options;
  const random = new PhiloxStream(seed, 'costReplay');
  const normals = (length: number) => Float32Array.from({ length }, () => random.nextNormal());
  for (let i = 0; i < count; i++) {
    const choice = random.nextInt(actions);
    replay.add(device, {
      observation: normals(observations),
      action: Float32Array.from({ length: actions }, (_, j) =>
        discrete ? Number(j === choice) : random.uniformIn(-1, 1),
      ),
      reward: random.nextNormal(),
      terminated: false,
      nextObservation: normals(observations),
      behaviour: normals(behaviour),
    });
  }
}
