// Ctrl-C and the request to end, at several moments of every long command: the exit code a shell reports is 130 or 143,
// nothing half written stays, and what was begun goes on.
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const cli = process.env.DIVERGRAD_CLI ?? 'dist/cli.js';
const folder = mkdtempSync(join(tmpdir(), 'divergrad-signals-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const policy = join(folder, 'policy');
const small = '--env pendulum --backend wasm --warmup 50 --hidden 8 --batch 8 --seed 2'.split(' ');
test.before(() => {
  // Its episodes are the longest: 999 steps.
  const longest = ['--env', 'mountain-car-continuous'];
  const args = [
    'train',
    ...small,
    ...longest,
    '--steps',
    '60',
    '--evaluate-every',
    '60',
    '--episodes',
    '1',
    '--out',
    policy,
  ];
  const { status, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  assert.is(status, 0, stderr);
  writeFileSync(
    join(folder, 'study.json'),
    JSON.stringify({
      estimators: ['reverse-kl/pathwise'],
      environments: ['pendulum'],
      seeds: 4,
      settings: { steps: 1_000_000, warmup: 50, hidden: [8], batch: 8, backend: 'wasm' },
    }),
  );
});

/** Every long command with more work than the test waits for. @param out a folder of its own */
const commands: Record<string, (out: string) => string[]> = {
  bench: (out) => ['bench', '--backend', 'cpu', '--json', join(out, 'bench.json')],
  quality: (out) => ['quality', '--out', join(out, 'quality')],
  train: (out) => ['train', ...small, '--steps', '100000000', '--out', join(out, 'run')],
  study: (out) => ['study', join(folder, 'study.json'), '--jobs', '2', '--out', join(out, 'study')],
  play: (out) => ['play', policy, '--episodes', '10000', '--render', join(out, 'film.svg')],
  throughput: () => ['throughput', '--rounds', '1000', '--backend', 'cpu'],
  verify: () => ['verify', 'test/golden', '--backend', 'cpu', '--precision', 'f64'],
};

function files(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' });
}

for (const [name, argumentsFor] of Object.entries(commands))
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    test(`${signal} ends ${name} at any moment`, async () => {
      for (const moment of [150, 500, 1100]) {
        const out = join(folder, `${name}-${signal}-${moment}`);
        mkdirSync(out);
        const child = spawn(process.execPath, [cli, ...argumentsFor(out)], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let stderr = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
        const ended = new Promise<number | null>((done) =>
          child.on('close', (code, by) => done(by ? 128 + constants.signals[by] : code)),
        );
        const sent = setTimeout(() => child.kill(signal), moment);
        const code = await Promise.race([
          ended,
          new Promise<string>((done) => setTimeout(done, 20_000, 'still at work').unref()),
        ]);
        clearTimeout(sent);
        if (typeof code === 'string') child.kill('SIGKILL');
        assert.is(code, 128 + constants.signals[signal], `after ${moment} ms: ${stderr}`);
        assert.not.match(stderr, /unexpected|at .*\.[jt]s:\d/);
        const left = files(out);
        assert.equal(
          left.filter((file) => /\.json$/.test(file) && !isJson(join(out, file))),
          [],
        );
        if (name === 'bench' || name === 'play') assert.equal(left, []);
      }
    });

test('a run that was asked to end has a checkpoint, no lock in the way, and goes on', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const out = join(folder, `resumed-${signal}`);
    const args = ['train', ...small, '--steps', '100000000', '--out', out];
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((done) => child.on('close', done));
    // Once it says where it runs, it listens.
    await new Promise((done) => child.stdout.once('data', done));
    await new Promise((done) => setTimeout(done, 400));
    child.kill(signal);
    assert.is(await ended, 128 + constants.signals[signal]);
    assert.ok(existsSync(join(out, 'checkpoint.bin')));
    assert.equal(
      files(out).filter((file) => file.includes('.lock') || file.endsWith('.part')),
      [],
    );
    const again = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    again.stdout.setEncoding('utf8').on('data', (data: string) => (text += data));
    const over = new Promise((done) => again.on('close', done));
    for (let tries = 0; !text.includes('goes on from') && tries < 100; tries++)
      await new Promise((done) => setTimeout(done, 50));
    again.kill(signal);
    await over;
    assert.match(text, /goes on from step [1-9]/);
  }
});

function isJson(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

test.run();
