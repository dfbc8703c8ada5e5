import { body, capsule, degrees, element, hinge, model, motor, type Point, plane, sphere } from './xml.ts';

/** Stiffness in N·m/rad, damping in N·m·s/rad, armature in kg·m². */
interface Spring {
  readonly stiffness: number;
  readonly damping: number;
  readonly armature: number;
}

const joint = (
  name: string,
  axis: Point,
  [low, high]: readonly [number, number],
  spring: Spring & { readonly pos?: Point },
): string => hinge(name, axis, { pos: [0, 0, 0], range: degrees(low, high), ...spring });

const waist: Spring = { stiffness: 10, damping: 5, armature: 0.02 };
const hip: Spring = { stiffness: 10, damping: 5, armature: 0.01 };
const knee: Spring = { stiffness: 0, damping: 1, armature: 0.006 };
const arm: Spring = { stiffness: 1, damping: 1, armature: 0.0051 };

/** The published legs differ: in the armature of the hip, and in the spring of the knee. */
const legs = {
  right: { sign: -1, hipY: 0.008, kneeSpring: 0 },
  left: { sign: 1, hipY: 0.01, kneeSpring: 1 },
};

function leg(side: 'right' | 'left'): string {
  const { sign, hipY, kneeSpring } = legs[side];
  return body(
    `${side}_thigh`,
    [0, 0.1 * sign, -0.04],
    joint(`${side}_hip_x`, [-sign, 0, 0], [-25, 5], hip),
    joint(`${side}_hip_z`, [0, 0, -sign], [-60, 35], hip),
    joint(`${side}_hip_y`, [0, 1, 0], [-110, 20], { ...hip, stiffness: 20, armature: hipY }),
    capsule(
      `${side}_thigh1`,
      [
        [0, 0, 0],
        [0, -0.01 * sign, -0.34],
      ],
      0.06,
    ),
    body(
      `${side}_shin`,
      [0, -0.01 * sign, -0.403],
      joint(`${side}_knee`, [0, -1, 0], [-160, -2], { ...knee, stiffness: kneeSpring, pos: [0, 0, 0.02] }),
      capsule(
        `${side}_shin1`,
        [
          [0, 0, 0],
          [0, 0, -0.3],
        ],
        0.049,
      ),
      body(`${side}_foot`, [0, 0, -0.45], sphere(`${side}_foot`, [0, 0, 0.1], 0.075)),
    ),
  );
}

function armOf(side: 'right' | 'left'): string {
  const sign = side === 'left' ? 1 : -1;
  const shoulder = side === 'left' ? ([-60, 85] as const) : ([-85, 60] as const);
  const diagonal = (length: number): Point => [length, -length * sign, length];
  return body(
    `${side}_upper_arm`,
    [0, 0.17 * sign, 0.06],
    joint(`${side}_shoulder1`, [2, -sign, 1], shoulder, { ...arm, armature: 0.0068 }),
    joint(`${side}_shoulder2`, [0, sign, 1], shoulder, arm),
    capsule(
      `${side}_uarm1`,
      [
        [0, 0, 0],
        [0.16, 0.16 * sign, -0.16],
      ],
      0.04,
    ),
    body(
      `${side}_lower_arm`,
      [0.18, 0.18 * sign, -0.18],
      joint(`${side}_elbow`, [0, -1, -sign], [-90, 50], { stiffness: 0, damping: 1, armature: 0.0028 }),
      capsule(`${side}_larm`, [diagonal(0.01), diagonal(0.17)], 0.031),
      sphere(`${side}_hand`, diagonal(0.18), 0.04),
    ),
  );
}

/** Ties hip and knee for reading only: it has neither spring nor limit. */
const hamstring = (side: string): string =>
  element(
    'fixed',
    { name: `${side}_hipknee` },
    element('joint', { joint: `${side}_hip_y`, coef: -1 }),
    element('joint', { joint: `${side}_knee`, coef: 1 }),
  );

const gears: Readonly<Record<string, number>> = {
  abdomen_y: 100,
  abdomen_z: 100,
  abdomen_x: 100,
  right_hip_x: 100,
  right_hip_z: 100,
  right_hip_y: 300,
  right_knee: 200,
  left_hip_x: 100,
  left_hip_z: 100,
  left_hip_y: 300,
  left_knee: 200,
  right_shoulder1: 25,
  right_shoulder2: 25,
  right_elbow: 25,
  left_shoulder1: 25,
  left_shoulder2: 25,
  left_elbow: 25,
};

/** Torso with head, a waist in two parts, legs with ball feet, arms with ball hands: 42 kg. */
export const humanoidModel = (): string =>
  model({
    name: 'humanoid',
    option: { timestep: 0.003, gravity: [0, 0, -9.81], integrator: 'RK4', solver: 'PGS', iterations: 50 },
    memory: '4M',
    geom: { condim: 1, margin: 0.001 },
    world: [
      plane('floor', [0, 0, 0], [20, 20, 0.125], { condim: 3, friction: [1, 0.1, 0.1] }),
      body(
        'torso',
        [0, 0, 1.4],
        element('joint', { name: 'root', type: 'free' }),
        capsule(
          'torso1',
          [
            [0, -0.07, 0],
            [0, 0.07, 0],
          ],
          0.07,
        ),
        sphere('head', [0, 0, 0.19], 0.09),
        capsule(
          'uwaist',
          [
            [-0.01, -0.06, -0.12],
            [-0.01, 0.06, -0.12],
          ],
          0.06,
        ),
        element(
          'body',
          { name: 'lwaist', pos: [-0.01, 0, -0.26], quat: [1, 0, -0.002, 0] },
          joint('abdomen_z', [0, 0, 1], [-45, 45], { ...waist, stiffness: 20, pos: [0, 0, 0.065] }),
          joint('abdomen_y', [0, 1, 0], [-75, 30], { ...waist, pos: [0, 0, 0.065] }),
          capsule(
            'lwaist',
            [
              [0, -0.06, 0],
              [0, 0.06, 0],
            ],
            0.06,
          ),
          element(
            'body',
            { name: 'pelvis', pos: [0, 0, -0.165], quat: [1, 0, -0.002, 0] },
            joint('abdomen_x', [1, 0, 0], [-35, 35], { ...waist, pos: [0, 0, 0.1] }),
            capsule(
              'butt',
              [
                [-0.02, -0.07, 0],
                [-0.02, 0.07, 0],
              ],
              0.09,
            ),
            leg('right'),
            leg('left'),
          ),
        ),
        armOf('right'),
        armOf('left'),
      ),
    ],
    tendons: [hamstring('left'), hamstring('right')],
    actuators: Object.entries(gears).map(([name, gear]) =>
      motor(name, gear, { name, ctrlrange: [-0.4, 0.4] }),
    ),
  });
