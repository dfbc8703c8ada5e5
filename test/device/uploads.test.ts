// Transitions on their way to the device: nothing is allocated or read back for them, and nobody waits for the device.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { compileUpdate, replayFor } from '../../src/rl/recorded-update.ts';
import { openDevice, testBackend } from '../helpers/devices.ts';

test('a transition is stored while updates are under way, and is in the next batch', async () => {
  const device = await openDevice();
  const learner = new ActorCritic({
    observations: 3,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily('tanh-gaussian'),
    hidden: [16, 16],
  });
  const replay = replayFor(learner, 1024);
  const update = await compileUpdate(device, learner, replay, { batch: 16 });
  const transition = (value: number) => ({
    observation: Float32Array.of(value, 0, 0),
    action: Float32Array.of(value / 1000),
    reward: value,
    terminated: false,
    nextObservation: Float32Array.of(0, 0, value),
  });
  for (let i = 0; i < 64; i++) replay.add(device, transition(1));
  update.run();
  await device.backend.synchronize();

  const { counters } = device.backend;
  const updates = 200;
  /** Of the time that updates take, the part that storing transitions meanwhile took. */
  const storingShare = async (): Promise<number> => {
    const before = { ...counters };
    const begun = performance.now();
    update.run(updates);
    const enqueued = performance.now();
    for (let i = 0; i < 100; i++) replay.add(device, transition(2));
    const stored = performance.now();
    await device.backend.synchronize();
    assert.is(counters.buffersCreated, before.buffersCreated);
    assert.is(counters.readbacks, before.readbacks);
    assert.is(counters.submits, before.submits + 1);
    return (stored - enqueued) / (performance.now() - begun);
  };
  // Who waited for the device would wait every time; a neighbour takes the processor now and then.
  const shares = [await storingShare()];
  // Elsewhere a run has ended when it returns.
  while (testBackend() === 'webgpu' && Math.min(...shares) > 1 / 3 && shares.length < 8)
    shares.push(await storingShare());
  if (testBackend() === 'webgpu')
    assert.ok(Math.min(...shares) < 1 / 3, `of ${updates} updates storing took ${shares}`);

  const rows = await device.read(replay.storage, 0, 164 * 9);
  assert.is(replay.size, 64 + 100 * shares.length);
  for (const [row, value] of [
    [0, 1],
    [63, 1],
    [64, 2],
    [163, 2],
  ])
    assert.equal(
      [...rows.subarray(9 * row, 9 * row + 9)],
      [value, 0, 0, Math.fround(value / 1000), value, 0, 0, 0, value],
    );
  await device.dispose();
});

test.run();
