import type { PhiloxStream } from '../math/philox.ts';
import { EpisodicEnvironment, type Outcome } from './episodic.ts';
import { circle, line, rectangle, type Scene, tip } from './scene.ts';

const GRAVITY = 9.8; // m/s²
const CART_MASS = 1; // kg
const POLE_MASS = 0.1; // kg
const TOTAL_MASS = POLE_MASS + CART_MASS;
const POLE_HALF_LENGTH = 0.5; // m
const POLE_MASS_LENGTH = POLE_MASS * POLE_HALF_LENGTH;
const FORCE = 10; // N
const TIME_STEP = 0.02; // s
const MAX_POSITION = 2.4; // m
const MAX_ANGLE = (12 * 2 * Math.PI) / 360; // rad

/**
 * Balance a pole on a cart by pushing the cart left or right (CartPole-v1).
 *
 * | observation      | from   | to    | unit  |
 * | ---------------- | ------ | ----- | ----- |
 * | cart position    | −4.8   | 4.8   | m     |
 * | cart velocity    | −∞     | ∞     | m/s   |
 * | pole angle       | −0.419 | 0.419 | rad   |
 * | angular velocity | −∞     | ∞     | rad/s |
 *
 * | action | meaning                 |
 * | ------ | ----------------------- |
 * | 0      | push left with 10 N     |
 * | 1      | push right with 10 N    |
 *
 * Reward: 1 a step, the last one included. Terminates beyond ±2.4 m or ±12°; the limit is 500 steps of 0.02 s.
 *
 * Start: all four uniform in [−0.05, 0.05). Physics: the four observations in float64.
 *
 * @source Gymnasium 1.4.0, CartPole-v1; dynamics of Florian (2007), "Correct equations for the dynamics of the
 * cart-pole system", without friction, one explicit Euler step
 */
export class CartPole extends EpisodicEnvironment {
  readonly name = 'cartpole';
  readonly observationSpace = {
    kind: 'box',
    low: [-2 * MAX_POSITION, Number.NEGATIVE_INFINITY, -2 * MAX_ANGLE, Number.NEGATIVE_INFINITY],
    high: [2 * MAX_POSITION, Number.POSITIVE_INFINITY, 2 * MAX_ANGLE, Number.POSITIVE_INFINITY],
  } as const;
  readonly actionSpace = { kind: 'discrete', n: 2 } as const;
  readonly maxEpisodeSteps = 500;

  constructor() {
    super(4);
  }

  protected sampleStart(random: PhiloxStream): void {
    for (let i = 0; i < 4; i++) this.physics[i] = random.uniformIn(-0.05, 0.05);
  }

  protected advance(action: ArrayLike<number>): Outcome {
    const force = action[0] === 1 ? FORCE : -FORCE;
    let [position, velocity, angle, angularVelocity] = this.physics;
    const cos = Math.cos(angle);
    const sin = Math.sin(angle);
    const push = (force + POLE_MASS_LENGTH * angularVelocity ** 2 * sin) / TOTAL_MASS;
    const angularAcceleration =
      (GRAVITY * sin - cos * push) / (POLE_HALF_LENGTH * (4 / 3 - (POLE_MASS * cos ** 2) / TOTAL_MASS));
    const acceleration = push - (POLE_MASS_LENGTH * angularAcceleration * cos) / TOTAL_MASS;
    // Explicit Euler: positions move with the velocities from before the step.
    position += TIME_STEP * velocity;
    velocity += TIME_STEP * acceleration;
    angle += TIME_STEP * angularVelocity;
    angularVelocity += TIME_STEP * angularAcceleration;
    this.physics.set([position, velocity, angle, angularVelocity]);
    const terminated = Math.abs(position) > MAX_POSITION || Math.abs(angle) > MAX_ANGLE;
    return { reward: 1, terminated };
  }

  protected observe(): Float32Array {
    return Float32Array.from(this.physics);
  }

  scene(): Scene {
    const [position, , angle] = this.physics;
    const axle = [position, 0.15] as const;
    return {
      view: { left: -2.8, right: 2.8, bottom: -0.5, top: 1.6 },
      shapes: [
        line(
          [
            [-MAX_POSITION, 0],
            [MAX_POSITION, 0],
          ],
          0.03,
          'ground',
        ),
        rectangle([position, 0.08], 0.6, 0.3, 'body'),
        line([axle, tip(axle, 2 * POLE_HALF_LENGTH, angle)], 0.1, 'limb'),
        circle(axle, 0.05, 'joint'),
      ],
    };
  }
}
