// A study on the built command line: killed again and again it ends with the numbers of one that was not.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const cli = process.env.DIVERGRAD_CLI ?? 'dist/cli.js';
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
  cli,
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

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Kills a study and its runs at once, as a machine that stops does. */
async function killAfter(child: ChildProcess, ms: number): Promise<void> {
  const ended = new Promise((done) => child.once('exit', done));
  await wait(ms);
  if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL');
  await ended;
}

const undisturbed = join(folder, 'undisturbed');

test('runs in parallel, says what it left out, and does nothing twice', () => {
  const first = spawnSync(process.execPath, study(undisturbed, '--jobs', '2', '--json'), {
    encoding: 'utf8',
  });
  assert.is(first.status, 0, first.stderr);
  assert.match(first.stderr, /left out: reverse-kl\/pathwise with categorical in cartpole/);
  const { runs, refused } = JSON.parse(first.stdout);
  assert.is(Object.keys(runs).length, 6);
  assert.is(refused.length, 1);
  const again = spawnSync(process.execPath, study(undisturbed), { encoding: 'utf8' });
  assert.is(again.status, 0, again.stderr);
  assert.is(again.stderr.match(/^skipped /gm)?.length, 6);
  assert.match(again.stdout, /6 of 6 runs done/);
});

test('killed three times and resumed, it gives the same numbers', async () => {
  const out = join(folder, 'killed');
  for (const ms of [900, 1300, 1700]) {
    const child = spawn(process.execPath, study(out, '--jobs', '2'), { stdio: 'ignore', detached: true });
    await killAfter(child, ms);
  }
  const last = spawnSync(process.execPath, study(out, '--jobs', '1'), { encoding: 'utf8' });
  assert.is(last.status, 0, last.stderr);
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

test('a study that has changed is not mixed with what is there', () => {
  const changed = join(folder, 'changed.yaml');
  writeFileSync(changed, readFileSync(config, 'utf8').replace('batch: 16', 'batch: 32'));
  const args = [cli, 'study', changed, '--out', undisturbed];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.is(status, 2);
  assert.match(stderr, /other settings: batch 16 instead of 32/);
});

test('an interrupt ends the runs, keeps them, and exits with 130', async () => {
  const out = join(folder, 'interrupted');
  const runs = join(out, 'runs');
  const child = spawn(process.execPath, study(out, '--jobs', '2'), { stdio: 'ignore' });
  const ended = new Promise((done) => child.on('close', done));
  const kept = () =>
    existsSync(runs) && readdirSync(runs).some((run) => existsSync(join(runs, run, 'checkpoint.bin')));
  while (!kept() && child.exitCode === null) await wait(20);
  child.kill('SIGINT');
  assert.is(await ended, 130);
  assert.ok(kept());
  for (const path of [out, ...readdirSync(runs).map((run) => join(runs, run))])
    assert.not.ok(
      readdirSync(path).some((name) => name.includes('.lock')),
      path,
    );
});

test.run();
