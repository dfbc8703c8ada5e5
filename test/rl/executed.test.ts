// What critics learn from is what the environment was given, whatever the policy's family.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import type { Space } from '../../src/envs/environment.ts';
import { EpisodicEnvironment, type Outcome } from '../../src/envs/episodic.ts';
import { actionMap } from '../../src/rl/actions.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { train } from '../../src/rl/train.ts';
import { constant, literal } from '../../src/tape/index.ts';
import { exactDevice } from '../helpers/devices.ts';

/** One step: of two choices the second is worth 1 and the first 0; in a box, half of 1 + a. */
class Bandit extends EpisodicEnvironment {
  readonly name = 'bandit';
  readonly observationSpace = { kind: 'box', low: [1], high: [1] } as const;
  readonly maxEpisodeSteps = 1;
  readonly given: number[] = [];

  constructor(readonly actionSpace: Space) {
    super(1);
  }

  protected sampleStart(): void {}

  protected advance([action]: number[]): Outcome {
    this.given.push(action);
    return { reward: this.actionSpace.kind === 'box' ? (1 + action) / 2 : action, terminated: true };
  }

  protected observe(): Float32Array {
    return Float32Array.of(1);
  }
}

async function play(distribution: string, steps: number) {
  const family = distributionFamily(distribution);
  const space: Space =
    family.capabilities.actionKind === 'box'
      ? { kind: 'box', low: [-1], high: [1] }
      : { kind: 'discrete', n: 2 };
  const estimator = family.capabilities.density ? 'reverse-kl/score' : 'dpg/pathwise';
  const learner = new ActorCritic({
    ...{ observations: 1, actions: actionMap(space).kind, family, hidden: [8], seed: 1 },
    ...{ estimator: chooseEstimator(estimator), learningRate: 0.02, temperature: 0.3 },
    // Wide, so that an unbounded policy leaves the box.
    ...{ samples: 2, familyOptions: { logStd: [-0.5, 0] as const } },
  });
  const made: Bandit[] = [];
  const saved: Checkpoint[] = [];
  const device = exactDevice();
  await train(device, {
    makeEnvironment: () => {
      const bandit = new Bandit(space);
      made.push(bandit);
      return bandit;
    },
    learner,
    ...{ steps, warmup: 4, batch: 16, evaluateEvery: steps, evaluationEpisodes: 1 },
    checkpoint: { every: steps, save: (checkpoint) => void saved.push(checkpoint) },
  });
  const asked = await device.compile(() => {
    const at = (action: readonly number[]) =>
      learner.criticsAt(learner.critics, literal([1], [1, 1]), literal([...action], [1, 1, action.length]));
    return space.kind === 'box'
      ? { low: at([-1]), high: at([1]), nothing: constant(0) }
      : { low: at([1, 0]), high: at([0, 1]), nothing: constant(0) };
  });
  asked.run();
  const critics = { low: await asked.read('low'), high: await asked.read('high') };
  await device.dispose();
  const { rows } = saved[0].replay;
  const size = learner.options.actions.size;
  const width = 2 * 1 + size + 2 + learner.policyLearner.behaviourParameters;
  const stored = Array.from({ length: steps }, (_, i) =>
    Array.from(rows.subarray(i * width + 1, i * width + 1 + size)),
  );
  return { stored, given: made[0].given, critics };
}

for (const family of distributionFamilies) {
  test(`${family.name}: stored is what was executed`, async () => {
    const { stored, given } = await play(family.name, 40);
    if (family.capabilities.actionKind === 'box') {
      assert.equal(stored.flat(), given);
      assert.ok(stored.flat().every((action) => Math.abs(action) <= 1));
      // Of an unbounded family some were clipped, else this shows nothing.
      if (!family.capabilities.bounded) assert.ok(stored.flat().some((action) => Math.abs(action) === 1));
    } else {
      assert.equal(
        stored,
        given.map((choice) => [0, 1].map((i) => Number(i === choice))),
      );
      assert.is(new Set(given).size, 2);
    }
  });
}

for (const distribution of ['relaxed-categorical', 'categorical', 'gaussian', 'student-t']) {
  test(`${distribution}: critics of rewards 0 and 1 are 0 and 1`, async () => {
    const { critics } = await play(distribution, 400);
    for (const [seen, wanted] of [
      [critics.low, 0],
      [critics.high, 1],
    ] as const)
      for (const value of seen) assert.ok(Math.abs(value - wanted) < 0.05, `${value} is ${wanted}`);
  });
}

test.run();
