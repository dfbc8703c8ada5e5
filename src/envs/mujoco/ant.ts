import type { PhiloxStream } from '../../math/philox.ts';
import { clip, type Outcome } from '../episodic.ts';
import { addNormal, addUniform, allFinite, MujocoEnvironment, sharedModel, sumOfSquares } from './base.ts';
import { body, capsule, degrees, element, hinge, model, motor, type Point, plane, sphere } from './xml.ts';

const CONTROL_COST = 0.5;
const CONTACT_COST = 5e-4;
const BODIES = 13; // without the world
const CONTACTS = 27; // where they begin in the observation

/** A leg: its names, the quarter (x, y) it points to, and the ankle's range in degrees. */
interface Leg {
  readonly number: number;
  readonly name: string;
  readonly geoms: readonly [string, string];
  readonly quarter: readonly [number, number];
  readonly ankle: readonly [number, number];
}

const legs: readonly Leg[] = [
  {
    number: 1,
    name: 'front_left_leg',
    geoms: ['left_leg_geom', 'left_ankle_geom'],
    quarter: [1, 1],
    ankle: [30, 70],
  },
  {
    number: 2,
    name: 'front_right_leg',
    geoms: ['right_leg_geom', 'right_ankle_geom'],
    quarter: [-1, 1],
    ankle: [-70, -30],
  },
  {
    number: 3,
    name: 'back_leg',
    geoms: ['back_leg_geom', 'third_ankle_geom'],
    quarter: [-1, -1],
    ankle: [-70, -30],
  },
  {
    number: 4,
    name: 'right_back_leg',
    geoms: ['rightback_leg_geom', 'fourth_ankle_geom'],
    quarter: [1, -1],
    ankle: [30, 70],
  },
];

/** A ball with four legs of two moving parts each. At its reference the ankles are outside their ranges. */
export const antModel = (): string => {
  const leg = ({ number, name, geoms, quarter: [x, y], ankle }: Leg): string => {
    const along = (length: number): Point => [length * x, length * y, 0];
    // The ankle's axis is across the leg, along +y.
    const across: Point = [-x * y, 1, 0];
    const rod = (geom: string, length: number) => capsule(geom, [[0, 0, 0], along(length)], 0.08);
    return body(
      name,
      [0, 0, 0],
      rod(`aux_${number}_geom`, 0.2),
      body(
        `aux_${number}`,
        along(0.2),
        hinge(`hip_${number}`, [0, 0, 1], { range: degrees(-30, 30) }),
        rod(geoms[0], 0.2),
        body(
          '',
          along(0.2),
          hinge(`ankle_${number}`, across, { range: degrees(...ankle) }),
          rod(geoms[1], 0.4),
        ),
      ),
    );
  };
  return model({
    name: 'ant',
    option: { timestep: 0.01, gravity: [0, 0, -9.81], integrator: 'RK4' },
    memory: '2M',
    geom: { contype: 1, conaffinity: 0, condim: 3, friction: [1, 0.5, 0.5], margin: 0.01, density: 5 },
    joint: { armature: 1, damping: 1 },
    world: [
      plane('floor', [0, 0, 0], [40, 40, 40], { conaffinity: 1 }),
      body(
        'torso',
        [0, 0, 0.75],
        element('joint', { name: 'root', type: 'free', armature: 0, damping: 0, margin: 0.01 }),
        sphere('torso_geom', [0, 0, 0], 0.25),
        ...legs.map(leg),
      ),
    ],
    // The last leg's motors come first.
    actuators: [4, 1, 2, 3].flatMap((number) => [motor(`hip_${number}`, 150), motor(`ankle_${number}`, 150)]),
  });
};

/**
 * Walk forward on four legs in space (Ant-v5).
 *
 * | observation                                                   | at  | unit       |
 * | ------------------------------------------------------------- | --- | ---------- |
 * | height of the torso                                           | 0   | m          |
 * | its orientation, a quaternion                                 | 1   |            |
 * | angles: hip and ankle, of legs 1 to 4                         | 5   | rad        |
 * | velocities: torso (linear, angular), then as the angles       | 13  | m/s, rad/s |
 * | torque and force of contacts on each of 13 bodies, within ±1  | 27  | N·m, N     |
 *
 * | action                                              | from | to | unit    |
 * | --------------------------------------------------- | ---- | -- | ------- |
 * | torques ÷ 150 at hip and ankle, of legs 4, 1, 2, 3  | −1   | 1  | 150 N·m |
 *
 * Reward: forward velocity of the torso in m/s over the step + 1 while healthy − 0.5 Σ action² − 5·10⁻⁴ Σ contact
 * (within ±1)². Terminates when no longer healthy: between 0.2 m and 1 m high. The limit is 1000 steps of 0.05 s.
 *
 * Start: positions (the quaternion too) within 0.1 of the reference, uniform; velocities normal with deviation 0.1.
 *
 * @source Gymnasium 1.4.0, Ant-v5
 */
export class Ant extends MujocoEnvironment {
  constructor() {
    const observations = CONTACTS + 6 * BODIES;
    super(
      {
        name: 'ant',
        frameSkip: 5,
        maxEpisodeSteps: 1000,
        observations,
        contacts: true,
        camera: { from: 'oblique', reach: 2, centre: [0, 0.5], follow: 1 },
      },
      sharedModel('ant', antModel),
    );
  }

  protected drawStart(random: PhiloxStream, qpos: Float64Array, qvel: Float64Array): void {
    addUniform(qpos, 0.1, random);
    addNormal(qvel, 0.1, random);
  }

  /** Where the torso was in the last pass of the engine: a little behind its position. */
  protected override progress(): number {
    return this.arrays.xpos[3];
  }

  protected outcome(action: ArrayLike<number>, forward: number): Outcome {
    const { qpos, qvel, cfrc_ext } = this.arrays;
    const healthy = allFinite(qpos) && allFinite(qvel) && qpos[2] >= 0.2 && qpos[2] <= 1;
    let contacts = 0;
    for (let i = 0; i < cfrc_ext.length; i++) contacts += clip(cfrc_ext[i], -1, 1) ** 2;
    const cost = CONTROL_COST * sumOfSquares(action) + CONTACT_COST * contacts;
    return { reward: forward + (healthy ? 1 : 0) - cost, terminated: !healthy };
  }

  protected write(observation: Float32Array | Float64Array): void {
    const { qpos, qvel, cfrc_ext } = this.arrays;
    for (let i = 0; i < 13; i++) observation[i] = qpos[2 + i];
    observation.set(qvel, 13);
    for (let i = 0; i < 6 * BODIES; i++) observation[CONTACTS + i] = clip(cfrc_ext[6 + i], -1, 1);
  }
}
