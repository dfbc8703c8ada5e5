import type { PhiloxStream } from '../../math/philox.ts';
import type { Outcome } from '../episodic.ts';
import { addUniform, allFinite, MujocoEnvironment, sharedModel } from './base.ts';
import { body, capsule, hinge, model, motor, slide } from './xml.ts';

/** A cart on a rail of 2 m with a pole of 0.6 m hinged to it. Nothing touches anything. */
export const invertedPendulumModel = (): string =>
  model({
    name: 'inverted-pendulum',
    option: { timestep: 0.02, gravity: [0, 0, -9.81], integrator: 'RK4' },
    memory: '1M',
    geom: { contype: 0, friction: [1, 0.1, 0.1] },
    joint: { damping: 1 },
    world: [
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
        slide('slider', [1, 0, 0], { range: [-1, 1] }),
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
          hinge('hinge', [0, 1, 0], { range: [-Math.PI / 2, Math.PI / 2] }),
          // The pole leans by 1 mm, so upright is no equilibrium.
          capsule(
            'cpole',
            [
              [0, 0, 0],
              [0.001, 0, 0.6],
            ],
            0.049,
          ),
        ),
      ),
    ],
    actuators: [motor('slider', 100, { name: 'slide', ctrlrange: [-3, 3] })],
  });

/**
 * Keep a pole upright by pushing its cart (InvertedPendulum-v5).
 *
 * | observation             | unit  |
 * | ----------------------- | ----- |
 * | position of the cart    | m     |
 * | angle of the pole       | rad   |
 * | velocity of the cart    | m/s   |
 * | velocity of the pole    | rad/s |
 *
 * | action           | from | to | unit  |
 * | ---------------- | ---- | -- | ----- |
 * | force ÷ 100      | −3   | 3  | 100 N |
 *
 * Reward: 1 a step, 0 on the step that terminates: the pole more than 0.2 rad off, or an observation not finite. The
 * limit is 1000 steps of 0.04 s.
 *
 * Start: positions and velocities uniform in [−0.01, 0.01).
 *
 * @source Gymnasium 1.4.0, InvertedPendulum-v5
 */
export class InvertedPendulum extends MujocoEnvironment {
  constructor() {
    super(
      {
        name: 'inverted-pendulum',
        frameSkip: 2,
        maxEpisodeSteps: 1000,
        observations: 4,
        camera: { from: 'side', reach: 1.2, centre: [0, 0.3] },
      },
      sharedModel('inverted-pendulum', invertedPendulumModel),
    );
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    addUniform(qpos, 0.01, random);
    addUniform(qvel, 0.01, random);
  }

  protected outcome(): Outcome {
    const { qpos, qvel } = this.arrays;
    const terminated = !(allFinite(qpos) && allFinite(qvel) && Math.abs(qpos[1]) <= 0.2);
    return { reward: terminated ? 0 : 1, terminated };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel } = this.arrays;
    observation.set(qpos);
    observation.set(qvel, 2);
  }
}
