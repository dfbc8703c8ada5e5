// Whatever a command reads or writes may be absent, a folder, below a file, on a full disk, deep or large: one line names it
// and says what to do.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { command } from '../helpers/command.ts';

const base = mkdtempSync(join(tmpdir(), 'divergrad-unusable-'));
test.after(() => rmSync(base, { recursive: true, force: true }));

const [absent, folder, file, study] = ['absent/x', 'folder', 'file', 'study.json'].map((name) =>
  join(base, name),
);
mkdirSync(join(folder, 'inside'), { recursive: true });
writeFileSync(file, 'text');
writeFileSync(study, '{"estimators": ["reverse-kl/pathwise"], "environments": ["pendulum"], "seeds": 1}');
const below = join(file, 'x');
const quick = [
  '--env',
  'bimodal-bandit',
  '--backend',
  'cpu',
  '--steps',
  '10',
  '--episodes',
  '1',
  '--warmup',
  '5',
];
const bench = ['bench', '--backend', 'cpu', '--quick', '--estimators', 'reverse-kl/pathwise', '--batch', '2'];

async function refused(args: readonly string[], told: RegExp): Promise<void> {
  const { code, stderr } = await command(...args);
  assert.ok(code === 1 || code === 2, `${args.join(' ')}: ${code} ${stderr}`);
  const lines = stderr.trimEnd().split('\n');
  assert.is(lines.length, 1, stderr);
  assert.match(stderr, told);
  assert.not.match(stderr, /unexpected|E[A-Z]{4,}:/);
  assert.ok(stderr.length < 1000, `${stderr.length} characters`);
}

const reading: readonly (readonly string[])[] = [
  ['study'],
  ['play'],
  ['report'],
  ['verify'],
  ['matrix', '--check'],
  ['matrix', '--write'],
];

test('what is to be read is absent, a folder, or below a file', async () => {
  for (const words of reading) {
    for (const path of [absent, below])
      await refused([...words, path], new RegExp(`'?${path}|holds no study`));
    // Those that take a folder say what it lacks.
    await refused([...words, folder], /it is a folder|does not exist|holds no|policy.json/);
  }
  await refused(['report', folder, '--include', absent], /holds no study|cannot be read/);
});

test('what is to be written is a folder, below a file, in no folder, or on a full disk', async () => {
  const noFolder = /file' is no folder/;
  await refused(['train', ...quick, '--out', below], noFolder);
  await refused(['train', ...quick, '--out', file], noFolder);
  await refused(['study', study, '--out', below], noFolder);
  await refused([...bench, '--json', folder], /'.*folder': it is a folder/);
  await refused([...bench, '--json', absent], /there is no folder '.*absent'/);
  await refused([...bench, '--json', below], /there is no folder '.*file'/);
  if (existsSync('/dev/full'))
    await refused(
      [...bench, '--json', '/dev/full'],
      /'\/dev\/full' cannot be written: the disk is full. Free some room/,
    );
});

test('a folder where a file of a run should be', async () => {
  for (const name of ['config.json', 'result.json', 'checkpoint.bin', 'metrics.jsonl', 'policy.json']) {
    const run = join(base, `run-${name}`);
    mkdirSync(join(run, name), { recursive: true });
    await refused(['train', ...quick, '--out', run], /it is a folder|is not empty/);
  }
  const run = join(base, 'policy');
  mkdirSync(join(run, 'policy.json'), { recursive: true });
  await refused(['play', run], /policy.json' cannot be read: it is a folder/);
});

const deep = `${'['.repeat(300_000)}${']'.repeat(300_000)}`;
const long = JSON.stringify('y'.repeat(20_000_000));

test('deep values and long ones are told in a short line', async () => {
  for (const [name, value] of Object.entries({ deep, long })) {
    const run = join(base, name);
    mkdirSync(run);
    const names = '"kind": "divergrad-run", "environment": "bimodal-bandit"';
    writeFileSync(join(run, 'config.json'), `{${names}, "batch": ${value}}`);
    writeFileSync(
      join(run, 'result.json'),
      `{"kind": "divergrad-result", "evaluations": [{"step": ${value}}]}`,
    );
    writeFileSync(join(run, 'policy.json'), `{"kind": "divergrad-policy", "version": ${value}}`);
    writeFileSync(
      join(run, 'study.json'),
      `{"estimators": ["reverse-kl/pathwise"], "environments": ["pendulum"], "settings": {"batch": ${value}}}`,
    );
    writeFileSync(join(run, 'cost.json'), `{"kind": ${value}}`);
    await refused(['train', ...quick, '--out', run], /config.json.*nested deeper|holds another run/);
    await refused(['report', run], /nested deeper|evaluations\[0\].step|is of another run/);
    await refused(['play', run], /nested deeper|has version "yyy/);
    await refused(['study', join(run, 'study.json'), '--out', join(base, 'new')], /not YAML|batch is "yyy/);
    await refused(
      ['report', run, '--include', join(run, 'cost.json')],
      /nested deeper|its kind is|evaluations/,
    );
  }
});

test('a long argument is told in a page at most', async () => {
  const long = 'x'.repeat(100_000);
  for (const args of [[`--${long}`], [long], ['train', '--env', long], ['bench', '--hidden', long]]) {
    const { code, stderr } = await command(...args);
    assert.is(code, 2);
    assert.ok(stderr.length < 9000, `${args[0].slice(0, 20)}: ${stderr.length}`);
  }
});

test.run();
