// A study on the built command line: killed again and again it ends with the numbers of one that was not.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli, startCli } from '../helpers/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-study-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const config = join(folder, 'study.yaml');
writeFileSync(
  config,
  `estimators: [reverse-kl/pathwise, 'reverse-kl/score:loo']
environments: [pendulum, { name: cartpole, steps: 1500 }]
seeds: 2
settings: { steps: 1500, hidden: [16], batch: 16, warmup: 100, evaluateEvery: 500, evaluationEpisodes: 2, backend: wasm }
`,
);

const study = (out: string, ...more: string[]) => [
  'study',
  config,
  '--out',
  out,
  '--checkpoint-every',
  '200',
  ...more,
];

/** Every result of a study without its wall-clock times and the command that made it. */
function results(out: string): Record<string, unknown> {
  const runs = readdirSync(join(out, 'runs'));
  return Object.fromEntries(
    runs.sort().map((run) => {
      const text = readFileSync(join(out, 'runs', run, 'result.json'), 'utf8');
      return [
        run,
        JSON.parse(text, (key, value) => (key === 'seconds' || key === 'made' ? undefined : value)),
      ];
    }),
  );
}

/** How many runs of a study have a file. */
const having = (out: string, file: string): number =>
  existsSync(join(out, 'runs'))
    ? readdirSync(join(out, 'runs')).filter((run) => existsSync(join(out, 'runs', run, file))).length
    : 0;
const checkpoints = (out: string) => having(out, 'checkpoint.bin');
const finished = (out: string) => having(out, 'result.json');

const undisturbed = join(folder, 'undisturbed');

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

test('killed three times and resumed, it gives the same numbers', async () => {
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
