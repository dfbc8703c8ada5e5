// `divergrad play` as a user meets it: on a run's folder, on bad files, and what it draws.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlayReport } from '../../src/cli/play.ts';
import { command } from '../helpers/command.ts';
import { cli } from '../helpers/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-play-'));
test.after(() => rmSync(folder, { recursive: true }));

const trained = join(folder, 'run');
const play = (...args: string[]) => cli(['play', trained, '--backend', 'cpu', ...args]);

test('a run of train is played: the returns add up, a seed repeats them, and films are written', async () => {
  const tiny = ['--steps', '30', '--warmup', '20', '--batch', '4', '--hidden', '8', '--episodes', '1'];
  const settings = ['--env', 'linear-quadratic', '--backend', 'cpu', '--out', trained];
  const learned = await cli(['train', ...settings, ...tiny]);
  assert.is(learned.code, 0, learned.stderr);
  const film = join(folder, 'film.svg');
  const { code, stdout, stderr } = await play('--json', '--episodes', '4', '--seed', '8', '--render', film);
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
    (JSON.parse((await play('--json', '--episodes', '4', '--seed', '8')).stdout) as PlayReport).episodes,
    report.episodes,
  );
  const frames = join(folder, 'frames');
  const text = (await play('--stochastic', '--episodes', '1', '--render', frames)).stdout;
  assert.match(
    text,
    /linear-quadratic, reverse-kl\/pathwise, tanh-gaussian, sampled actions\nepisode {4}1 {2}seed +\d+/,
  );
  assert.match(text, /mean return -?[\d.]+\n101 frames in/);
  assert.is(readdirSync(frames).length, 101);
  assert.is((await play('--render', frames)).code, 2, 'a folder with frames is not written to again');
});

test('what cannot be played is refused in one line with an exit code', async () => {
  const file = join(folder, 'bad.json');
  const refused = async (text: string, code: number, message: RegExp, ...args: string[]) => {
    writeFileSync(file, text);
    const outcome = await command('play', file, ...args);
    assert.is(outcome.code, code, outcome.stderr);
    assert.match(outcome.stderr, message);
    assert.is(outcome.stderr.trim().split('\n').length, 1, outcome.stderr);
  };
  await refused('{', 1, /is not JSON/);
  await refused('{"kind":"divergrad-run"}', 1, /is not a saved policy/);
  const policy = readFileSync(join(trained, 'policy.json'), 'utf8');
  await refused(
    policy.replace('"version":1', '"version":9'),
    1,
    /has version 9, and this program reads versions 1 and 2/,
  );
  await refused(policy, 1, /'pendulum' has 3 and 1/, '--env', 'pendulum', '--backend', 'cpu');
  await refused(policy, 2, /Unknown environment 'pendulm'\. Did you mean/, '--env', 'pendulm');
  await refused(policy, 2, /cannot write '\.gif'/, '--render', join(folder, 'film.gif'));
  assert.match((await command('play', join(folder, 'nowhere'))).stderr, /cannot be read: it does not exist/);
  const help = (await command('play', '--help')).stdout;
  for (const flag of ['--seed', '--json', '--debug', '--render', '--stochastic'])
    assert.ok(help.includes(flag));
});

test.run();
