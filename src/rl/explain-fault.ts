import type { Device } from '../device.ts';
import { NumericsError } from '../errors.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

/**
 * Repeats a run that met NaN or infinity, from its last checkpoint or from the start, up to the update in question, and
 * carries that one out step by step. The run must be repeatable, as on cpu and wasm it is.
 *
 * @param error what ended the run
 * @returns the error that names the step; the one given when it does not know its update or does not come again
 */
export async function explainFault(
  device: Device,
  options: TrainOptions,
  error: NumericsError,
): Promise<NumericsError> {
  if (error.update === undefined) return error;
  const { onEvaluation: _onEvaluation, checkpoint, learner, ...repeated } = options;
  for (const state of learner.states) device.free(state);
  try {
    await train(device, {
      ...repeated,
      learner,
      inspect: error.update,
      checkpoint: checkpoint && { ...checkpoint, save: () => undefined },
    });
  } catch (found) {
    if (found instanceof NumericsError) return found;
    throw found;
  }
  return error;
}
