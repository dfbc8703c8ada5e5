import { makeEnvironment, prepareEnvironment } from '../../envs/registry.ts';
import { LocalVector, type VectorEnvironment } from '../../envs/vector.ts';
import { type BackendError, NumericsError } from '../../errors.ts';
import { type OpenedDevice, open } from '../../open/open.ts';
import type { ActorCritic } from '../../rl/actor-critic.ts';
import { requireResumable } from '../../rl/checkpoint.ts';
import type { Evaluation } from '../../rl/evaluation.ts';
import { explainFault } from '../../rl/explain-fault.ts';
import { requireSavable, savePolicy } from '../../rl/policy-file.ts';
import { trainingWork } from '../../rl/recorded-update.ts';
import { trainRecovering } from '../../rl/recovery.ts';
import { type TrainNumbers, type TrainOptions, trainNumbersOf } from '../../rl/train-options.ts';
import { runSettings } from '../../rl/training-setup.ts';
import { findCheckpoint } from './checkpoint-file.ts';
import { WorkerVector } from './environment-workers.ts';
import { RunFolder, type RunMaking } from './run-folder.ts';
import { learnerOf } from './run-settings.ts';
import type { RunSettings } from './settings.ts';

export interface RunOptions {
  /** Where to keep the run; an unfinished run of the same settings goes on. */
  readonly folder?: string | undefined;
  readonly making: Omit<RunMaking, 'adapter'>;
  /** Environment steps between checkpoints, for runs with a folder. */
  readonly checkpointEvery: number;
  /** Threads of the wasm backend; by default as many as help. */
  readonly threads?: number | undefined;
  /** Worker threads that share parallel environments; 0 for none. */
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal;
  /** Repeats a run that met NaN or infinity, to name the operation where it began. */
  readonly debugNumerics?: boolean | undefined;
  /** Called once all is ready to learn. @param from the step a resumed run goes on from, else 0 */
  readonly onStart?: (device: OpenedDevice, learner: ActorCritic, from: number, warning?: string) => void;
  readonly onStep?: (step: number) => void;
  readonly onEvaluation?: (evaluation: Evaluation, seconds: number) => void;
  readonly onRecovery?: (loss: BackendError, step: number) => void;
}

export interface RunOutcome {
  readonly evaluations: readonly Evaluation[];
  readonly seconds: number;
  readonly backend: string;
  /** Whether it was stopped before its end. */
  readonly stopped: boolean;
}

/**
 * One training run from its settings to its end, kept in a folder if one is given: what was asked, what was measured,
 * checkpoints on the way, the policy and the result.
 *
 * @throws UsageError for settings that do not go together or a folder in use; what training throws
 */
export async function performRun(settings: RunSettings, options: RunOptions): Promise<RunOutcome> {
  await prepareEnvironment(settings.environment);
  const learner = learnerOf(settings);
  if (options.folder !== undefined) requireSavable(learner);
  const work = settings.backend === 'auto' ? trainingWork(learner, settings.batch) : undefined;
  const reopen = () =>
    open({
      backend: settings.backend,
      ...(work ? { work } : {}),
      ...(options.threads === undefined ? {} : { wasm: { threads: options.threads } }),
    });
  let device = await reopen();
  // All it ran on: a device that is lost may be followed by another.
  const adapters = new Set([device.backend.description]);
  let folder: RunFolder | undefined;
  let training: TrainOptions | undefined;
  const environments = vectorOf(settings, options.workers ?? 0);
  try {
    const asked = askedOf(settings, options, learner, environments);
    const making = { ...options.making, adapter: device.backend.description };
    const identity = runSettings(asked, asked.makeEnvironment().name);
    folder =
      options.folder === undefined
        ? undefined
        : await RunFolder.open(options.folder, settings, making, (checkpoint) =>
            requireResumable(checkpoint, identity),
          );
    options.onStart?.(device, learner, folder?.resume?.step ?? 0, folder?.warning);
    const begun = performance.now();
    const since = () => (performance.now() - begun) / 1000;
    training = { ...asked, ...keeping(folder, options, since) };
    const trained = await trainRecovering(device, training, {
      reopen: async () => {
        const reopened = await reopen();
        adapters.add(reopened.backend.description);
        folder?.ranOn(reopened.backend.description);
        return reopened;
      },
      ...(options.onRecovery ? { onRecovery: options.onRecovery } : {}),
    });
    device = trained.device;
    const stopped = options.signal?.aborted === true;
    if (!stopped) {
      const policy = await savePolicy(device, learner, settings.environment);
      await folder?.finish(policy, trained.evaluations, since());
    }
    return {
      evaluations: trained.evaluations,
      seconds: folder?.seconds(since()) ?? since(),
      backend: [...adapters].join('; '),
      stopped,
    };
  } catch (error) {
    await folder?.fail(error).catch(() => undefined);
    if (options.debugNumerics && training && error instanceof NumericsError)
      throw await explained(error, training, reopen, options.folder);
    throw error;
  } finally {
    // Each whatever becomes of the others: a worker that is left keeps the process.
    await Promise.allSettled([folder?.close(), environments?.dispose(), device.dispose()]);
  }
}

/** How to train, by the settings. */
const askedOf = (
  settings: RunSettings,
  { signal, onStep }: RunOptions,
  learner: ActorCritic,
  environments: VectorEnvironment | undefined,
): TrainOptions & TrainNumbers => ({
  ...trainNumbersOf(settings),
  steps: settings.steps,
  makeEnvironment: () => makeEnvironment(settings.environment),
  learner,
  environments,
  ...(signal ? { signal } : {}),
  ...(onStep ? { onStep } : {}),
});

/** Where checkpoints and evaluations go: into the folder, if there is one. @param since seconds that the run has taken */
const keeping = (
  folder: RunFolder | undefined,
  options: RunOptions,
  since: () => number,
): Pick<TrainOptions, 'checkpoint' | 'onEvaluation'> => ({
  checkpoint: folder && {
    every: options.checkpointEvery,
    resume: folder.resume,
    save: (checkpoint) => folder.save(checkpoint),
  },
  onEvaluation: async (evaluation) => {
    await folder?.append(evaluation, since());
    options.onEvaluation?.(evaluation, folder?.seconds(since()) ?? since());
  },
});

/** A run's parallel environments, if it has several. */
function vectorOf(
  { environment, parallelEnvironments }: RunSettings,
  workers: number,
): VectorEnvironment | undefined {
  if (workers > 0) return new WorkerVector(environment, parallelEnvironments, workers);
  if (parallelEnvironments === 1) return undefined;
  return new LocalVector(Array.from({ length: parallelEnvironments }, () => makeEnvironment(environment)));
}

/** The error with the operation in which it began, found by repeating the run from its last checkpoint. */
async function explained(
  error: NumericsError,
  training: TrainOptions,
  reopen: () => Promise<OpenedDevice>,
  folder: string | undefined,
): Promise<NumericsError> {
  const last = folder === undefined ? undefined : await findCheckpoint(folder);
  const device = await reopen();
  try {
    return await explainFault(
      device,
      {
        ...training,
        checkpoint: training.checkpoint && { ...training.checkpoint, resume: last?.checkpoint },
      },
      error,
    );
  } finally {
    await device.dispose();
  }
}
