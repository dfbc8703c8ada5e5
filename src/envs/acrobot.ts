import type { PhiloxStream } from '../math/philox.ts';
import { clip, EpisodicEnvironment, type Outcome } from './episodic.ts';
import { circle, line, type Scene, tip } from './scene.ts';

const TIME_STEP = 0.2; // s
const LINK_LENGTH_1 = 1; // m
const LINK_LENGTH_2 = 1; // m, for drawing and the goal only
const LINK_MASS_1 = 1; // kg
const LINK_MASS_2 = 1; // kg
const LINK_CENTRE_1 = 0.5; // m, joint to centre of mass
const LINK_CENTRE_2 = 0.5; // m
const LINK_INERTIA = 1; // kg·m², each link
const GRAVITY = 9.8; // m/s²
const MAX_VELOCITY_1 = 4 * Math.PI; // rad/s
const MAX_VELOCITY_2 = 9 * Math.PI; // rad/s

/**
 * Swing the free end of a two-link pendulum above a bar with a motor at the elbow only (Acrobot-v1).
 *
 * | observation           | from  | to   | unit  |
 * | --------------------- | ----- | ---- | ----- |
 * | cos θ₁                | −1    | 1    |       |
 * | sin θ₁                | −1    | 1    |       |
 * | cos θ₂                | −1    | 1    |       |
 * | sin θ₂                | −1    | 1    |       |
 * | angular velocity of θ₁ | −4π  | 4π   | rad/s |
 * | angular velocity of θ₂ | −9π  | 9π   | rad/s |
 *
 * | action | torque at the elbow |
 * | ------ | ------------------- |
 * | 0      | −1 N·m              |
 * | 1      | 0                   |
 * | 2      | 1 N·m               |
 *
 * Reward: −1 a step, 0 on the step that terminates: −cos θ₁ − cos(θ₁ + θ₂) > 1, the free end more than one
 * link above the shoulder. The limit is 500 steps of 0.2 s.
 *
 * Start: all four uniform in [−0.1, 0.1), rounded to float32. Physics: [θ₁, θ₂, θ̇₁, θ̇₂]; θ₁ = 0 hangs down,
 * θ₂ is relative to the first link, both wrapped to [−π, π].
 *
 * @source Gymnasium 1.4.0, Acrobot-v1; dynamics of Sutton, Barto (2018), "Reinforcement Learning", section on
 * the acrobot, one Runge–Kutta step of order 4
 */
export class Acrobot extends EpisodicEnvironment {
  readonly name = 'acrobot';
  readonly observationSpace = {
    kind: 'box',
    low: [-1, -1, -1, -1, -MAX_VELOCITY_1, -MAX_VELOCITY_2],
    high: [1, 1, 1, 1, MAX_VELOCITY_1, MAX_VELOCITY_2],
  } as const;
  readonly actionSpace = { kind: 'discrete', n: 3 } as const;
  readonly maxEpisodeSteps = 500;

  constructor() {
    super(4);
  }

  protected sampleStart(random: PhiloxStream): void {
    for (let i = 0; i < 4; i++) this.physics[i] = Math.fround(random.uniformIn(-0.1, 0.1));
  }

  protected advance(action: ArrayLike<number>): Outcome {
    const [angle1, angle2, velocity1, velocity2] = rungeKutta4(this.physics, action[0] - 1);
    this.physics[0] = wrapAngle(angle1);
    this.physics[1] = wrapAngle(angle2);
    this.physics[2] = clip(velocity1, -MAX_VELOCITY_1, MAX_VELOCITY_1);
    this.physics[3] = clip(velocity2, -MAX_VELOCITY_2, MAX_VELOCITY_2);
    const terminated = -Math.cos(this.physics[0]) - Math.cos(this.physics[1] + this.physics[0]) > 1;
    return { reward: terminated ? 0 : -1, terminated };
  }

  protected observe(): Float32Array {
    const [angle1, angle2, velocity1, velocity2] = this.physics;
    return Float32Array.of(
      Math.cos(angle1),
      Math.sin(angle1),
      Math.cos(angle2),
      Math.sin(angle2),
      velocity1,
      velocity2,
    );
  }

  scene(): Scene {
    const [angle1, angle2] = this.physics;
    const shoulder = [0, 0] as const;
    const elbow = tip(shoulder, LINK_LENGTH_1, Math.PI - angle1); // angles grow anticlockwise from hanging
    const hand = tip(elbow, LINK_LENGTH_2, Math.PI - angle1 - angle2);
    return {
      view: { left: -2.3, right: 2.3, bottom: -2.3, top: 2.3 },
      shapes: [
        line(
          [
            [-2.2, LINK_LENGTH_1],
            [2.2, LINK_LENGTH_1],
          ],
          0.03,
          'accent',
        ),
        line([shoulder, elbow], 0.16, 'limb'),
        line([elbow, hand], 0.16, 'body'),
        circle(shoulder, 0.07, 'joint'),
        circle(elbow, 0.07, 'joint'),
      ],
    };
  }
}

/** The state one time step later under a constant torque. */
function rungeKutta4(state: ArrayLike<number>, torque: number): number[] {
  const start = Array.from(state);
  const moved = (slope: readonly number[], time: number) => start.map((x, i) => x + time * slope[i]);
  const k1 = derivative(start, torque);
  const k2 = derivative(moved(k1, TIME_STEP / 2), torque);
  const k3 = derivative(moved(k2, TIME_STEP / 2), torque);
  const k4 = derivative(moved(k3, TIME_STEP), torque);
  return start.map((x, i) => x + (TIME_STEP / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]));
}

/** Time derivative of [θ₁, θ₂, θ̇₁, θ̇₂]; d and φ are named as in the book. */
function derivative(state: readonly number[], torque: number): number[] {
  const [angle1, angle2, velocity1, velocity2] = state;
  const sin2 = Math.sin(angle2);
  const cos2 = Math.cos(angle2);
  const coupling = LINK_MASS_2 * LINK_LENGTH_1 * LINK_CENTRE_2;
  const d1 =
    LINK_MASS_1 * LINK_CENTRE_1 ** 2 +
    LINK_MASS_2 * (LINK_LENGTH_1 ** 2 + LINK_CENTRE_2 ** 2) +
    2 * coupling * cos2 +
    2 * LINK_INERTIA;
  const d2 = LINK_MASS_2 * LINK_CENTRE_2 ** 2 + coupling * cos2 + LINK_INERTIA;
  // The book writes cos(θ − π/2) for these sines.
  const phi2 = LINK_MASS_2 * LINK_CENTRE_2 * GRAVITY * Math.sin(angle1 + angle2);
  const phi1 =
    -coupling * velocity2 ** 2 * sin2 -
    2 * coupling * velocity2 * velocity1 * sin2 +
    (LINK_MASS_1 * LINK_CENTRE_1 + LINK_MASS_2 * LINK_LENGTH_1) * GRAVITY * Math.sin(angle1) +
    phi2;
  const acceleration2 =
    (torque + (d2 / d1) * phi1 - coupling * velocity1 ** 2 * sin2 - phi2) /
    (LINK_MASS_2 * LINK_CENTRE_2 ** 2 + LINK_INERTIA - d2 ** 2 / d1);
  const acceleration1 = -(d2 * acceleration2 + phi1) / d1;
  return [velocity1, velocity2, acceleration1, acceleration2];
}

/** The same angle in [−π, π]; one step turns a link by less than a few full turns. */
function wrapAngle(angle: number): number {
  const turn = 2 * Math.PI;
  while (angle > Math.PI) angle -= turn;
  while (angle < -Math.PI) angle += turn;
  return angle;
}
