import type { PhiloxStream } from '../math/philox.ts';
import { clip, EpisodicEnvironment, type Outcome } from './episodic.ts';
import { mountainScene } from './mountain-scene.ts';
import type { Scene } from './scene.ts';

const MIN_POSITION = -1.2;
const MAX_POSITION = 0.6;
const MAX_SPEED = 0.07;
const GOAL_POSITION = 0.45;
const POWER = 0.0015;
const GRAVITY = 0.0025;

/**
 * Drive an underpowered car out of a valley; leaving it takes a swing back first (MountainCarContinuous-v0).
 * Lengths and times have no physical unit: the valley is the curve sin 3x, and one step is one unit of time.
 *
 * | observation | from  | to   | unit            |
 * | ----------- | ----- | ---- | --------------- |
 * | position    | −1.2  | 0.6  | length          |
 * | velocity    | −0.07 | 0.07 | length per step |
 *
 * | action | from | to | unit                                 |
 * | ------ | ---- | -- | ------------------------------------ |
 * | force  | −1   | 1  | share of full power, clipped to bounds |
 *
 * Reward: −0.1 action² of the action as given (before it is clipped), plus 100 on the step that terminates.
 * Terminates at position ≥ 0.45 with velocity ≥ 0; the limit is 999 steps.
 *
 * Start: position uniform in [−0.6, −0.4), velocity 0. Physics: [position, velocity], rounded to float32
 * after every step, as the original keeps them.
 *
 * @source Gymnasium 1.4.0, MountainCarContinuous-v0
 */
export class MountainCarContinuous extends EpisodicEnvironment {
  readonly name = 'mountain-car-continuous';
  readonly observationSpace = {
    kind: 'box',
    low: [MIN_POSITION, -MAX_SPEED],
    high: [MAX_POSITION, MAX_SPEED],
  } as const;
  readonly actionSpace = { kind: 'box', low: [-1], high: [1] } as const;
  readonly maxEpisodeSteps = 999;

  constructor() {
    super(2);
  }

  protected sampleStart(random: PhiloxStream): void {
    this.physics[0] = random.uniformIn(-0.6, -0.4);
    this.physics[1] = 0;
  }

  protected advance(action: ArrayLike<number>): Outcome {
    const force = clip(action[0], -1, 1);
    let [position, velocity] = this.physics;
    velocity = clip(velocity + force * POWER - GRAVITY * Math.cos(3 * position), -MAX_SPEED, MAX_SPEED);
    position = clip(position + velocity, MIN_POSITION, MAX_POSITION);
    if (position === MIN_POSITION && velocity < 0) velocity = 0;
    const terminated = position >= GOAL_POSITION && velocity >= 0;
    this.physics[0] = Math.fround(position);
    this.physics[1] = Math.fround(velocity);
    return { reward: (terminated ? 100 : 0) - 0.1 * action[0] ** 2, terminated };
  }

  protected observe(): Float32Array {
    return Float32Array.from(this.physics);
  }

  scene(): Scene {
    return mountainScene(this.physics[0], GOAL_POSITION);
  }
}
