// A study on the built command line: killed again and again it ends with the numbers of one that was not.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli, cliOutput, startCli } from '../helpers/process.ts';
import { checkpoints, finished, folder, results, study, undisturbed } from './study-setting.ts';

test.after(() => rmSync(folder, { recursive: true, force: true }));

test('killed three times and resumed, it gives the same numbers', async () => {
  await cliOutput(study(undisturbed, '--jobs', '2'));
  const out = join(folder, 'killed');
  for (let kills = 0; kills < 3; kills++) {
    const before = checkpoints(out) + finished(out);
    const child = startCli(study(out, '--jobs', '2'));
    // Killed with its runs at once, as by a machine that stops, as soon as one of them has kept more.
    await child.brings(() => checkpoints(out) + finished(out) > before);
    child.crash();
    await child.ended;
  }
  const last = await cli(study(out, '--jobs', '1'));
  assert.is(last.code, 0, last.stderr);
  assert.equal(results(out), results(undisturbed));
  for (const run of readdirSync(join(out, 'runs'))) {
    const lines = readFileSync(join(out, 'runs', run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    assert.equal(
      lines.map((line) => JSON.parse(line).step),
      [500, 1000, 1500],
      run,
    );
  }
});

test.run();
