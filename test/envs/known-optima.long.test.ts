// Training against what it should find: tasks whose optimal policies are known without any learning.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { BimodalBandit, bimodalModes, bimodalReward } from '../../src/envs/bimodal-bandit.ts';
import type { Environment } from '../../src/envs/environment.ts';
import { dampedMass, LinearQuadratic } from '../../src/envs/linear-quadratic.ts';
import { softOptimalLinearQuadratic } from '../../src/envs/linear-quadratic-optimum.ts';
import { gaussLegendre } from '../../src/math/quadrature.ts';
import { ActorCritic, type ActorCriticOptions } from '../../src/rl/actor-critic.ts';
import { train } from '../../src/rl/train.ts';
import type { TrainOptions } from '../../src/rl/train-options.ts';

const near = (actual: number, expected: number, relative: number, what: string) =>
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.abs(expected),
    `${what}: ${actual.toFixed(3)}, expected ${expected.toFixed(3)}`,
  );
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Trains, and reads mean and log-std of the policy at given states after each evaluation, [evaluations][2·states]. */
async function learn(
  makeEnvironment: () => Environment,
  states: readonly (readonly number[])[],
  learnerOptions: Omit<ActorCriticOptions, 'actions' | 'observations'>,
  trainOptions: Omit<TrainOptions, 'learner' | 'makeEnvironment'>,
): Promise<number[][]> {
  const learner = new ActorCritic({
    observations: states[0].length,
    actions: { kind: 'box', size: 1 },
    hidden: [64, 64],
    activation: 'tanh',
    learningRate: 3e-3,
    tau: 0.02,
    ...learnerOptions,
  });
  const device = new Device(await openWasm());
  const heads: number[][] = [];
  try {
    const look = await device.compile(({ input }) => ({
      head: learner.policy(input('states', [states.length, states[0].length])),
    }));
    await train(device, {
      makeEnvironment,
      learner,
      evaluationEpisodes: 1,
      ...trainOptions,
      onEvaluation: async () => {
        look.write({ states: states.flat() });
        look.run();
        heads.push(Array.from(await look.read('head')));
      },
    });
  } finally {
    await device.dispose();
  }
  return heads;
}

test('reverse KL finds gain and standard deviation of the linear-quadratic optimum, at two temperatures', async () => {
  const discount = 0.9;
  const maxAction = 3;
  const side = [-0.5, -0.25, 0, 0.25, 0.5];
  const states = side.flatMap((x) => side.map((v) => [x, v]));
  for (const temperature of [0.1, 0.025]) {
    const heads = await learn(
      // Many starts, which show more of the state space than long episodes near the origin.
      () => new LinearQuadratic({ maxAction, maxStart: 1, maxEpisodeSteps: 20 }),
      states,
      {
        estimator: chooseEstimator('reverse-kl/pathwise'),
        family: distributionFamily('gaussian'),
        discount,
        temperature,
      },
      { steps: 4000, warmup: 300, capacity: 1000, evaluateEvery: 100 },
    );
    // The small buffer forgets the clipped actions of the first, wide policy. Averages over the second half: one update moves the policy by more than the average is off.
    const late = heads.slice(heads.length / 2);
    const gains = [0, 1].map((coordinate) =>
      mean(
        late.map((head) => {
          const slope = states.reduce(
            (sum, state, i) => sum - maxAction * head[2 * i] * state[coordinate],
            0,
          );
          return slope / states.reduce((sum, state) => sum + state[coordinate] ** 2, 0);
        }),
      ),
    );
    const deviation = mean(
      late.map((head) => mean(states.map((_, i) => maxAction * Math.exp(head[2 * i + 1])))),
    );
    const optimum = softOptimalLinearQuadratic(dampedMass, { discount, temperature });
    near(gains[0], optimum.gain[0][0], 0.2, `gain of the position at temperature ${temperature}`);
    near(gains[1], optimum.gain[0][1], 0.2, `gain of the velocity at temperature ${temperature}`);
    near(
      deviation,
      Math.sqrt(optimum.covariance[0][0]),
      0.12,
      `standard deviation at temperature ${temperature}`,
    );
  }
});

