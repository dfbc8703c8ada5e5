// A learner's update as a device runs it: recorded on batches from a replay buffer of the learner's shape.

import type { Device, Update } from '../device.ts';
import { requireOptions } from '../errors.ts';
import { MLP_WIDTH, MOST_JOINED_BINDINGS } from '../kernels/index.ts';
import type { Work } from '../open/crossover.ts';
import { lower } from '../program/lower.ts';
import { clockState, type MlpKernels, Recording, recordInto, type State } from '../tape/index.ts';
import type { ActorCritic } from './actor-critic.ts';
import { ReplayBuffer } from './replay.ts';

/**
 * The recorded update of a learner on batches [batch] from its replay buffer. Its outputs are scalars: `criticLoss`, `policyLoss`,
 * `entropy` in nats, `temperature`, and what the estimator reports.
 *
 * @throws UsageError when a run begins while the buffer is empty
 */
export function compileUpdate(
  device: Device,
  learner: ActorCritic,
  replay: ReplayBuffer,
  options: {
    readonly batch: number;
    readonly clock?: State;
    readonly mlp?: MlpKernels;
    readonly halfHidden?: boolean;
  },
): Promise<Update> {
  const { batch, ...compile } = requireOptions('compileUpdate', options, 'batch');
  return device.compile(() => learner.recordUpdate(replay.sample(batch)), compile);
}

/**
 * What one step of training with one update asks of a device, for `open` to choose one: nothing is computed and no
 * device needed. Choosing the action is a network on one state, and one result that is waited for.
 */
export function trainingWork(learner: ActorCritic, batch: number): Work {
  const gpu = { mlp: 'fused', joinedBindings: MOST_JOINED_BINDINGS, fusedWidth: MLP_WIDTH } as const;
  const recording = new Recording(gpu, clockState(0, 'clock', 'update'));
  recordInto(recording, () => {
    for (const [name, tensor] of Object.entries(
      learner.recordUpdate(replayFor(learner, batch).sample(batch)),
    ))
      recording.outputs.set(name, tensor);
    recording.finish();
  });
  const { flops, kernels } = lower(recording);
  return { flops, kernels, readbacks: 1 };
}

/** A replay buffer of the shape a learner needs: rows of [observations, actions, 2, observations, behaviour]. */
export function replayFor(learner: ActorCritic, capacity: number): ReplayBuffer {
  const { observations, actions } = requireOptions('replayFor', learner, 'options').options;
  return new ReplayBuffer({
    capacity,
    observations,
    actions: actions.size,
    behaviour: learner.policyLearner.behaviourParameters,
  });
}
