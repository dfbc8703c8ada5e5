import type { PhiloxStream } from '../../math/philox.ts';
import { clip, type Outcome } from '../episodic.ts';
import { addUniform, MujocoEnvironment, sharedModel, sumOfSquares } from './base.ts';
import { body, capsule, degrees, hinge, model, motor, plane, slide } from './xml.ts';

const CONTROL_COST = 1e-3;

/** One leg in a vertical plane: torso, thigh, leg and foot, 1.25 m above the floor at its reference. */
export const hopperModel = (): string => {
  const free = { armature: 0, damping: 0 };
  const robot = { condim: 1, friction: [0.9, 0.005, 0.0001] };
  return model({
    name: 'hopper',
    option: { timestep: 0.002, gravity: [0, 0, -9.81], integrator: 'RK4' },
    memory: '1M',
    geom: { margin: 0.001, solimp: [0.8, 0.8, 0.01], solref: [0.02, 1] },
    joint: { armature: 1, damping: 1 },
    world: [
      plane('floor', [0, 0, 0], [20, 20, 0.125], { condim: 3 }),
      body(
        'torso',
        [0, 0, 1.25],
        slide('rootx', [1, 0, 0], { ...free, pos: [0, 0, -1.25] }),
        slide('rootz', [0, 0, 1], { ...free, pos: [0, 0, -1.25], ref: 1.25 }),
        hinge('rooty', [0, 1, 0], free),
        capsule(
          'torso_geom',
          [
            [0, 0, 0.2],
            [0, 0, -0.2],
          ],
          0.05,
          robot,
        ),
        body(
          'thigh',
          [0, 0, -0.2],
          hinge('thigh_joint', [0, -1, 0], { range: degrees(-150, 0) }),
          capsule(
            'thigh_geom',
            [
              [0, 0, 0],
              [0, 0, -0.45],
            ],
            0.05,
            robot,
          ),
          body(
            'leg',
            [0, 0, -0.7],
            hinge('leg_joint', [0, -1, 0], { pos: [0, 0, 0.25], range: degrees(-150, 0) }),
            capsule(
              'leg_geom',
              [
                [0, 0, 0.25],
                [0, 0, -0.25],
              ],
              0.04,
              robot,
            ),
            body(
              'foot',
              [0.13, 0, -0.35],
              hinge('foot_joint', [0, -1, 0], { pos: [-0.13, 0, 0.1], range: degrees(-45, 45) }),
              capsule(
                'foot_geom',
                [
                  [-0.26, 0, 0.1],
                  [0.13, 0, 0.1],
                ],
                0.06,
                {
                  ...robot,
                  friction: [2, 0.005, 0.0001],
                },
              ),
            ),
          ),
        ),
      ),
    ],
    actuators: [motor('thigh_joint', 200), motor('leg_joint', 200), motor('foot_joint', 200)],
  });
};

/**
 * Hop forward on one leg (Hopper-v5).
 *
 * | observation                                      | unit       |
 * | ------------------------------------------------ | ---------- |
 * | height of the torso                              | m          |
 * | angles: torso, thigh, leg, foot                  | rad        |
 * | velocities: x, z, torso, thigh, leg, foot, within ±10 | m/s, rad/s |
 *
 * | action                         | from | to | unit    |
 * | ------------------------------ | ---- | -- | ------- |
 * | torques ÷ 200 at thigh, leg, foot | −1 | 1 | 200 N·m |
 *
 * Reward: forward velocity in m/s over the step + 1 while healthy − 10⁻³ Σ action². Terminates when no longer healthy:
 * higher than 0.7 m, tilted by less than 0.2 rad, every other position and velocity within ±100. The limit is 1000
 * steps of 0.008 s.
 *
 * Start: positions and velocities within 0.005 of the reference, uniform.
 *
 * @source Gymnasium 1.4.0, Hopper-v5
 */
export class Hopper extends MujocoEnvironment {
  constructor() {
    super(
      { name: 'hopper', frameSkip: 4, maxEpisodeSteps: 1000, observations: 11 },
      sharedModel('hopper', hopperModel),
    );
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    addUniform(qpos, 0.005, random);
    addUniform(qvel, 0.005, random);
  }

  protected override progress(): number {
    return this.arrays.qpos[0];
  }

  protected outcome(action: ArrayLike<number>, forward: number): Outcome {
    const healthy = this.healthy();
    return {
      reward: forward + (healthy ? 1 : 0) - CONTROL_COST * sumOfSquares(action),
      terminated: !healthy,
    };
  }

  private healthy(): boolean {
    const { qpos, qvel } = this.arrays;
    let healthy = qpos[1] > 0.7 && Math.abs(qpos[2]) < 0.2;
    for (let i = 2; i < 6; i++) healthy &&= Math.abs(qpos[i]) < 100;
    for (let i = 0; i < 6; i++) healthy &&= Math.abs(qvel[i]) < 100;
    return healthy;
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel } = this.arrays;
    for (let i = 0; i < 5; i++) observation[i] = qpos[1 + i];
    for (let i = 0; i < 6; i++) observation[5 + i] = clip(qvel[i], -10, 10);
  }
}
