import { clip, EpisodicEnvironment, type Outcome } from './episodic.ts';
import { circle, curve, line, type Scene } from './scene.ts';

/** The bumps of exp(reward): weight, centre and standard deviation. */
export const bimodalModes = [
  { weight: 0.7, centre: -0.5, deviation: 0.1 },
  { weight: 0.3, centre: 0.5, deviation: 0.1 },
] as const;

/**
 * log Σ weight · N(a; centre, deviation), a in [−1, 1]: at temperature 1 the Boltzmann target is the mixture itself,
 * cut to the box.
 */
export function bimodalReward(action: number): number {
  const logs = bimodalModes.map(
    ({ weight, centre, deviation }) =>
      Math.log(weight / (deviation * Math.sqrt(2 * Math.PI))) - 0.5 * ((action - centre) / deviation) ** 2,
  );
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((total, value) => total + Math.exp(value - most), 0));
}

/**
 * One action, one reward, over: a reward with two bumps of unequal weight, so that a policy with one bump must choose
 * between covering both (forward KL) and taking one (reverse KL).
 *
 * | observation | value |
 * | ----------- | ----- |
 * | constant    | 1     |
 *
 * | action | from | to | unit              |
 * | ------ | ---- | -- | ----------------- |
 * | a      | −1   | 1  | clipped to bounds |
 *
 * Reward: log(0.7 N(a; −0.5, 0.1) + 0.3 N(a; 0.5, 0.1)), in nats: between −12.4 and 1.1. Every step terminates, and
 * is also the time limit of 1 step.
 *
 * Start: always the same. Physics: [the last action], 0 before the first.
 */
export class BimodalBandit extends EpisodicEnvironment {
  readonly name = 'bimodal-bandit';
  readonly observationSpace = { kind: 'box', low: [1], high: [1] } as const;
  readonly actionSpace = { kind: 'box', low: [-1], high: [1] } as const;
  readonly maxEpisodeSteps = 1;

  constructor() {
    super(1);
  }

  protected sampleStart(): void {
    this.physics[0] = 0;
  }

  protected advance(action: ArrayLike<number>): Outcome {
    this.physics[0] = clip(action[0], -1, 1);
    return { reward: bimodalReward(this.physics[0]), terminated: true };
  }

  protected observe(): Float32Array {
    return Float32Array.of(1);
  }

  /** The target's density over the action, and the last action on it. */
  scene(): Scene {
    const density = (action: number) => Math.exp(bimodalReward(action));
    const [action] = this.physics;
    return {
      view: { left: -1.2, right: 1.2, bottom: -0.3, top: 3.2 },
      shapes: [
        line(
          [
            [-1, 0],
            [1, 0],
          ],
          0.02,
          'ground',
        ),
        curve(density, [-1, 1], { width: 0.03, tone: 'limb', count: 120 }),
        line(
          [
            [action, 0],
            [action, density(action)],
          ],
          0.02,
          'accent',
        ),
        circle([action, density(action)], 0.06, 'accent'),
      ],
    };
  }
}
