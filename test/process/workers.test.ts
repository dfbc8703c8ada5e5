// Parallel environments on the built command line: the numbers are those of one thread, however many workers there are.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const cli = process.env.DIVERGRAD_CLI ?? 'dist/cli.js';

function train(...more: string[]) {
  const settings =
    '--steps 600 --warmup 100 --hidden 16 --batch 16 --evaluate-every 300 --episodes 2 --backend wasm';
  const args = [cli, 'train', '--env', 'inverted-pendulum', ...settings.split(' '), '--json', ...more];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.is(status, 0, stderr);
  return JSON.parse(stdout).evaluations;
}

test('one, two or three workers give what none gives', () => {
  const none = train('--parallel-environments', '6');
  assert.is(none.length, 2);
  // 17 rounds of 6 steps pass the 100 of the warm-up; the 83 that follow are each followed by 6 updates.
  assert.is(none[1].updates, 498);
  for (const workers of ['1', '2', '3']) {
    assert.equal(train('--parallel-environments', '6', '--workers', workers), none, `${workers} workers`);
  }
});

test('one environment in a worker is one environment', () => {
  assert.equal(train('--workers', '1'), train());
});

test('steps that do not come out even are refused', () => {
  const args = [cli, 'train', '--env', 'pendulum', '--steps', '1000', '--parallel-environments', '3'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.is(status, 2);
  assert.match(stderr, /steps is 1000; with 3 environments it must be a multiple of 3/);
});

test.run();
