import type { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { actionMap } from '../../src/rl/actions.ts';
import { ActorCritic, type ActorCriticOptions } from '../../src/rl/actor-critic.ts';
import type { Checkpoint, CheckpointOptions } from '../../src/rl/checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/rl/checkpoint-format.ts';
import type { Evaluation } from '../../src/rl/evaluation.ts';
import { train } from '../../src/rl/train.ts';
import type { TrainOptions } from '../../src/rl/train-options.ts';

/** A training run of a test. */
export interface Cell {
  readonly environment: string;
  readonly estimator: string;
  readonly options?: Partial<TrainOptions>;
}

/** Small networks and batches, and a replay buffer that wraps around. */
export const quick = {
  steps: 60,
  batch: 8,
  capacity: 50,
  warmup: 15,
  evaluateEvery: 20,
  evaluationEpisodes: 2,
  seed: 3,
};

export function learnerFor(
  { environment, estimator }: Cell,
  options: Partial<ActorCriticOptions> = {},
): ActorCritic {
  const { observationSpace, actionSpace } = makeEnvironment(environment);
  const { kind } = actionMap(actionSpace);
  return new ActorCritic({
    observations: observationSpace.low.length,
    actions: kind,
    estimator: chooseEstimator(estimator),
    family: distributionFamily(kind.kind === 'box' ? 'tanh-gaussian' : 'categorical'),
    hidden: [16, 16],
    seed: 3,
    ...options,
  });
}

export function runCell(device: Device, cell: Cell, checkpoint?: CheckpointOptions): Promise<Evaluation[]> {
  return train(device, {
    makeEnvironment: () => makeEnvironment(cell.environment),
    learner: learnerFor(cell),
    ...quick,
    ...cell.options,
    ...(checkpoint ? { checkpoint } : {}),
  });
}

/** All the bytes of a checkpoint. */
export function bytesOf(checkpoint: Checkpoint): Uint8Array {
  const pieces = encodeCheckpoint(checkpoint);
  const bytes = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * The checkpoints of an undisturbed run, and those of one that begins anew at its first checkpoint, after a way through
 * bytes, on another device.
 */
export async function resumedAndWhole(
  open: () => Promise<Device>,
  cell: Cell,
  every = 20,
): Promise<Record<'whole' | 'resumed', { checkpoints: Checkpoint[]; evaluations: Evaluation[] }>> {
  const run = async (resume?: Checkpoint) => {
    const checkpoints: Checkpoint[] = [];
    const save = (checkpoint: Checkpoint) => void checkpoints.push(checkpoint);
    const device = await open();
    const evaluations = await runCell(device, cell, { every, save, resume });
    await device.dispose();
    return { checkpoints, evaluations };
  };
  const whole = await run();
  return { whole, resumed: await run(decodeCheckpoint(bytesOf(whole.checkpoints[0]))) };
}
