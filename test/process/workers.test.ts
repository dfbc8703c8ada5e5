// Parallel environments on the built command line: the numbers are those of one thread, however many workers there are.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { command } from '../helpers/command.ts';
import { cliOutput } from '../helpers/process.ts';

async function train(...more: string[]) {
  const settings =
    '--steps 600 --warmup 100 --hidden 16 --batch 16 --evaluate-every 300 --episodes 2 --backend wasm';
  const args = ['train', '--env', 'inverted-pendulum', ...settings.split(' '), '--json', ...more];
  return JSON.parse(await cliOutput(args)).evaluations;
}

test('two workers give what none gives', async () => {
  const none = await train('--parallel-environments', '6');
  assert.is(none.length, 2);
  // 17 rounds of 6 steps pass the 100 of the warm-up; the 83 that follow are each followed by 6 updates.
  assert.is(none[1].updates, 498);
  assert.equal(await train('--parallel-environments', '6', '--workers', '2'), none);
});

test('steps that do not come out even are refused', async () => {
  const args = ['train', '--env', 'pendulum', '--steps', '1000', '--parallel-environments', '3'];
  const { code, stderr } = await command(...args);
  assert.is(code, 2);
  assert.match(stderr, /steps is 1000; with 3 environments it must be a multiple of 3/);
});

test.run();
