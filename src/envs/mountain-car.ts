import type { PhiloxStream } from '../math/philox.ts';
import { clip, EpisodicEnvironment, type Outcome } from './episodic.ts';
import { mountainScene } from './mountain-scene.ts';
import type { Scene } from './scene.ts';

const MIN_POSITION = -1.2;
const MAX_POSITION = 0.6;
const MAX_SPEED = 0.07;
const GOAL_POSITION = 0.5;
const FORCE = 0.001;
const GRAVITY = 0.0025;

/**
 * Drive an underpowered car out of a valley with three choices of force (MountainCar-v0). Lengths and times
 * have no physical unit: the valley is the curve sin 3x, and one step is one unit of time.
 *
 * | observation | from  | to   | unit            |
 * | ----------- | ----- | ---- | --------------- |
 * | position    | −1.2  | 0.6  | length          |
 * | velocity    | −0.07 | 0.07 | length per step |
 *
 * | action | meaning          |
 * | ------ | ---------------- |
 * | 0      | accelerate left  |
 * | 1      | coast            |
 * | 2      | accelerate right |
 *
 * Reward: −1 a step, the last one included. Terminates at position ≥ 0.5 with velocity ≥ 0; the limit is 200
 * steps.
 *
 * Start: position uniform in [−0.6, −0.4), velocity 0. Physics: [position, velocity].
 *
 * @source Gymnasium 1.4.0, MountainCar-v0
 */
export class MountainCar extends EpisodicEnvironment {
  readonly name = 'mountain-car';
  readonly observationSpace = {
    kind: 'box',
    low: [MIN_POSITION, -MAX_SPEED],
    high: [MAX_POSITION, MAX_SPEED],
  } as const;
  readonly actionSpace = { kind: 'discrete', n: 3 } as const;
  readonly maxEpisodeSteps = 200;

  constructor() {
    super(2);
  }

  protected sampleStart(random: PhiloxStream): void {
    this.physics[0] = random.uniformIn(-0.6, -0.4);
    this.physics[1] = 0;
  }

  protected advance(action: ArrayLike<number>): Outcome {
    let [position, velocity] = this.physics;
    velocity += (action[0] - 1) * FORCE - GRAVITY * Math.cos(3 * position);
    velocity = clip(velocity, -MAX_SPEED, MAX_SPEED);
    position = clip(position + velocity, MIN_POSITION, MAX_POSITION);
    if (position === MIN_POSITION && velocity < 0) velocity = 0;
    this.physics[0] = position;
    this.physics[1] = velocity;
    return { reward: -1, terminated: position >= GOAL_POSITION && velocity >= 0 };
  }

  protected observe(): Float32Array {
    return Float32Array.from(this.physics);
  }

  scene(): Scene {
    return mountainScene(this.physics[0], GOAL_POSITION);
  }
}
