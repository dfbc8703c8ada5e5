import type { PhiloxStream } from '../../math/philox.ts';
import { clip, type Outcome } from '../episodic.ts';
import { addUniform, MujocoEnvironment, sharedModel, sumOfSquares } from './base.ts';
import { body, capsule, degrees, hinge, model, motor, plane, slide } from './xml.ts';

const CONTROL_COST = 1e-3;

/** Two legs in a vertical plane, passing through each other. */
export const walker2dModel = (): string => {
  const free = { armature: 0, damping: 0 };
  const leg = (side: string): string =>
    body(
      `thigh${side}`,
      [0, 0, -0.2],
      hinge(`thigh${side}_joint`, [0, -1, 0], { range: degrees(-150, 0) }),
      capsule(
        `thigh${side}_geom`,
        [
          [0, 0, 0],
          [0, 0, -0.45],
        ],
        0.05,
      ),
      body(
        `leg${side}`,
        [0, 0, -0.7],
        hinge(`leg${side}_joint`, [0, -1, 0], { pos: [0, 0, 0.25], range: degrees(-150, 0) }),
        capsule(
          `leg${side}_geom`,
          [
            [0, 0, 0.25],
            [0, 0, -0.25],
          ],
          0.04,
        ),
        body(
          `foot${side}`,
          [0.2, 0, -0.35],
          hinge(`foot${side}_joint`, [0, -1, 0], { pos: [-0.2, 0, 0.1], range: degrees(-45, 45) }),
          capsule(
            `foot${side}_geom`,
            [
              [-0.2, 0, 0.1],
              [0, 0, 0.1],
            ],
            0.06,
            { friction: [1.9, 0.1, 0.1] },
          ),
        ),
      ),
    );
  const joints = ['', '_left'].flatMap((side) =>
    ['thigh', 'leg', 'foot'].map((part) => `${part}${side}_joint`),
  );
  return model({
    name: 'walker2d',
    option: { timestep: 0.002, gravity: [0, 0, -9.81], integrator: 'RK4' },
    memory: '1M',
    geom: { contype: 1, conaffinity: 0, friction: [0.9, 0.1, 0.1] },
    joint: { armature: 0.01, damping: 0.1 },
    world: [
      plane('floor', [0, 0, 0], [40, 40, 40], { conaffinity: 1, friction: [0.7, 0.1, 0.1] }),
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
        ),
        leg(''),
        leg('_left'),
      ),
    ],
    actuators: joints.map((joint) => motor(joint, 100)),
  });
};

/**
 * Walk forward on two legs in a plane (Walker2d-v5).
 *
 * | observation                                          | unit       |
 * | ---------------------------------------------------- | ---------- |
 * | height of the torso                                  | m          |
 * | angles: torso; thigh, leg, foot; the same, left      | rad        |
 * | velocities: x, z, then as the angles; within ±10     | m/s, rad/s |
 *
 * | action                                               | from | to | unit    |
 * | ---------------------------------------------------- | ---- | -- | ------- |
 * | torques ÷ 100 at thigh, leg, foot; the same, left    | −1   | 1  | 100 N·m |
 *
 * Reward: forward velocity in m/s over the step + 1 while healthy − 10⁻³ Σ action². Terminates when no longer healthy:
 * between 0.8 m and 2 m high and tilted by less than 1 rad. The limit is 1000 steps of 0.008 s.
 *
 * Start: positions and velocities within 0.005 of the reference, uniform.
 *
 * @source Gymnasium 1.4.0, Walker2d-v5
 */
export class Walker2d extends MujocoEnvironment {
  constructor() {
    super(
      { name: 'walker2d', frameSkip: 4, maxEpisodeSteps: 1000, observations: 17 },
      sharedModel('walker2d', walker2dModel),
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
    const { qpos } = this.arrays;
    const healthy = qpos[1] > 0.8 && qpos[1] < 2 && Math.abs(qpos[2]) < 1;
    return {
      reward: forward + (healthy ? 1 : 0) - CONTROL_COST * sumOfSquares(action),
      terminated: !healthy,
    };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel } = this.arrays;
    for (let i = 0; i < 8; i++) observation[i] = qpos[1 + i];
    for (let i = 0; i < 9; i++) observation[8 + i] = clip(qvel[i], -10, 10);
  }
}
