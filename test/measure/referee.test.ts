// Nothing is timed before it agrees with the reference.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import type { EstimatorChoice } from '../../src/divergences/estimator.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { agreementLine, isWrong } from '../../src/measure/agreement.ts';
import { compilePolicyUpdate, costChoices, costSettings, release } from '../../src/measure/cost.ts';
import { Referee } from '../../src/measure/referee.ts';
import { open } from '../../src/open/open.ts';
import { add, mul, stopGradient } from '../../src/tape/index.ts';

const settings = costSettings({ batch: 5, hidden: [4], rounds: 1, minimumMs: 0 });

test('what is right is near the reference, whichever it is', async () => {
  const device = await open({ backend: 'wasm' });
  const cpu = new Device(createCpuBackend());
  for (const [on, mostFlops, name] of [
    [device, undefined, 'the cpu in float64'],
    [cpu, 0, 'wasm'],
    [device, 0, 'the cpu in float64'],
  ] as const) {
    const referee = new Referee(on, mostFlops);
    const compile = (where: Device) =>
      compilePolicyUpdate(where, chooseEstimator('reverse-kl/pathwise'), settings);
    const update = await compile(on);
    const agreement = await referee.judge(update, compile);
    assert.not.ok(isWrong(agreement));
    assert.ok((agreement.factor ?? 1) < 0.1, agreementLine(agreement));
    assert.is(agreement.reference, name);
    release(on, update);
    await referee.dispose();
  }
  await device.dispose();
});

/** How far the first update of an estimator is off where its loss, and only that, is `relative` too large. */
async function judged(device: Device, choice: EstimatorChoice, relative: number) {
  const referee = new Referee(device);
  const planted: EstimatorChoice = {
    ...choice,
    loss: (input) => {
      const result = choice.loss(input);
      return { ...result, loss: add(result.loss, mul(relative, stopGradient(result.loss))) };
    },
  };
  const update = await compilePolicyUpdate(device, planted, settings);
  const agreement = await referee.judge(update, (on) => compilePolicyUpdate(on, choice, settings));
  release(device, update);
  return agreement;
}

test('a loss is checked by its own size: 1 % too much is seen in every estimator, also where the policy is beside a reference', async () => {
  const device = new Device(createCpuBackend());
  const { choices } = costChoices(distributionFamily('tanh-gaussian'), 1, 'all');
  for (const choice of [
    ...choices.filter(({ estimator }) => estimator.quality !== 'exact'),
    chooseEstimator('reverse-kl/pathwise+kl-penalty/k3@0.1'),
  ]) {
    const right = await judged(device, choice, 0);
    assert.not.ok(isWrong(right), `${choice.name}: ${agreementLine(right)}`);
    const wrong = await judged(device, choice, 0.01);
    assert.ok(isWrong(wrong), `${choice.name}: ${agreementLine(wrong)}`);
    assert.is(wrong.where, 'loss', choice.name);
  }
});

test.run();
