// The learner's own recorded update against the first step of the reference's SAC. Later steps part from it on
// purpose: the library's policy loss is in nats, so Adam sees gradients divided by a temperature that moves.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { tanhGaussian } from '../../src/distributions/gaussian.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import type { TransitionBatch } from '../../src/rl/replay.ts';
import {
  clockState,
  div,
  exp,
  mul,
  neg,
  read,
  reshape,
  type State,
  slice,
  sqrt,
  square,
  stack,
  sub,
  sum,
} from '../../src/tape/index.ts';
import { compare } from '../../src/verify/compare.ts';
import { readFolder } from '../../src/verify/folder.ts';
import type { Expectation, GoldenCase, Precision } from '../../src/verify/format.ts';
import { Setting, single } from '../../src/verify/setting.ts';

const { cases } = (await readFolder('test/golden')).find(({ name }) => name === 'trajectory') ?? {
  cases: [],
};

const twins = ['q1.', 'q2.'];
/** Adam's default decay: after one step its first moment is the gradient times 1 − β₁. */
const complement = 1 - 0.9;

function record(c: Setting): void {
  const widths = [0, 1].map((layer) => c.array(`pi.b${layer}`).shape[0]);
  const learner = new ActorCritic({
    observations: c.array('S').shape[2],
    actions: { kind: 'box', size: c.array('A').shape[2] },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: tanhGaussian,
    familyOptions: { logStd: [c.number('log_std_min'), c.number('log_std_max')] },
    hidden: widths,
    activation: c.activation(),
    discount: c.number('gamma'),
    tau: c.number('tau'),
    learningRates: {
      policy: c.number('lr_actor'),
      critics: c.number('lr_critic'),
      temperature: c.number('lr_alpha'),
    },
    temperature: c.param('auto_alpha').flag() ? 'auto' : 1,
    targetEntropy: c.number('target_entropy'),
  });
  for (const state of learner.states) c.own(state);
  c.own(learner.policy.parameters, c.gather(learner.policy, ['pi.']));
  c.own(learner.critics.parameters, c.gather(learner.critics, twins));
  c.own(learner.targetCritics.parameters, c.gather(learner.critics, twins));
  c.own(learner.logTemperature, c.array('log_alpha').values);

  const [rewards, terminated] = [c.stepInput('rew'), c.stepInput('done')];
  const batch: TransitionBatch = {
    rows: stack([rewards, terminated], 1),
    rewardColumn: 0,
    terminatedColumn: 1,
    states: c.stepInput('S'),
    actions: c.stepInput('A'),
    rewards,
    terminated,
    nextStates: c.stepInput('S2'),
  };
  const logTemperature = read(learner.logTemperature);
  const noise = { next: single(c.stepInput('eps_next')), policy: single(c.stepInput('eps')) };
  const { criticLoss, policyLoss, entropy, temperature } = learner.recordUpdate(batch, noise);
  c.emit('critic_loss', criticLoss, 'first');
  c.emit('actor_loss', mul(temperature, policyLoss), 'first');
  c.emit('mean_log_pi', neg(entropy), 'first');
  c.emit('alpha_loss', mul(logTemperature, sub(entropy, learner.targetEntropy)), 'first');
  c.emit('alpha_after', exp(read(learner.logTemperature)), 'first');
  const moment = ({ name, shape, size }: State) => {
    const moments = learner.states.find((state) => state.name === `${name}.moments`) as State;
    return reshape(slice(read(moments), [0, 0], [1, size]), shape);
  };
  const ofCritics = div(moment(learner.critics.parameters), complement);
  c.emitArrays(['step1.grad.q1.', 'step1.grad.q2.'], learner.critics, ofCritics, 'first');
  const ofPolicy = mul(temperature, div(moment(learner.policy.parameters), complement));
  c.emitArrays(['step1.grad.pi.'], learner.policy, ofPolicy, 'first');
  for (const [prefix, network] of [
    ['q', learner.critics],
    ['qt', learner.targetCritics],
  ] as const) {
    const norms = sqrt(sum(square(read(network.parameters)), 1));
    for (const i of [0, 1])
      c.emit(`norm.${prefix}${i + 1}`, reshape(slice(norms, [i], [i + 1]), []), 'first');
  }
}

/** An expectation for every step, cut to the first. */
function firstStep(key: string, expected: Expectation): Expectation {
  if (key.startsWith('step1.') || expected.kind !== 'close') return expected;
  return { ...expected, shape: [], values: expected.values.slice(0, 1) };
}

for (const golden of cases) {
  for (const precision of ['f32', 'f64'] as const) {
    test(`${golden.name}: the learner's first update, ${precision}`, () => firstUpdate(golden, precision));
  }
}

async function firstUpdate(golden: GoldenCase, precision: Precision): Promise<void> {
  const device = new Device(createCpuBackend({ precision }));
  let setting: Setting | undefined;
  const update = await device.compile(
    (recorder) => {
      setting = new Setting(golden, recorder);
      record(setting);
      return setting.results();
    },
    { clock: clockState(0) },
  );
  const results = await (setting as unknown as Setting).run(update, device);
  // Losses, temperature and norms, and the gradients of three networks of three layers.
  assert.is(results.size, 5 + 4 + 18);
  for (const [key, { values }] of results) {
    const expected = firstStep(key, golden.expect.get(key) as Expectation);
    const { factor, detail } = compare(values, expected, precision);
    assert.ok(factor <= 1, `${key}: ${factor} of the tolerance, ${detail}`);
  }
  await device.dispose();
}

test.run();
