// Parallel environments on the built command line: the numbers are those of one thread, however many workers there are.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cliOutput, inFolder, startCli } from '../helpers/process.ts';

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

test('a stop in the middle of long steps keeps nothing of them, in workers and without: what goes on is the undisturbed run', () =>
  inFolder(async (folder) => {
    // Some 0.3 s a step of all; none is updated, so that most of the time is in steps.
    const settings =
      '--env ant --steps 2560 --warmup 2560 --hidden 8 --batch 8 --evaluate-every 2560 --episodes 1 --backend wasm --parallel-environments 128 --json';
    const start = (out: string, workers: string) =>
      startCli(['train', ...settings.split(' '), '--workers', workers, '--out', join(folder, out)]);
    const outcome = (out: string) =>
      JSON.parse(readFileSync(join(folder, out, 'result.json'), 'utf8')).evaluations.map(
        ({ seconds: _, ...rest }: { seconds: number }) => rest,
      );
    assert.is((await start('whole', '0').ended).code, 0);
    for (const workers of ['0', '2']) {
      const out = `in-${workers}`;
      for (const moment of [900, 1400]) {
        const child = start(out, workers);
        await child.brings(() => existsSync(join(folder, out, 'config.json')));
        await Promise.race([child.ended, new Promise((done) => setTimeout(done, moment))]);
        child.kill('SIGINT');
        const { code, stderr } = await child.ended;
        assert.is(code, 130, stderr);
      }
      const { code, stderr } = await start(out, workers).ended;
      assert.is(code, 0, stderr);
      assert.equal(outcome(out), outcome('whole'));
    }
  }));

test.run();
