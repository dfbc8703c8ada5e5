import type { Device } from '../device.ts';
import type { ActorCritic } from './actor-critic.ts';

/** A saved policy: plain JSON, enough to act with. */
export interface PolicyFile {
  readonly kind: 'divergrad-policy';
  readonly version: 1;
  readonly environment: string;
  readonly estimator: string;
  readonly distribution: string;
  readonly observations: number;
  /** Coordinates of an action, or the number of choices. */
  readonly actions: number;
  readonly hidden: readonly number[];
  readonly activation: string;
  /** Flat parameters W0 [in, out], b0, W1, ... row-major. */
  readonly parameters: readonly number[];
}

/** The learner's policy as it stands on the device. */
export async function savePolicy(
  device: Device,
  learner: ActorCritic,
  environment: string,
): Promise<PolicyFile> {
  const { observations, actions, family, estimator, hidden, activation } = learner.options;
  return {
    kind: 'divergrad-policy',
    version: 1,
    environment,
    estimator: estimator.name,
    distribution: family.name,
    observations,
    actions: actions.size,
    hidden,
    activation,
    parameters: Array.from(await device.read(learner.policy.parameters)),
  };
}
