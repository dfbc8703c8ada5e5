// `divergrad play` as a user meets it: on a run's folder, on bad files, and what it draws.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlayReport } from '../../src/cli/play.ts';

const cli = process.env.DIVERGRAD_CLI ?? 'dist/cli.js';
const folder = mkdtempSync(join(tmpdir(), 'divergrad-play-'));
test.after(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

const trained = join(folder, 'run');
const play = (...args: string[]) => run('play', trained, '--backend', 'cpu', ...args);

test('a run of train is played: the returns add up, a seed repeats them, and films are written', () => {
  const tiny = ['--steps', '30', '--warmup', '20', '--batch', '4', '--hidden', '8', '--episodes', '1'];
  const learned = run('train', '--env', 'linear-quadratic', '--backend', 'cpu', '--out', trained, ...tiny);
  assert.is(learned.code, 0, learned.stderr);
  const film = join(folder, 'film.svg');
  const { code, stdout, stderr } = play('--json', '--episodes', '4', '--seed', '8', '--render', film);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  const report = JSON.parse(stdout) as PlayReport;
  assert.is(report.environment, 'linear-quadratic');
  const returns = report.episodes.map((episode) => episode.return);
  assert.is(report.meanReturn, returns.reduce((sum, value) => sum + value, 0) / 4);
  const [low, high] = report.interval ?? [Number.NaN, Number.NaN];
  assert.ok(low <= report.meanReturn && report.meanReturn <= high);
  assert.ok(report.episodes.every(({ steps, truncated }) => steps === 100 && truncated));
  assert.is(readFileSync(film, 'utf8').match(/<animate /g)?.length, 101);
  assert.equal(
    (JSON.parse(play('--json', '--episodes', '4', '--seed', '8').stdout) as PlayReport).episodes,
    report.episodes,
  );
  const frames = join(folder, 'frames');
  const text = play('--stochastic', '--episodes', '1', '--render', frames).stdout;
  assert.match(
    text,
    /linear-quadratic, reverse-kl\/pathwise, tanh-gaussian, sampled actions\nepisode {4}1 {2}seed 0/,
  );
  assert.match(text, /mean return -?[\d.]+\n101 frames in/);
  assert.is(readdirSync(frames).length, 101);
  assert.is(play('--render', frames).code, 2, 'a folder with frames is not written to again');
});

test('what cannot be played is refused in one line with an exit code', () => {
  const file = join(folder, 'bad.json');
  const refused = (text: string, code: number, message: RegExp, ...args: string[]) => {
    writeFileSync(file, text);
    const outcome = run('play', file, ...args);
    assert.is(outcome.code, code, outcome.stderr);
    assert.match(outcome.stderr, message);
    assert.is(outcome.stderr.trim().split('\n').length, 1, outcome.stderr);
  };
  refused('{', 1, /is not JSON/);
  refused('{"kind":"divergrad-run"}', 1, /is not a saved policy/);
  const policy = readFileSync(join(trained, 'policy.json'), 'utf8');
  refused(policy.replace('"version":1', '"version":9'), 1, /has version 9, and this program reads version 1/);
  refused(policy, 1, /'pendulum' has 3 and 1/, '--env', 'pendulum', '--backend', 'cpu');
  refused(policy, 2, /Unknown environment 'pendulm'\. Did you mean/, '--env', 'pendulm');
  refused(policy, 2, /cannot write '\.gif'/, '--render', join(folder, 'film.gif'));
  assert.match(run('play', join(folder, 'nowhere')).stderr, /cannot be read: ENOENT/);
  const help = run('play', '--help').stdout;
  for (const flag of ['--seed', '--json', '--debug', '--render', '--stochastic'])
    assert.ok(help.includes(flag));
});

test.run();
