import type { PhiloxStream } from '../../math/philox.ts';
import type { Outcome } from '../episodic.ts';
import { addNormal, addUniform, MujocoEnvironment, sharedModel, sumOfSquares } from './base.ts';
import { body, capsule, element, hinge, model, motor, type Point, plane, slide } from './xml.ts';

const CONTROL_COST = 0.1;
const RADIUS = 0.046; // m, of every capsule

/** A torso with a head and two legs of three parts, in a vertical plane; springs hold its joints. 14 kg. */
export const halfCheetahModel = (): string => {
  const free = { armature: 0, damping: 0, stiffness: 0 };
  /** A capsule by its middle, its angle about the y axis in rad, and half the length of its axis. */
  const limb = (name: string, pos: Point, angle: number, half: number): string =>
    element('geom', { name, type: 'capsule', pos, axisangle: [0, 1, 0, angle], size: [RADIUS, half] });
  const joint = (name: string, range: readonly number[], stiffness: number, damping: number): string =>
    hinge(name, [0, 1, 0], { range, stiffness, damping });
  const gears = { bthigh: 120, bshin: 90, bfoot: 60, fthigh: 120, fshin: 60, ffoot: 30 };
  return model({
    name: 'half-cheetah',
    compiler: { settotalmass: 14 },
    option: { timestep: 0.01, gravity: [0, 0, -9.81], integrator: 'Euler' },
    memory: '1M',
    geom: {
      contype: 1,
      conaffinity: 0,
      friction: [0.4, 0.1, 0.1],
      solimp: [0, 0.8, 0.01],
      solref: [0.02, 1],
    },
    joint: { armature: 0.1, solimplimit: [0, 0.8, 0.03], solreflimit: [0.02, 1] },
    world: [
      plane('floor', [0, 0, 0], [40, 40, 40], { conaffinity: 1 }),
      body(
        'torso',
        [0, 0, 0.7],
        slide('rootx', [1, 0, 0], free),
        slide('rootz', [0, 0, 1], free),
        hinge('rooty', [0, 1, 0], free),
        capsule(
          'torso',
          [
            [-0.5, 0, 0],
            [0.5, 0, 0],
          ],
          RADIUS,
        ),
        limb('head', [0.6, 0, 0.1], 0.87, 0.15),
        body(
          'bthigh',
          [-0.5, 0, 0],
          joint('bthigh', [-0.52, 1.05], 240, 6),
          limb('bthigh', [0.1, 0, -0.13], -3.8, 0.145),
          body(
            'bshin',
            [0.16, 0, -0.25],
            joint('bshin', [-0.785, 0.785], 180, 4.5),
            limb('bshin', [-0.14, 0, -0.07], -2.03, 0.15),
            body(
              'bfoot',
              [-0.28, 0, -0.14],
              joint('bfoot', [-0.4, 0.785], 120, 3),
              limb('bfoot', [0.03, 0, -0.097], -0.27, 0.094),
            ),
          ),
        ),
        body(
          'fthigh',
          [0.5, 0, 0],
          joint('fthigh', [-1, 0.7], 180, 4.5),
          limb('fthigh', [-0.07, 0, -0.12], 0.52, 0.133),
          body(
            'fshin',
            [-0.14, 0, -0.24],
            joint('fshin', [-1.2, 0.87], 120, 3),
            limb('fshin', [0.065, 0, -0.09], -0.6, 0.106),
            body(
              'ffoot',
              [0.13, 0, -0.18],
              joint('ffoot', [-0.5, 0.5], 60, 1.5),
              limb('ffoot', [0.045, 0, -0.07], -0.6, 0.07),
            ),
          ),
        ),
      ),
    ],
    actuators: Object.entries(gears).map(([name, gear]) => motor(name, gear, { name })),
  });
};

/**
 * Run forward on two legs, seen from the side (HalfCheetah-v5).
 *
 * | observation                                              | unit       |
 * | -------------------------------------------------------- | ---------- |
 * | height of the torso, from its reference                  | m          |
 * | angles: torso; thigh, shin, foot, behind then in front   | rad        |
 * | velocities: x, z, then as the angles                     | m/s, rad/s |
 *
 * | action                                                   | from | to | unit |
 * | -------------------------------------------------------- | ---- | -- | ---- |
 * | torques at thigh, shin, foot, behind then in front       | −1   | 1  | 120, 90, 60, 120, 60, 30 N·m |
 *
 * Reward: forward velocity in m/s over the step − 0.1 Σ action². Never terminates; the limit is 1000 steps of 0.05 s.
 *
 * Start: positions uniform in [−0.1, 0.1), velocities normal with deviation 0.1.
 *
 * @source Gymnasium 1.4.0, HalfCheetah-v5
 */
export class HalfCheetah extends MujocoEnvironment {
  constructor() {
    super(
      { name: 'half-cheetah', frameSkip: 5, maxEpisodeSteps: 1000, observations: 17 },
      sharedModel('half-cheetah', halfCheetahModel),
    );
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    addUniform(qpos, 0.1, random);
    addNormal(qvel, 0.1, random);
  }

  protected override progress(): number {
    return this.arrays.qpos[0];
  }

  protected outcome(action: ArrayLike<number>, forward: number): Outcome {
    return { reward: forward - CONTROL_COST * sumOfSquares(action), terminated: false };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel } = this.arrays;
    for (let i = 0; i < 8; i++) observation[i] = qpos[1 + i];
    observation.set(qvel, 8);
  }
}
