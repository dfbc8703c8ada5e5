import type { Device } from '../device.ts';
import { requireOptions } from '../errors.ts';
import type { Evaluation } from './evaluation.ts';
import type { TrainOptions } from './train-options.ts';
import { TrainingRun } from './training-run.ts';

/**
 * Trains a learner in an environment: random warm-up, then one policy sample a step and `updatesPerStep` updates
 * on the device. Returns the evaluations, the first at `evaluateEvery` steps; of a resumed run also those before. A
 * resumed run continues bit for bit where the backend computes the same bits every time, as cpu and wasm do.
 *
 * @throws UsageError for settings out of range or a learner that another run trains, NumericsError when a loss stops being finite, CheckpointError when
 *   the checkpoint to resume from is of another run
 */
export async function train(device: Device, options: TrainOptions): Promise<Evaluation[]> {
  requireOptions('train', options, 'makeEnvironment', 'learner', 'steps');
  const run = await TrainingRun.open(device, options);
  try {
    if (!(await run.start())) return run.evaluations;
    while (run.goesOn) {
      // A run that was stopped among the updates of a step first makes the rest of them.
      const stepped = run.owed > 0 || (await run.step(await run.act()));
      if (!stepped) break;
      await run.learn();
      if (run.evaluationDue) await run.evaluate();
      if (run.checkpointDue) await run.save();
    }
    if (run.stopped && run.unsaved) await run.save();
    return run.evaluations;
  } finally {
    run.dispose();
  }
}
