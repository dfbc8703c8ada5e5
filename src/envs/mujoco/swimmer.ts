import type { PhiloxStream } from '../../math/philox.ts';
import type { Outcome } from '../episodic.ts';
import { addUniform, MujocoEnvironment, sharedModel, sumOfSquares } from './base.ts';
import { body, capsule, degrees, hinge, model, motor, plane, slide } from './xml.ts';

const CONTROL_COST = 1e-4;

/** Three rods of 1 m in a chain, moving in a plane through a dense fluid. Nothing touches anything. */
export const swimmerModel = (): string => {
  const rod = { condim: 1 };
  const range = degrees(-100, 100);
  return model({
    name: 'swimmer',
    option: { timestep: 0.01, density: 4000, viscosity: 0.1, gravity: [0, 0, -9.81], integrator: 'RK4' },
    memory: '1M',
    geom: { contype: 0, conaffinity: 0 },
    joint: { armature: 0.1 },
    world: [
      plane('floor', [0, 0, -0.1], [40, 40, 0.1]),
      body(
        'torso',
        [0, 0, 0],
        slide('slider1', [1, 0, 0]),
        slide('slider2', [0, 1, 0]),
        hinge('free_body_rot', [0, 0, 1]),
        capsule(
          '',
          [
            [1.5, 0, 0],
            [0.5, 0, 0],
          ],
          0.1,
          rod,
        ),
        body(
          'mid',
          [0.5, 0, 0],
          hinge('motor1_rot', [0, 0, 1], { range }),
          capsule(
            '',
            [
              [0, 0, 0],
              [-1, 0, 0],
            ],
            0.1,
            rod,
          ),
          body(
            'back',
            [-1, 0, 0],
            hinge('motor2_rot', [0, 0, 1], { range }),
            capsule(
              '',
              [
                [0, 0, 0],
                [-1, 0, 0],
              ],
              0.1,
              rod,
            ),
          ),
        ),
      ),
    ],
    actuators: [motor('motor1_rot', 150), motor('motor2_rot', 150)],
  });
};

/**
 * Swim forward with three rods in a chain (Swimmer-v5).
 *
 * | observation                               | unit       |
 * | ----------------------------------------- | ---------- |
 * | angles: of the first rod, of both joints  | rad        |
 * | velocities: x, y, first rod, both joints  | m/s, rad/s |
 *
 * | action                  | from | to | unit    |
 * | ----------------------- | ---- | -- | ------- |
 * | torque ÷ 150 at joint 1 | −1   | 1  | 150 N·m |
 * | torque ÷ 150 at joint 2 | −1   | 1  | 150 N·m |
 *
 * Reward: forward velocity in m/s over the step − 10⁻⁴ Σ action². Never terminates; the limit is 1000 steps of 0.04 s.
 *
 * Start: positions and velocities uniform in [−0.1, 0.1).
 *
 * @source Gymnasium 1.4.0, Swimmer-v5
 */
export class Swimmer extends MujocoEnvironment {
  constructor() {
    super(
      {
        name: 'swimmer',
        frameSkip: 4,
        maxEpisodeSteps: 1000,
        observations: 8,
        camera: { from: 'above', reach: 2.5, centre: [0, 0], follow: 1 },
      },
      sharedModel('swimmer', swimmerModel),
    );
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    addUniform(qpos, 0.1, random);
    addUniform(qvel, 0.1, random);
  }

  protected override progress(): number {
    return this.arrays.qpos[0];
  }

  protected outcome(action: ArrayLike<number>, forward: number): Outcome {
    return { reward: forward - CONTROL_COST * sumOfSquares(action), terminated: false };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel } = this.arrays;
    for (let i = 0; i < 3; i++) observation[i] = qpos[2 + i];
    observation.set(qvel, 3);
  }
}
