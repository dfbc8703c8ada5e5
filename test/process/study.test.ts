// A study on the built command line: it runs in parallel, does nothing twice, and is ended by an interrupt.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli, startCli } from '../helpers/process.ts';
import { checkpoints, config, folder, study, undisturbed } from './study-setting.ts';

test.after(() => rmSync(folder, { recursive: true, force: true }));

test('runs in parallel, says what it left out, and does nothing twice', async () => {
  const first = await cli(study(undisturbed, '--jobs', '2', '--json'));
  assert.is(first.code, 0, first.stderr);
  assert.match(first.stderr, /left out: reverse-kl\/pathwise with categorical in cartpole/);
  const { runs, refused } = JSON.parse(first.stdout);
  assert.is(Object.keys(runs).length, 6);
  assert.is(refused.length, 1);
  const again = await cli(study(undisturbed));
  assert.is(again.code, 0, again.stderr);
  assert.is(again.stderr.match(/^skipped /gm)?.length, 6);
  assert.match(again.stdout, /6 of 6 runs done/);
});

test('a study that has changed is not mixed with what is there', async () => {
  const changed = join(folder, 'changed.yaml');
  writeFileSync(changed, readFileSync(config, 'utf8').replace('batch: 16', 'batch: 32'));
  const { code, stderr } = await cli(['study', changed, '--out', undisturbed]);
  assert.is(code, 2);
  assert.match(stderr, /other settings: batch 16 instead of 32/);
});

test('an interrupt ends the runs, keeps them, and exits with 130', async () => {
  const out = join(folder, 'interrupted');
  const runs = join(out, 'runs');
  const child = startCli(study(out, '--jobs', '2'));
  await child.brings(() => checkpoints(out) > 0);
  child.kill('SIGINT');
  assert.is((await child.ended).code, 130);
  assert.ok(checkpoints(out) > 0);
  for (const path of [out, ...readdirSync(runs).map((run) => join(runs, run))])
    assert.not.ok(
      readdirSync(path).some((name) => name.includes('.lock')),
      path,
    );
});

test.run();
