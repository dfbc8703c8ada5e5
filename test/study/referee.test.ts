// Nothing is timed before it agrees with the reference.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { open } from '../../src/backend/select.ts';
import { Device } from '../../src/device.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { compilePolicyUpdate, costSettings, release } from '../../src/study/cost.ts';
import { agreementLine, isWrong, Referee } from '../../src/study/referee.ts';

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

test.run();
