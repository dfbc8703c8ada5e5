import type { Device } from '../device.ts';
import { BackendError, requireOptions } from '../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Evaluation } from './evaluation.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

/** What to do when a device is lost. */
export interface RecoveryOptions<D extends Device> {
  /** Opens a device in the place of one that was lost. */
  readonly reopen: () => Promise<D>;
  /** Told of each loss, and of the environment step from which the run goes on; nobody when absent. */
  readonly onRecovery?: (loss: BackendError, step: number) => void;
}

/** Losses without a new checkpoint in between after which a run gives up. */
const PATIENCE = 3;

/**
 * {@link train}, but a device that is lost or hangs is opened anew, and the run goes on from its last checkpoint, or
 * from the start. The evaluations are those of an undisturbed run, each reported once.
 *
 * @returns the evaluations, and the device with the learner's states: another than the given one after a loss
 * @throws BackendError when the device is lost three times without a new checkpoint; what `train` throws
 */
export async function trainRecovering<D extends Device>(
  device: D,
  options: TrainOptions,
  recovery: RecoveryOptions<D>,
): Promise<{ readonly device: D; readonly evaluations: Evaluation[] }> {
  const { reopen, onRecovery } = requireOptions('trainRecovering', recovery, 'reopen');
  const { checkpoint, onEvaluation } = options;
  let last: Checkpoint | undefined = checkpoint?.resume;
  let reported = last?.evaluations.at(-1)?.step ?? 0;
  let losses = 0;
  for (let current = device; ; ) {
    try {
      const evaluations = await train(current, {
        ...options,
        checkpoint: checkpoint && {
          ...checkpoint,
          resume: last,
          save: async (saved) => {
            await checkpoint.save(saved);
            last = saved;
            losses = 0;
          },
        },
        onEvaluation: async (evaluation) => {
          if (evaluation.step <= reported) return;
          reported = evaluation.step;
          await onEvaluation?.(evaluation);
        },
      });
      return { device: current, evaluations };
    } catch (error) {
      const gone = error instanceof BackendError && (error.fault === 'lost' || error.fault === 'timeout');
      if (!gone || ++losses >= PATIENCE) throw error;
      await current.dispose().catch(() => undefined);
      current = await reopen();
      onRecovery?.(error, last?.step ?? 0);
    }
  }
}
