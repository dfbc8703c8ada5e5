import type { PhiloxStream } from '../../math/philox.ts';
import type { Outcome } from '../episodic.ts';
import { MujocoEnvironment, sharedModel, sumOfSquares } from './base.ts';
import { body, capsule, element, hinge, model, motor, plane, slide, sphere } from './xml.ts';

const TARGET_REACH = 0.2; // m
/** Where `xpos` holds these bodies. */
const FINGERTIP = 3 * 3;
const TARGET = 3 * 4;

/** A flat arm of two links in a fenced square, and a ball on two slides for its target. Nothing touches anything. */
export const reacherModel = (): string => {
  const scenery = { contype: 0, conaffinity: 0 };
  const targetJoint = { range: [-0.27, 0.27], armature: 0, damping: 0 };
  return model({
    name: 'reacher',
    option: { timestep: 0.01, gravity: [0, 0, -9.81], integrator: 'RK4' },
    memory: '1M',
    geom: { contype: 0, friction: [1, 0.1, 0.1] },
    joint: { armature: 1, damping: 1 },
    world: [
      plane('ground', [0, 0, 0], [1, 1, 10], scenery),
      capsule(
        'sideS',
        [
          [-0.3, -0.3, 0.01],
          [0.3, -0.3, 0.01],
        ],
        0.02,
        scenery,
      ),
      capsule(
        'sideE',
        [
          [0.3, -0.3, 0.01],
          [0.3, 0.3, 0.01],
        ],
        0.02,
        scenery,
      ),
      capsule(
        'sideN',
        [
          [-0.3, 0.3, 0.01],
          [0.3, 0.3, 0.01],
        ],
        0.02,
        scenery,
      ),
      capsule(
        'sideW',
        [
          [-0.3, -0.3, 0.01],
          [-0.3, 0.3, 0.01],
        ],
        0.02,
        scenery,
      ),
      element('geom', {
        name: 'root',
        type: 'cylinder',
        fromto: [0, 0, 0, 0, 0, 0.02],
        size: 0.011,
        ...scenery,
      }),
      body(
        'body0',
        [0, 0, 0.01],
        hinge('joint0', [0, 0, 1]),
        capsule(
          'link0',
          [
            [0, 0, 0],
            [0.1, 0, 0],
          ],
          0.01,
        ),
        body(
          'body1',
          [0.1, 0, 0],
          hinge('joint1', [0, 0, 1], { range: [-3, 3] }),
          capsule(
            'link1',
            [
              [0, 0, 0],
              [0.1, 0, 0],
            ],
            0.01,
          ),
          body('fingertip', [0.11, 0, 0], sphere('fingertip', [0, 0, 0], 0.01)),
        ),
      ),
      body(
        'target',
        [0.1, -0.1, 0.01],
        // With the body's place as reference, the slides' positions are the target's in the world.
        slide('target_x', [1, 0, 0], { ...targetJoint, ref: 0.1 }),
        slide('target_y', [0, 1, 0], { ...targetJoint, ref: -0.1 }),
        sphere('target', [0, 0, 0], 0.009, scenery),
      ),
    ],
    actuators: [motor('joint0', 200), motor('joint1', 200)],
  });
};

/**
 * Bring the fingertip of a flat arm with two links to a target (Reacher-v5).
 *
 * | observation                           | unit  |
 * | ------------------------------------- | ----- |
 * | cosines of both joint angles          |       |
 * | sines of both joint angles            |       |
 * | position of the target (x, y)         | m     |
 * | velocities of both joints             | rad/s |
 * | fingertip − target (x, y)             | m     |
 *
 * | action                  | from | to | unit    |
 * | ----------------------- | ---- | -- | ------- |
 * | torque ÷ 200 at joint 1 | −1   | 1  | 200 N·m |
 * | torque ÷ 200 at joint 2 | −1   | 1  | 200 N·m |
 *
 * Reward: −distance of fingertip and target in m − Σ action². Never terminates; the limit is 50 steps of 0.02 s.
 *
 * Start: joint angles uniform in [−0.1, 0.1), their velocities in [−0.005, 0.005); the target uniform in the disc of
 * radius 0.2 m about the shoulder, at rest.
 *
 * @source Gymnasium 1.4.0, Reacher-v5
 */
export class Reacher extends MujocoEnvironment {
  constructor() {
    super(
      {
        name: 'reacher',
        frameSkip: 2,
        maxEpisodeSteps: 50,
        observations: 10,
        camera: { from: 'above', reach: 0.45, centre: [0, 0] },
      },
      sharedModel('reacher', reacherModel),
    );
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    for (let i = 0; i < 2; i++) qpos[i] += random.uniformIn(-0.1, 0.1);
    do {
      for (let i = 2; i < 4; i++) qpos[i] = random.uniformIn(-TARGET_REACH, TARGET_REACH);
    } while (Math.hypot(qpos[2], qpos[3]) >= TARGET_REACH);
    for (let i = 0; i < 2; i++) qvel[i] += random.uniformIn(-0.005, 0.005);
  }

  protected outcome(action: ArrayLike<number>): Outcome {
    const { xpos } = this.arrays;
    let squares = 0;
    for (let i = 0; i < 3; i++) squares += (xpos[FINGERTIP + i] - xpos[TARGET + i]) ** 2;
    return { reward: -Math.sqrt(squares) - sumOfSquares(action), terminated: false };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel, xpos } = this.arrays;
    for (let i = 0; i < 2; i++) {
      observation[i] = Math.cos(qpos[i]);
      observation[2 + i] = Math.sin(qpos[i]);
      observation[4 + i] = qpos[2 + i];
      observation[6 + i] = qvel[i];
      observation[8 + i] = xpos[FINGERTIP + i] - xpos[TARGET + i];
    }
  }
}
