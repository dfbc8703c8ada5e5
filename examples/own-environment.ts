// Trains a policy in an environment of your own: a cart on a line that has to stop at the origin.
import {
  ActorCritic,
  chooseEstimator,
  distributionFamily,
  EpisodicEnvironment,
  open,
  type PhiloxStream,
  train,
} from 'divergrad';

/** A cart of 1 kg. State: position in m, velocity in m/s. Action: a force from −2 to 2 N, for 0.1 s. */
class Parking extends EpisodicEnvironment {
  readonly name = 'parking';
  readonly observationSpace = { kind: 'box', low: [-5, -5], high: [5, 5] } as const;
  readonly actionSpace = { kind: 'box', low: [-2], high: [2] } as const;
  readonly maxEpisodeSteps = 40;

  constructor() {
    super(2); // numbers in `physics`
  }

  protected sampleStart(random: PhiloxStream) {
    this.physics.set([random.uniformIn(-1, 1), 0]);
  }

  protected advance(action: ArrayLike<number>) {
    const [position, velocity] = this.physics;
    const force = Math.min(2, Math.max(-2, action[0]));
    const faster = velocity + 0.1 * force;
    const clip = (x: number) => Math.min(5, Math.max(-5, x));
    this.physics.set([clip(position + 0.1 * faster), clip(faster)]);
    return { reward: -(position ** 2) - 0.1 * velocity ** 2 - 0.01 * force ** 2, terminated: false };
  }

  protected observe() {
    return Float32Array.from(this.physics);
  }
}

// #region train
const device = await open({ backend: 'wasm' });
const learner = new ActorCritic({
  observations: 2,
  actions: { kind: 'box', size: 1 },
  estimator: chooseEstimator('reverse-kl/pathwise'),
  family: distributionFamily('tanh-gaussian'),
  hidden: [32, 32],
  learningRate: 3e-3,
  discount: 0.95,
});
const evaluations = await train(device, {
  makeEnvironment: () => new Parking(),
  learner,
  steps: 1500,
  warmup: 300,
  evaluateEvery: 300,
  batch: 32,
});
for (const { step, meanReturn } of evaluations)
  console.log(`step ${step}: mean return ${meanReturn.toFixed(2)}`);
await device.dispose();
// #endregion train

// A cart that is left alone returns −40 E[x²] = −13.3 on average.
const last = evaluations.at(-1)?.meanReturn ?? Number.NaN;
if (!(last > -8)) throw new Error(`The policy returns ${last}; it has not learned to park.`);
