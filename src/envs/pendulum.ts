import type { PhiloxStream } from '../math/philox.ts';
import { clip, EpisodicEnvironment, type Outcome } from './episodic.ts';
import { circle, line, type Scene, tip } from './scene.ts';

const MAX_SPEED = 8; // rad/s
const MAX_TORQUE = 2; // N·m
const TIME_STEP = 0.05; // s
const GRAVITY = 10; // m/s²
const MASS = 1; // kg
const LENGTH = 1; // m

/**
 * Swing a pendulum up and hold it there with too little torque to lift it at once (Pendulum-v1).
 *
 * | observation      | from | to | unit  |
 * | ---------------- | ---- | -- | ----- |
 * | cos θ            | −1   | 1  |       |
 * | sin θ            | −1   | 1  |       |
 * | angular velocity | −8   | 8  | rad/s |
 *
 * | action | from | to | unit                   |
 * | ------ | ---- | -- | ---------------------- |
 * | torque | −2   | 2  | N·m, clipped to bounds |
 *
 * Reward: −(θ² + 0.1 θ̇² + 0.001 torque²), of the state before the step and the clipped torque, θ wrapped to
 * [−π, π): between −16.2736 and 0. It never terminates; the limit is 200 steps of 0.05 s.
 *
 * Start: θ uniform in [−π, π), θ̇ uniform in [−1, 1). Physics: [θ, θ̇], θ = 0 upright and not wrapped.
 *
 * @source Gymnasium 1.4.0, Pendulum-v1
 */
export class Pendulum extends EpisodicEnvironment {
  readonly name = 'pendulum';
  readonly observationSpace = { kind: 'box', low: [-1, -1, -MAX_SPEED], high: [1, 1, MAX_SPEED] } as const;
  readonly actionSpace = { kind: 'box', low: [-MAX_TORQUE], high: [MAX_TORQUE] } as const;
  readonly maxEpisodeSteps = 200;

  constructor() {
    super(2);
  }

  protected sampleStart(random: PhiloxStream): void {
    this.physics[0] = random.uniformIn(-Math.PI, Math.PI);
    this.physics[1] = random.uniformIn(-1, 1);
  }

  protected advance(action: ArrayLike<number>): Outcome {
    const [angle, velocity] = this.physics;
    const torque = clip(action[0], -MAX_TORQUE, MAX_TORQUE);
    const cost = wrapAngle(angle) ** 2 + 0.1 * velocity ** 2 + 0.001 * torque ** 2;
    const acceleration =
      ((3 * GRAVITY) / (2 * LENGTH)) * Math.sin(angle) + (3 / (MASS * LENGTH ** 2)) * torque;
    const nextVelocity = clip(velocity + acceleration * TIME_STEP, -MAX_SPEED, MAX_SPEED);
    this.physics[0] = angle + nextVelocity * TIME_STEP;
    this.physics[1] = nextVelocity;
    return { reward: -cost, terminated: false };
  }

  protected observe(): Float32Array {
    const [angle, velocity] = this.physics;
    return Float32Array.of(Math.cos(angle), Math.sin(angle), velocity);
  }

  scene(): Scene {
    const pivot = [0, 0] as const;
    const end = tip(pivot, LENGTH, -this.physics[0]); // θ grows anticlockwise
    return {
      view: { left: -1.3, right: 1.3, bottom: -1.3, top: 1.3 },
      shapes: [line([pivot, end], 0.16, 'limb'), circle(pivot, 0.05, 'joint'), circle(end, 0.1, 'accent')],
    };
  }
}

/** The same angle in [−π, π). */
function wrapAngle(angle: number): number {
  const turn = 2 * Math.PI;
  const positive = (((angle + Math.PI) % turn) + turn) % turn;
  return positive - Math.PI;
}
