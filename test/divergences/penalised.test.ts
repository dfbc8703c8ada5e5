// A policy's loss with a penalty: its name, and its gradient as the sum of its parts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { UsageError } from '../../src/errors.ts';
import type { ActionKind } from '../../src/rl/actions.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { grad, mul, neg, reshape, square, sub, sum, type Tensor } from '../../src/tape/index.ts';
import { exactDevice } from '../helpers/devices.ts';

test('names: the parts, and the coefficient that is not said', () => {
  for (const [text, name] of [
    ['reverse-kl/pathwise+kl-penalty/k3', 'reverse-kl/pathwise+kl-penalty/k3:on-policy@0.1'],
    ['reverse-kl/score+kl-penalty/k2:off-policy@2', 'reverse-kl/score:loo+kl-penalty/k2:off-policy@2'],
    ['mpo/coupled+kl-penalty/k1-iw@1e-3', 'mpo/coupled+kl-penalty/k1-iw@0.001'],
  ]) {
    assert.is(chooseEstimator(text).name, name);
    assert.is(chooseEstimator(name).name, name);
  }
  for (const [text, message] of [
    ['kl-penalty/k3+kl-penalty/k2', /'kl-penalty\/k3:on-policy' is a penalty\. Penalties: kl-penalty\/k1,/],
    ['dpg/pathwise+reverse-kl/exact', /'reverse-kl\/exact' is no penalty/],
    [
      'dpg/pathwise+kl-penalty/k1',
      /'kl-penalty\/k1:on-policy' has a gradient of mean 0: .* noise.*'kl-penalty\/k3'/,
    ],
    ['dpg/pathwise+kl-penalty/k3@0', /coefficient must be a finite number above 0; got '0'/],
    ['dpg/pathwise+kl-penalty/k3@', /coefficient must be a finite number above 0; got ''/],
    ['dpg/pathwise+kl-penalty/k3@-1', /got '-1'/],
    ['dpg/pathwise+kl-penalty/k3@x', /got 'x'/],
    ['dpg/pathwise+kl-penalty/k3+kl-penalty/k2', /is not a loss with a penalty\. Write it as/],
    ['dpg/pathwise+', /Unknown estimator ''/],
    ['dpg/pathwise+kl-penalty/k4', /Unknown estimator 'kl-penalty\/k4'/],
  ] as const)
    assert.throws(
      () => chooseEstimator(text),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
      text,
    );
});

test('what it asks for is what both do', () => {
  const { needs, estimator } = chooseEstimator('reverse-kl/pathwise+kl-penalty/k3-iw@0.5');
  assert.equal([...needs].sort(), ['behaviour', 'criticGradient', 'logProb', 'reference', 'rsample']);
  assert.is(estimator.defaultSamples, 1);
  assert.ok(chooseEstimator('mpo/coupled+kl-penalty/k3').estimator.duals);
});

/** Mean gradient with respect to the mean and the log-std of a Gaussian whose reference and target are Gaussians too. */
async function meanGradient(name: string): Promise<number[]> {
  const [batch, samples] = [16, 4096];
  const gaussian = distributionFamily('gaussian');
  const device = exactDevice();
  const update = await device.compile(
    ({ input }) => {
      const head = input('head', [batch, 2]);
      const critics = (actions: Tensor) =>
        reshape(neg(sum(square(sub(actions, 0.5)), -1)), [1, samples, batch]);
      const result = chooseEstimator(name).loss({
        policy: gaussian.make(head, 1),
        reference: gaussian.make(input('reference', [batch, 2]), 1),
        target: boltzmann(critics, { temperature: 1 }),
        samples,
      });
      return { gradient: sum(mul(1, grad(result.loss, [head])[0]), 0) };
    },
    { seed: 3 },
  );
  const all = (mean: number, logStd: number) =>
    Float64Array.from({ length: 2 * batch }, (_, i) => (i % 2 ? logStd : mean));
  update.write({ head: all(0.2, -0.3), reference: all(-0.4, -0.1) });
  update.run();
  const gradient = Array.from(await update.read('gradient'));
  await device.dispose();
  return gradient;
}

test('its gradient is that of the loss, and the coefficient times that of the penalty', async () => {
  // π = N(m, s²), Q = −(a − ½)², temperature 1: KL(π ‖ p) = −log s + (m − ½)² + s² up to a constant.
  const [m, l, c] = [0.2, -0.3, 0.7];
  const [mr, lr] = [-0.4, -0.1];
  const reverse = [2 * (m - 0.5), -1 + 2 * Math.exp(2 * l)];
  // k2 on-policy follows KL(π ‖ ref) = lr − l + (s² + (m − mr)²)/(2 sr²) − ½.
  const penalty = [(m - mr) * Math.exp(-2 * lr), -1 + Math.exp(2 * (l - lr))];
  const seen = await meanGradient(`reverse-kl/pathwise+kl-penalty/k2@${c}`);
  for (const i of [0, 1]) {
    const wanted = reverse[i] + c * penalty[i];
    assert.ok(Math.abs(seen[i] - wanted) < 0.02, `${seen[i]} is ${wanted}; alone ${reverse[i]}`);
  }
});

test('a penalty alone is refused where a policy is trained, with what to write', () => {
  for (const [penalty, distribution, wanted] of [
    ['kl-penalty/k3', 'tanh-gaussian', "'reverse-kl/pathwise+kl-penalty/k3:on-policy@0.1'"],
    ['kl-penalty/k1', 'tanh-gaussian', "'reverse-kl/pathwise+kl-penalty/k1-iw@0.1'"],
    ['kl-penalty/k1:off-policy', 'beta', "'reverse-kl/pathwise+kl-penalty/k1:off-policy@0.1'"],
    ['kl-penalty/k1-iw', 'categorical', "'reverse-kl/score+kl-penalty/k1-iw@0.1'"],
    ['kl-penalty/k2:off-policy', 'gaussian-mixture', "'reverse-kl/score+kl-penalty/k2:off-policy@0.1'"],
  ]) {
    const family = distributionFamily(distribution);
    const actions = { kind: family.capabilities.actionKind, size: 2 } as ActionKind;
    const make = (name: string) =>
      new ActorCritic({ observations: 2, actions, estimator: chooseEstimator(name), family, hidden: [4] });
    let message = '';
    try {
      make(penalty);
    } catch (error) {
      assert.instance(error, UsageError);
      ({ message } = error as Error);
    }
    assert.match(message, /never reads the critics/);
    assert.ok(message.includes(wanted), message);
    // And what it says works.
    const learner = make(wanted.slice(1, -1));
    assert.ok(learner.policyLearner.reference);
  }
});

test.run();
