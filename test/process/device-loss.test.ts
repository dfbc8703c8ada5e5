// `train` on a GPU whose device is destroyed in the middle: it says so, and ends with the numbers of an undisturbed run.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { folder, outcome, run } from './device-loss-setting.ts';

test.after(() => rmSync(folder, { recursive: true, force: true }));

test('train goes on from its last checkpoint, or from the start, and learns the same', async () => {
  const train = (out: string, loseAfter?: number) => {
    const settings =
      'train --env pendulum --backend webgpu --steps 160 --warmup 60 --hidden 8 --batch 8 --evaluate-every 80 --episodes 1 --seed 4 --checkpoint-every 50';
    return run([...settings.split(' '), '--out', join(folder, out)], loseAfter);
  };
  assert.is((await train('undisturbed')).stderr.includes('goes on from'), false);
  const expected = outcome(join(folder, 'undisturbed'));
  assert.is(expected.evaluations.length, 2);
  for (const [loseAfter, from] of [
    // Opening alone submits about ten times: the device agrees with the reference first.
    [20, /The device was lost.*The run goes on from step 0\./],
    [150, /The device was lost.*The run goes on from step (50|100|150)\./],
  ] as const) {
    const { stderr, losses } = await train(`lost-${loseAfter}`, loseAfter);
    assert.is(losses, 1);
    assert.match(stderr, from);
    assert.equal(outcome(join(folder, `lost-${loseAfter}`)), expected);
  }
});

test.run();
