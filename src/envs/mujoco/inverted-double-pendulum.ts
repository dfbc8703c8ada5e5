import type { PhiloxStream } from '../../math/philox.ts';
import { clip, type Outcome } from '../episodic.ts';
import { addNormal, addUniform, MujocoEnvironment, sharedModel } from './base.ts';
import { body, capsule, element, hinge, model, motor, plane, slide } from './xml.ts';

/** A cart on a rail with two poles of 0.6 m, one hinged to the other. Nothing touches anything. */
export const invertedDoublePendulumModel = (): string =>
  model({
    name: 'inverted-double-pendulum',
    // The published model has this trace of sideways gravity.
    option: { timestep: 0.01, gravity: [1e-5, 0, -9.81], integrator: 'RK4' },
    memory: '1M',
    geom: { contype: 0, friction: [1, 0.1, 0.1] },
    joint: { damping: 0.05 },
    world: [
      plane('floor', [0, 0, -3], [40, 40, 40]),
      capsule(
        'rail',
        [
          [1, 0, 0],
          [-1, 0, 0],
        ],
        0.02,
      ),
      body(
        'cart',
        [0, 0, 0],
        slide('slider', [1, 0, 0], { range: [-1, 1], margin: 0.01 }),
        capsule(
          'cart',
          [
            [0.1, 0, 0],
            [-0.1, 0, 0],
          ],
          0.1,
        ),
        body(
          'pole',
          [0, 0, 0],
          hinge('hinge', [0, 1, 0]),
          capsule(
            'cpole',
            [
              [0, 0, 0],
              [0, 0, 0.6],
            ],
            0.045,
          ),
          body(
            'pole2',
            [0, 0, 0.6],
            hinge('hinge2', [0, 1, 0]),
            capsule(
              'cpole2',
              [
                [0, 0, 0],
                [0, 0, 0.6],
              ],
              0.045,
            ),
            element('site', { name: 'tip', pos: [0, 0, 0.6] }),
          ),
        ),
      ),
    ],
    actuators: [motor('slider', 500, { name: 'slide' })],
  });

/**
 * Keep two poles, one on the other, upright by pushing their cart (InvertedDoublePendulum-v5).
 *
 * | observation                              | unit  |
 * | ---------------------------------------- | ----- |
 * | position of the cart                     | m     |
 * | sines of both hinge angles               |       |
 * | cosines of both hinge angles             |       |
 * | velocities of cart and hinges, within ±10 | m/s, rad/s |
 * | force of the rail's ends on the cart, within ±10 | N |
 *
 * | action           | from | to | unit  |
 * | ---------------- | ---- | -- | ----- |
 * | force ÷ 500      | −1   | 1  | 500 N |
 *
 * Reward: 10 while the tip is above 1 m − 0.01 x² − (z − 2)² of the tip − 0.001 ω₁² − 0.005 ω₂². Terminates when the
 * tip is at 1 m or below. The limit is 1000 steps of 0.05 s.
 *
 * Start: positions uniform in [−0.1, 0.1), velocities normal with deviation 0.1.
 *
 * @source Gymnasium 1.4.0, InvertedDoublePendulum-v5
 */
export class InvertedDoublePendulum extends MujocoEnvironment {
  constructor() {
    super(
      {
        name: 'inverted-double-pendulum',
        frameSkip: 5,
        maxEpisodeSteps: 1000,
        observations: 9,
        camera: { from: 'side', reach: 1.8, centre: [0, 0.5] },
      },
      sharedModel('inverted-double-pendulum', invertedDoublePendulumModel),
    );
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    addUniform(qpos, 0.1, random);
    addNormal(qvel, 0.1, random);
  }

  protected outcome(): Outcome {
    const { qvel, site_xpos } = this.arrays;
    const [x, , height] = site_xpos;
    const terminated = height <= 1;
    const distance = 0.01 * x ** 2 + (height - 2) ** 2;
    const speed = 0.001 * qvel[1] ** 2 + 0.005 * qvel[2] ** 2;
    return { reward: (terminated ? 0 : 10) - distance - speed, terminated };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel, qfrc_constraint } = this.arrays;
    observation[0] = qpos[0];
    for (let i = 1; i < 3; i++) {
      observation[i] = Math.sin(qpos[i]);
      observation[2 + i] = Math.cos(qpos[i]);
    }
    for (let i = 0; i < 3; i++) observation[5 + i] = clip(qvel[i], -10, 10);
    observation[8] = clip(qfrc_constraint[0], -10, 10);
  }
}
