// A run resumed from a checkpoint, on every backend. Where a device computes the same bits every time, so does this;
// on all devices that are tested here it does.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileUpdate, replayFor } from '../../src/rl/recorded-update.ts';
import { openDevice } from '../helpers/devices.ts';
import { bytesOf, learnerFor, resumedAndWhole } from '../helpers/training.ts';

for (const [environment, estimator] of [
  ['pendulum', 'forward-kl/snis:behaviour'],
  ['cartpole', 'reverse-kl/score:value'],
]) {
  test(`${estimator} in ${environment} resumes bit for bit`, async () => {
    const options = { steps: 24, warmup: 10, evaluateEvery: 24, evaluationEpisodes: 1, capacity: 20 };
    const { whole, resumed } = await resumedAndWhole(openDevice, { environment, estimator, options }, 12);
    assert.equal(resumed.evaluations, whole.evaluations);
    assert.equal(resumed.checkpoints.map(bytesOf), whole.checkpoints.slice(1).map(bytesOf));
  });
}

test('a fixed temperature that was restored is in use, not the one asked for', async () => {
  const device = await openDevice();
  const learner = learnerFor(
    { environment: 'pendulum', estimator: 'reverse-kl/pathwise' },
    { temperature: 0.2 },
  );
  const replay = replayFor(learner, 8);
  replay.add(device, {
    ...{ observation: [1, 0, 0], action: [0], reward: 0, terminated: false, nextObservation: [1, 0, 0] },
  });
  const update = await compileUpdate(device, learner, replay, { batch: 8 });
  device.write(learner.logTemperature, Float32Array.of(Math.log(0.5)));
  update.run();
  const temperature = await update.readScalar('temperature');
  assert.ok(Math.abs(temperature - 0.5) < 1e-6, `${temperature}`);
  await device.dispose();
});

test.run();
