// Parallel environments on the built command line: the numbers are those of one thread, however many workers there are.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cliOutput } from '../helpers/process.ts';

async function train(...more: string[]) {
  const settings =
    '--steps 600 --warmup 100 --hidden 16 --batch 16 --evaluate-every 300 --episodes 2 --backend wasm';
  const args = ['train', '--env', 'inverted-pendulum', ...settings.split(' '), '--json', ...more];
  return JSON.parse(await cliOutput(args)).evaluations;
}

test('one, two or three workers give what none gives', async () => {
  const none = await train('--parallel-environments', '6');
  assert.is(none.length, 2);
  // 17 rounds of 6 steps pass the 100 of the warm-up; the 83 that follow are each followed by 6 updates.
  assert.is(none[1].updates, 498);
  for (const workers of ['1', '2', '3']) {
    const evaluations = await train('--parallel-environments', '6', '--workers', workers);
    assert.equal(evaluations, none, `${workers} workers`);
  }
});

test('one environment in a worker is one environment', async () => {
  assert.equal(await train('--workers', '1'), await train());
});

test.run();
