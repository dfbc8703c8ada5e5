import type { PhiloxStream } from '../../math/philox.ts';
import type { Outcome } from '../episodic.ts';
import { addUniform, MujocoEnvironment, sharedModel, sumOfSquares } from './base.ts';
import { humanoidModel } from './humanoid-model.ts';

const FORWARD_WEIGHT = 1.25;
const CONTROL_COST = 0.1;
const CONTACT_COST = 5e-7;
const CONTACT_COST_CAP = 10;
const HEALTHY = 5;
const BODIES = 13; // without the world

/**
 * Walk forward with a body like ours (Humanoid-v5).
 *
 * | observation                                                      | at  | unit       |
 * | ---------------------------------------------------------------- | --- | ---------- |
 * | height of the torso                                              | 0   | m          |
 * | its orientation, a quaternion                                    | 1   |            |
 * | angles of the 17 joints                                          | 5   | rad        |
 * | velocities: torso (linear, angular), then as the angles          | 22  | m/s, rad/s |
 * | inertia about the centre of mass (10 numbers) of each of 13 bodies | 45 | kg·m², kg·m, kg |
 * | angular and linear velocity of each body                         | 175 | rad/s, m/s |
 * | torques of the motors at the joints                              | 253 | N·m        |
 * | torque and force of contacts on each body                        | 270 | N·m, N     |
 *
 * | action                                                           | from | to  | unit |
 * | ---------------------------------------------------------------- | ---- | --- | ---- |
 * | torque ÷ gear (25 to 300) at each of 17 joints, abdomen y before z | −0.4 | 0.4 | N·m ÷ gear |
 *
 * Reward: 1.25 × forward velocity of the centre of mass in m/s over the step + 5 while healthy − 0.1 Σ action² −
 * 5·10⁻⁷ Σ contact², the last at most 10. Terminates when no longer healthy: the torso between 1 m and 2 m high. The
 * limit is 1000 steps of 0.015 s.
 *
 * Start: positions (the quaternion too) and velocities within 0.01 of the reference, uniform.
 *
 * @source Gymnasium 1.4.0, Humanoid-v5
 */
export class Humanoid extends MujocoEnvironment {
  /** kg: a copy, since the engine's own array moves when its memory grows. */
  private readonly masses: Float64Array;
  private readonly totalMass: number;

  constructor() {
    const shared = sharedModel('humanoid', humanoidModel);
    super(
      {
        name: 'humanoid',
        frameSkip: 5,
        maxEpisodeSteps: 1000,
        observations: 348,
        contacts: true,
        camera: { from: 'oblique', reach: 2, centre: [0, 0.9], follow: 1 },
      },
      shared,
    );
    this.masses = shared.handle.body_mass.slice();
    this.totalMass = this.masses.reduce((sum, mass) => sum + mass, 0);
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    addUniform(qpos, 0.01, random);
    addUniform(qvel, 0.01, random);
  }

  /** x of the centre of mass in the last pass of the engine. */
  protected override progress(): number {
    const { xipos } = this.arrays;
    let moment = 0;
    for (let i = 0; i < this.masses.length; i++) moment += this.masses[i] * xipos[3 * i];
    return moment / this.totalMass;
  }

  protected outcome(action: ArrayLike<number>, forward: number): Outcome {
    const { qpos, cfrc_ext } = this.arrays;
    const healthy = qpos[2] > 1 && qpos[2] < 2;
    const contacts = Math.min(CONTACT_COST * sumOfSquares(cfrc_ext), CONTACT_COST_CAP);
    const cost = CONTROL_COST * sumOfSquares(action) + contacts;
    return { reward: FORWARD_WEIGHT * forward + (healthy ? HEALTHY : 0) - cost, terminated: !healthy };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel, cinert, cvel, qfrc_actuator, cfrc_ext } = this.arrays;
    for (let i = 0; i < 22; i++) observation[i] = qpos[2 + i];
    observation.set(qvel, 22);
    for (let i = 0; i < 10 * BODIES; i++) observation[45 + i] = cinert[10 + i];
    for (let i = 0; i < 6 * BODIES; i++) observation[175 + i] = cvel[6 + i];
    for (let i = 0; i < 17; i++) observation[253 + i] = qfrc_actuator[6 + i];
    for (let i = 0; i < 6 * BODIES; i++) observation[270 + i] = cfrc_ext[6 + i];
  }
}