const { nodes, weights } = gaussLegendre(400, -1, 1);

/** Divergences of a tanh-Gaussian from the bandit's Boltzmann target, and what it does, by quadrature. */
function describe(location: number, scale: number) {
  const unnormalised = nodes.map((a) => Math.exp(bimodalReward(a)));
  const volume = nodes.reduce((sum, _, i) => sum + weights[i] * unnormalised[i], 0);
  const sums = { reverse: 0, forward: 0, mean: 0, square: 0, second: 0 };
  nodes.forEach((a, i) => {
    const target = unnormalised[i] / volume;
    const logPolicy =
      -0.5 * ((Math.atanh(a) - location) / scale) ** 2 -
      Math.log(scale * Math.sqrt(2 * Math.PI)) -
      Math.log1p(-a * a);
    const policy = Math.exp(logPolicy);
    if (policy > 0) sums.reverse += weights[i] * policy * (logPolicy - Math.log(target));
    sums.forward += weights[i] * target * (Math.log(target) - logPolicy);
    sums.mean += weights[i] * policy * a;
    sums.square += weights[i] * policy * a * a;
    if (a > 0) sums.second += weights[i] * policy;
  });
  return { ...sums, deviation: Math.sqrt(sums.square - sums.mean ** 2) };
}

/** The tanh-Gaussian nearest to the target, on a grid. */
function nearest(kind: 'reverse' | 'forward') {
  let best = describe(0, 1);
  for (let location = -0.8; location <= 0.8; location += 0.05)
    for (let scale = 0.12; scale <= 1; scale += 0.04) {
      const candidate = describe(location, scale);
      if (candidate[kind] < best[kind]) best = candidate;
    }
  return best;
}

test('on the bimodal bandit forward KL covers both modes and reverse KL takes the heavier one', async () => {
  const trained = async (name: string) => {
    const heads = await learn(
      () => new BimodalBandit(),
      [[1]],
      {
        estimator: chooseEstimator(name),
        family: distributionFamily('tanh-gaussian'),
        samples: 8,
        temperature: 1,
        learningRate: 2e-3,
      },
      { steps: 3000, warmup: 500, evaluateEvery: 100 },
    );
    const late = heads.slice(-5);
    return describe(mean(late.map(([location]) => location)), Math.exp(mean(late.map(([, log]) => log))));
  };
  const [reverse, forward] = [await trained('reverse-kl/pathwise'), await trained('forward-kl/snis:uniform')];
  const [best, covering] = [nearest('reverse'), nearest('forward')];
  // The quadratures themselves: one mode and its width, or the moments of the mixture.
  const [heavier, lighter] = bimodalModes;
  near(best.mean, heavier.centre, 0.05, 'mean of the best of reverse KL');
  near(best.deviation, heavier.deviation, 0.15, 'its deviation');
  near(covering.second, lighter.weight, 0.2, 'mass that the best of forward KL gives the lighter mode');

  near(reverse.deviation, best.deviation, 0.2, 'deviation under reverse KL');
  near(forward.deviation, covering.deviation, 0.1, 'deviation under forward KL');
  assert.ok(reverse.second < 0.02, `reverse KL leaves ${reverse.second} at the lighter mode`);
  near(forward.second, covering.second, 0.2, 'mass of the lighter mode under forward KL');
  assert.ok(reverse.reverse < best.reverse + 0.1, `reverse KL ${reverse.reverse} of ${best.reverse}`);
  assert.ok(
    forward.forward < covering.forward + 0.05,
    `forward KL ${forward.forward} of ${covering.forward}`,
  );
  // Each is better by its own measure than the other.
  assert.ok(reverse.reverse + 0.1 < forward.reverse && forward.forward + 1 < reverse.forward);
});

test.run();
