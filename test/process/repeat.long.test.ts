// Of every command: same seed, same machine, same backend: the same results, and every result says what made it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cliOutput } from '../helpers/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-repeat-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<string> => cliOutput(args);

test("bench's counts repeat", async () => {
  const counts = async () => {
    const args = ['--quick', '--backend', 'wasm', '--estimators', 'reverse-kl/pathwise,mpo/decoupled'];
    const { reports, ...rest } = JSON.parse(await run('bench', ...args, '--seed', '4', '--json', '-'));
    assert.ok(JSON.stringify(rest).includes('versions') || JSON.stringify(reports).includes('version'));
    return reports[0].rows.map((row: Record<string, unknown>) => [
      row.estimator,
      row.samples,
      row.kernelsPerUpdate,
      row.flops,
      row.bytes,
      row.arenaBytes,
    ]);
  };
  assert.equal(await counts(), await counts());
});

test('quality repeats bit for bit but for its times', async () => {
  const figures = async () => {
    const args =
      'quality --quick --estimators reverse-kl/score:loo --distributions gaussian --temperatures 1 --samples 4 --replications 64 --seed 3 --json';
    return (await run(...args.split(' '))).replace(
      /"(date|ms|workNormalisedVariance)":("[^"]*"|\{[^}]*\}|[^,}]+)/g,
      '',
    );
  };
  const first = await figures();
  assert.match(first, /"(variance|relativeVariance)":\{"value":/);
  assert.equal(await figures(), first);
});

test('a study repeats bit for bit, whatever the number of its processes', async () => {
  const config = join(folder, 'study.json');
  const settings = { steps: 200, hidden: [8], batch: 8, warmup: 100, evaluateEvery: 100, backend: 'wasm' };
  writeFileSync(
    config,
    JSON.stringify({
      estimators: ['reverse-kl/pathwise'],
      environments: ['pendulum'],
      seeds: 2,
      settings: { ...settings, evaluationEpisodes: 2 },
    }),
  );
  const results: unknown[] = [];
  for (const jobs of ['1', '2']) {
    const out = join(folder, `study-${jobs}`);
    const told = JSON.parse(await run('study', config, '--out', out, '--jobs', jobs, '--json'));
    for (const key of ['versions', 'command', 'seed', 'runs']) assert.ok(Object.hasOwn(told, key), key);
    const runs = readdirSync(join(out, 'runs')).sort();
    assert.is(runs.length, 2);
    const outcomes = runs.map((name) => {
      const read = (file: string) => JSON.parse(readFileSync(join(out, 'runs', name, file), 'utf8'));
      const { evaluations } = read('result.json');
      return [
        evaluations.map(({ seconds: _seconds, ...rest }: { seconds: number }) => rest),
        read('policy.json').parameters,
      ];
    });
    results.push(outcomes);
  }
  assert.equal(results[0], results[1]);
});

test('every result that is printed says what made it, and play and verify repeat', async () => {
  const policy = join(folder, 'policy');
  const small = 'train --env pendulum --backend wasm --steps 120 --warmup 100 --hidden 8 --batch 8';
  await run(...small.split(' '), '--evaluate-every', '60', '--episodes', '1', '--out', policy);
  const documents: [args: string, exact: boolean][] = [
    [`play ${policy} --episodes 2 --seed 5 --json`, true],
    ['verify test/golden --group optim --json', true],
    ['throughput --envs pendulum --steps 20 --rounds 1 --batch 4 --hidden 8 --json', false],
    ['train --env cartpole --steps 120 --warmup 100 --hidden 8 --batch 8 --evaluate-every 60 --json', false],
    ['bench --quick --backend cpu --estimators reverse-kl/pathwise --batch 4 --hidden 8 --json -', false],
    [
      'quality --quick --estimators reverse-kl/score:loo --distributions gaussian --temperatures 1 --samples 4 --replications 16 --json',
      false,
    ],
  ];
  for (const [args, exact] of documents) {
    const text = await run(...args.split(' '));
    const document = JSON.parse(text);
    for (const key of ['versions', 'command']) assert.ok(Object.hasOwn(document, key), `${args}: ${key}`);
    assert.match(text, /"seed":/, args);
    assert.match(text, /"(backend|adapter|description)":/, args);
    if (exact) assert.is(await run(...args.split(' ')), text, args);
  }
});

test.run();
