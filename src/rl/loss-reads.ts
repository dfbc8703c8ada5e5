import type { DistributionFamily, FamilyOptions } from '../distributions/distribution.ts';
import type { EstimatorChoice } from '../divergences/estimator.ts';
import { boltzmann } from '../divergences/target.ts';
import {
  clockState,
  dependsOn,
  mul,
  Recording,
  read,
  recordInto,
  reshape,
  State,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { PolicyLearner } from './policy-learner.ts';

/** What the gradient of a policy's loss is computed from. */
export interface LossReads {
  readonly critics: boolean;
  readonly temperature: boolean;
}

/**
 * Whether an estimator's gradient depends on the critics and on the temperature: its loss is recorded, and the tape asked.
 * Nothing is computed, and no device needed.
 *
 * @param actions coordinates of an action, or choices
 * @throws UsageError when estimator and distribution do not go together
 */
export function lossReads(
  estimator: EstimatorChoice,
  family: DistributionFamily,
  actions: number,
  familyOptions: FamilyOptions = {},
): LossReads {
  const plain = {
    observations: 1,
    hidden: [],
    activation: 'relu',
    learningRate: 0,
    tau: 0,
    seed: 0,
  } as const;
  const samples = Math.max(2, estimator.estimator.defaultSamples);
  const learner = new PolicyLearner({ ...plain, actions, estimator, family, familyOptions, samples });
  const recording = new Recording({ mlp: 'tiled', joinedBindings: 0 }, clockState(0, 'clock', 'update'));
  return recordInto(recording, () => {
    const held = (name: string, shape: readonly number[]): Tensor => read(new State(name, shape));
    const [slope, temperature] = [held('slope', []), held('temperature', [])];
    const batch = 2;
    const critics = (chosen: Tensor) =>
      reshape(mul(slope, sum(chosen, -1)), [1, chosen.shape[0], chosen.shape[1]]);
    const { gradient } = learner.recordStep({
      states: held('states', [batch, 1]),
      target: boltzmann(critics, { temperature }),
      replayedActions: held('actions', [1, batch, actions]),
      behaviour: held('behaviour', [batch, family.parameters(actions)]),
    });
    return { critics: dependsOn(gradient, slope), temperature: dependsOn(gradient, temperature) };
  });
}
