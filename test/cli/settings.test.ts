// Every option of the commands that run something changes what it says: seen in the results, not in the parser.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { matrixCommand } from '../../src/cli/matrix.ts';
import { type PlayReport, playCommand } from '../../src/cli/play.ts';
import { reportCommand } from '../../src/cli/report.ts';
import { studyCommand } from '../../src/cli/study.ts';
import { type ThroughputReport, throughputCommand } from '../../src/cli/throughput.ts';
import { trainCommand } from '../../src/cli/train.ts';
import { type VerifyReport, verifyCommand } from '../../src/cli/verify.ts';
import { DataError } from '../../src/errors.ts';
import { compatibilityMatrix, type Matrix } from '../../src/report/matrix.ts';
import type { StudyReport } from '../../src/report/report.ts';
import type { Evaluation } from '../../src/rl/evaluation.ts';
import { planStudy, readStudy, runName } from '../../src/study/config.ts';
import { findCheckpoint } from '../../src/study/runs/checkpoint-file.ts';
import { type RunSettings, runDefaults } from '../../src/study/runs/settings.ts';
import { commandOf, neverGiven, perform, performJson } from '../helpers/perform.ts';
import { writeStudy } from '../helpers/study-folder.ts';

const test = suite('settings of commands');
const root = mkdtempSync(join(tmpdir(), 'divergrad-settings-'));
test.after(() => rmSync(root, { recursive: true }));
const json = (...path: string[]) => JSON.parse(readFileSync(join(root, ...path), 'utf8'));

interface Training {
  readonly settings: RunSettings;
  readonly evaluations: readonly Evaluation[];
}
const options = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);

const asked = {
  ...{ env: 'linear-quadratic', estimator: 'reverse-kl/score:loo', distribution: 'gaussian', samples: 3 },
  ...{ seed: 9, steps: 24, batch: 5, hidden: '6,7', 'learning-rate': 0.002, temperature: 0.25, warmup: 8 },
  ...{ 'updates-per-step': 2, 'evaluate-every': 12, episodes: 3, capacity: 40, 'parallel-environments': 2 },
  backend: 'cpu',
};
const policy = join(root, 'run');

test('train: each option is in the settings it ran with, and in what came of them', async () => {
  const args = [...options({ ...asked, out: policy, threads: 1, 'checkpoint-every': 8 }), '--json'];
  const { settings, evaluations } = await performJson<Training>(trainCommand, args);
  const expected = {
    ...{ environment: 'linear-quadratic', estimator: 'reverse-kl/score:loo', distribution: 'gaussian' },
    ...{ samples: 3, seed: 9, steps: 24, batch: 5, hidden: [6, 7], learningRate: 0.002, temperature: 0.25 },
    ...{ warmup: 8, updatesPerStep: 2, evaluateEvery: 12, evaluationEpisodes: 3, capacity: 40 },
    ...{ parallelEnvironments: 2, criticTarget: 'sample', backend: 'cpu' },
  };
  assert.equal(settings, expected);
  assert.equal(json('run', 'result.json').made.settings, expected);
  assert.equal(
    evaluations.map(({ step, returns }) => [step, returns.length]),
    [
      [12, 3],
      [24, 3],
    ],
  );
  assert.is(evaluations[1].updates - evaluations[0].updates, 24);
});

test('train --config: the settings of a file, of the config.json of a run too; options go before it', async () => {
  const ran = json('run', 'config.json');
  const { kind: _k, versions: _v, adapter: _a, command: _c, checksum: _s, ...settings } = ran;
  writeFileSync(join(root, 'settings.json'), JSON.stringify({ ...settings, threads: 1, checkpointEvery: 8 }));
  writeFileSync(
    join(root, 'settings.yaml'),
    Object.entries(settings)
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
      .join(''),
  );
  const plugins = [{ name: 'mine.mjs', sha256: '0'.repeat(64) }];
  writeFileSync(join(root, 'plugged.json'), JSON.stringify({ ...ran, plugins }));
  const run = (file: string, more: Readonly<Record<string, number>> = {}) =>
    performJson<Training>(trainCommand, ['--config', join(root, file), ...options(more), '--json']);
  const first = json('run', 'result.json').evaluations.map(({ returns }: Evaluation) => returns);
  for (const file of ['settings.json', 'settings.yaml', 'run/config.json', 'plugged.json']) {
    const { settings: used, evaluations } = await run(file);
    assert.equal(used, settings, file);
    assert.equal(
      evaluations.map(({ returns }) => returns),
      first,
      file,
    );
  }
  assert.equal((await run('settings.yaml', { batch: 3 })).settings, { ...settings, batch: 3 });
  for (const [text, why] of [
    ['env: pendulum', /^env is not a setting; did you mean 'environment'\? Known: environment, /],
    ['environment: 3', /^environment is 3; it must be a name/],
    ['environment: pendulum\nsteps: none', /^steps is "none"; it must be a whole number/],
    ['environment: pendulum\nhidden: [8, 0]', /^hidden\[1\] is 0/],
    ['[1]', /^the file of settings is \[1\]; it must be a mapping/],
    ['a: [', /^The file of settings is not YAML or JSON/],
  ] as const) {
    writeFileSync(join(root, 'wrong.yaml'), text);
    const error = await run('wrong.yaml').catch((thrown: unknown) => thrown);
    assert.instance(error, DataError);
    assert.match((error as Error).message, why);
  }
});

test('train: where nothing is said it takes what a study takes', async () => {
  const own = commandOf(trainCommand).options;
  const given = (name: string) => own.find((option) => option.attributeName() === name)?.defaultValue;
  const { evaluationEpisodes: episodes, ...others } = runDefaults;
  for (const [name, value] of Object.entries({ ...others, episodes })) assert.equal(given(name), value, name);
  const config = readStudy('{ estimators: [reverse-kl/pathwise], environments: [pendulum], seeds: 1 }');
  const [{ environment: _e, estimator: _s, distribution: _d, ...planned }] = (await planStudy(config, 0))
    .runs;
  assert.equal(planned, { ...runDefaults, temperature: 'auto', samples: 1, criticTarget: 'sample' });
  // A number in a line of the help is the default of that line.
  for (const { description, defaultValue, flags } of own) {
    const said = /\(default: (\d[\d.]*)\)/.exec(description)?.[1];
    if (said !== undefined) assert.is(Number(said), defaultValue, flags);
  }
});

test('train: what estimator and distribution decide is in the settings, and asked otherwise', async () => {
  const { env: _e, estimator: _s, distribution: _d, temperature: _t, samples: _k, ...rest } = asked;
  const settings = async (more: Readonly<Record<string, string | number>>) => {
    const args = [...options({ ...rest, ...more }), '--json'];
    const { temperature, criticTarget, estimator } = (await performJson<Training>(trainCommand, args))
      .settings;
    return { temperature, criticTarget, estimator };
  };
  assert.equal(await settings({ env: 'cartpole' }), {
    ...{ temperature: 'auto', criticTarget: 'expectation', estimator: 'reverse-kl/exact' },
  });
  assert.equal(await settings({ env: 'cartpole', 'critic-target': 'sample', temperature: 2 }), {
    ...{ temperature: 2, criticTarget: 'sample', estimator: 'reverse-kl/exact' },
  });
  assert.equal(await settings({ env: 'linear-quadratic', estimator: 'dpg/pathwise' }), {
    ...{ temperature: 0.05, criticTarget: 'sample', estimator: 'dpg/pathwise' },
  });
  const refused = (more: Readonly<Record<string, string>>) =>
    settings({ env: 'linear-quadratic', ...more }).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
  assert.match(
    await refused({ 'critic-target': 'expectation' }),
    /The actions of 'tanh-gaussian' cannot be enumerated for the critics' target/,
  );
  assert.match(await refused({ 'critic-target': 'mean' }), /Unknown critic target 'mean'/);
  assert.match(
    await refused({ estimator: 'mpo/decoupled', temperature: 'auto' }),
    /The temperature cannot be tuned: the loss of 'mpo\/decoupled' does not depend on it/,
  );
  assert.match(
    await refused({ estimator: 'kl-penalty/k3' }),
    /'reverse-kl\/pathwise\+kl-penalty\/k3:on-policy@0.1'/,
  );
});

test('a study: the same, and what cannot be is refused with the reason', async () => {
  const { runs, refused } = await planStudy(
    readStudy(`
estimators: [reverse-kl/score, dpg/pathwise, kl-penalty/k2, reverse-kl/score+kl-penalty/k2@0.5]
environments: [cartpole, pendulum, { name: linear-quadratic, temperature: auto }]
settings: { steps: 10, criticTarget: sample }
seeds: 1`),
    0,
  );
  assert.equal(
    runs.map(({ environment, estimator, temperature, criticTarget }) => [
      ...[environment, estimator, temperature, criticTarget],
    ]),
    [
      ['cartpole', 'reverse-kl/score:loo', 'auto', 'sample'],
      ['cartpole', 'reverse-kl/score:loo+kl-penalty/k2:on-policy@0.5', 'auto', 'sample'],
      ['pendulum', 'reverse-kl/score:loo', 'auto', 'sample'],
      ['pendulum', 'dpg/pathwise', 0.05, 'sample'],
      ['pendulum', 'reverse-kl/score:loo+kl-penalty/k2:on-policy@0.5', 'auto', 'sample'],
      ['linear-quadratic', 'reverse-kl/score:loo', 'auto', 'sample'],
      ['linear-quadratic', 'reverse-kl/score:loo+kl-penalty/k2:on-policy@0.5', 'auto', 'sample'],
    ],
  );
  const reasons = new Map(refused.map((each) => [`${each.environment} ${each.estimator}`, each.reason]));
  assert.match(reasons.get('cartpole kl-penalty/k2:on-policy') ?? '', /never reads the critics/);
  assert.match(
    reasons.get('cartpole dpg/pathwise') ?? '',
    /does not work with the distribution 'categorical'/,
  );
  assert.match(reasons.get('linear-quadratic dpg/pathwise') ?? '', /The temperature cannot be tuned/);
  assert.is(reasons.size, 5);
  assert.is(
    runName(runs[1]),
    'cartpole--reverse-kl_score+loo+kl-penalty_k2+on-policy@0.5--categorical--seed-0',
  );
});

test('train: the line of an evaluation has mean and deviation of its returns', async () => {
  const args = options({ ...asked, 'parallel-environments': 1 });
  const { out } = await perform(trainCommand, args);
  const { evaluations } = await performJson<Training>(trainCommand, [...args, '--json']);
  const lines = out.split('\n').filter((line) => line.startsWith('step '));
  assert.is(lines.length, evaluations.length);
  evaluations.forEach(({ step, returns }, i) => {
    const mean = returns.reduce((a, b) => a + b) / returns.length;
    const variance = returns.reduce((a, b) => a + (b - mean) ** 2, 0) / returns.length;
    const [, at, shown, spread] = /^step +(\d+) +return +(\S+) ± (\S+) /.exec(lines[i]) ?? [];
    assert.is(Number(at), step);
    assert.is(shown, mean.toFixed(1));
    assert.is(spread, Math.sqrt(variance).toFixed(1));
    assert.is.not(spread, variance.toFixed(1), 'too even to tell');
  });
});

test('train: a run that fails has its last checkpoint where --checkpoint-every says', async () => {
  const folder = join(root, 'failing');
  const wild = {
    ...asked,
    'parallel-environments': 1,
    'learning-rate': 1e30,
    'evaluate-every': 1000,
    steps: 200,
  };
  const error = await perform(
    trainCommand,
    options({ ...wild, out: folder, 'checkpoint-every': 3, warmup: 50 }),
  ).catch((each: Error) => each);
  assert.instance(error, Error);
  const step = (await findCheckpoint(folder))?.checkpoint.step ?? 0;
  assert.ok(step > 0 && step < 60 && step % 3 === 0, `${step}`);
});

test('play: seeds, episodes, sampling and environment are what was asked', async () => {
  const played = (...args: string[]) =>
    performJson<PlayReport>(playCommand, [policy, '--json', '--backend', 'cpu', ...args]);
  const returns = ({ episodes }: PlayReport) => episodes.map((episode) => episode.return);
  const one = await played('--episodes', '3', '--seed', '7');
  assert.is(one.seed, 7);
  assert.is(one.stochastic, false);
  const next = await played('--episodes', '2', '--seed', '8');
  assert.is(new Set([...returns(one), ...returns(next)]).size, 5);
  assert.equal(returns(await played('--episodes', '2', '--seed', '7')), returns(one).slice(0, 2));
  assert.is(new Set([...returns(one), ...returns(await played('--episodes', '3'))]).size, 6);
  const sampled = await played('--episodes', '3', '--seed', '7', '--stochastic');
  assert.is(sampled.stochastic, true);
  assert.not.equal(returns(sampled), returns(one));
  assert.is((await played()).episodes.length, 10);
  assert.is((await played('--env', 'linear-quadratic')).environment, 'linear-quadratic');
  assert.instance(await played('--env', 'pendulum').catch((error: Error) => error), DataError);
  const text = await perform(playCommand, [policy, '--backend', 'cpu', ...options({ episodes: 3, seed: 7 })]);
  const lines = text.out.split('\n').filter((line) => line.startsWith('episode '));
  one.episodes.forEach((episode, i) => {
    const { return: value, steps, seed: wanted } = episode;
    const [, number, seed, shown, count, end] =
      /^episode +(\d+) +seed (\d+) +return +(\S+) +(\d+) steps, (\w+)$/.exec(lines[i]) ?? [];
    assert.equal(
      [Number(number), Number(seed), shown, Number(count)],
      [i + 1, wanted, value.toFixed(2), steps],
    );
    // A linear-quadratic task never terminates.
    assert.is(end, 'truncated');
  });
});

test('play: a film shows as many steps a second as asked, and an episode that terminates is said to', async () => {
  const bandit = join(root, 'bandit');
  const small = {
    steps: 12,
    warmup: 4,
    batch: 4,
    hidden: 4,
    'evaluate-every': 12,
    episodes: 1,
    backend: 'cpu',
  };
  await perform(trainCommand, options({ env: 'bimodal-bandit', ...small, out: bandit }));
  for (const fps of [4, 25]) {
    const film = join(root, `film-${fps}.svg`);
    const args = options({ backend: 'cpu', episodes: 1, render: film, fps });
    const { out } = await perform(playCommand, [bandit, ...args]);
    assert.match(out, /1 steps, terminated\n/);
    assert.match(out, /2 frames in /);
    assert.match(readFileSync(film, 'utf8'), new RegExp(`dur="${2 / fps}s"`));
  }
});

test('report: resamples, seed, baseline and folder are what was asked, and the scores stand under their names', async () => {
  const folder = join(root, 'study');
  const learners = [
    { estimator: 'reverse-kl/pathwise', final: -150, noise: 10 },
    { estimator: 'chi2/pathwise', final: -700, noise: 10 },
  ];
  writeStudy(folder, learners, { seeds: 5 });
  const made = (...args: string[]) =>
    performJson<{ report: StudyReport; file: string }>(reportCommand, [folder, '--json', ...args]);
  const plain = await made('--resamples', '150');
  assert.equal(
    [plain.report.resamples, plain.report.seed, plain.report.baseline],
    [150, 0, 'reverse-kl/pathwise'],
  );
  assert.is(plain.file, join(folder, 'report', 'report.html'));
  const out = join(root, 'elsewhere');
  const { report, file } = await made(
    ...options({ resamples: 120, seed: 5, baseline: 'chi2/pathwise', out }),
  );
  assert.equal([report.resamples, report.seed, report.baseline], [120, 5, 'chi2/pathwise']);
  assert.is(file, join(out, 'report.html'));
  assert.equal(json('elsewhere', 'report.json').report, JSON.parse(JSON.stringify(report)));
  assert.equal(
    readdirSync(out).filter((name) => !/\.(svg|csv)$/.test(name)),
    ['report.html', 'report.json'],
  );
  const [head, ...lines] = readFileSync(join(out, 'scores.csv'), 'utf8').trimEnd().split('\n');
  assert.is(head, 'environment,method,seed,score,seconds');
  assert.is(lines.length, 10);
  for (const [i, line] of lines.entries()) {
    const [m, seed] = [Math.floor(i / 5), i % 5];
    const run = json('study', 'runs', `pendulum--${m}--seed-${seed}`, 'result.json');
    const last = run.evaluations.slice(-3).map(({ meanReturn }: Evaluation) => meanReturn);
    const [environment, method, of, score, seconds] = line.split(',');
    assert.equal([environment, method, of], ['pendulum', learners[m].estimator, String(seed)]);
    assert.ok(Math.abs(Number(score) - (last[0] + last[1] + last[2]) / 3) < 1e-9, line);
    assert.is(Number(seconds), run.evaluations.at(-1).seconds);
  }
});

/** Stands in for the program of a study's runs: keeps what it was told and fails where it is asked to. */
const program = `
import { mkdirSync, writeFileSync } from 'node:fs';
const args = process.argv.slice(2);
const of = (name) => args[args.indexOf('--' + name) + 1];
mkdirSync(of('out'), { recursive: true });
writeFileSync(of('out') + '/told.json', JSON.stringify(args));
const [environment, estimator, distribution] = ['env', 'estimator', 'distribution'].map(of);
writeFileSync(of('out') + '/config.json', JSON.stringify({ environment, estimator, distribution, seed: Number(of('seed')), adapter: 'a test' }));
if (of('seed') === '12') { console.error('it could not'); process.exit(1); }
writeFileSync(of('out') + '/result.json', JSON.stringify({ kind: 'divergrad-result', seconds: 1, evaluations: [{ step: 1, updates: 1, seconds: 1, meanReturn: -5 }] }));
`;

test('study: its runs are told seed, steps between checkpoints and settings; a run that fails makes it fail', async () => {
  const fake = join(root, 'program.mjs');
  writeFileSync(fake, program);
  const file = join(root, 'plan.yaml');
  const settings = 'settings: { steps: 30, capacity: 77, batch: 11, learningRate: 0.004 }';
  const study = (seeds: string) =>
    writeFileSync(
      file,
      `estimators: [reverse-kl/pathwise]\nenvironments: [bimodal-bandit]\n${seeds}\n${settings}\n`,
    );
  const [, script] = process.argv;
  process.argv[1] = fake;
  try {
    study('seeds: [0, 1]');
    const folder = join(root, 'good');
    const args = [file, '--json', ...options({ out: folder, seed: 10, 'checkpoint-every': 123, jobs: 2 })];
    const picture = join(root, 'a picture.svg');
    writeFileSync(picture, '<svg xmlns="http://www.w3.org/2000/svg"/>');
    const page = join(root, 'page');
    const include = ['--include', picture];
    const good = await perform(studyCommand, [...args, '--report', page, ...include]);
    assert.match(readFileSync(join(page, 'report.html'), 'utf8'), /<img alt="a picture"/);
    assert.is(good.exitCode ?? 0, 0);
    assert.equal(
      Object.values(JSON.parse(good.out).runs as Record<string, { state: string }>).map(({ state }) => state),
      ['done', 'done'],
    );
    const names = readdirSync(join(folder, 'runs')).sort();
    assert.equal(
      names.map((name) => name.split('--').at(-1)),
      ['seed-10', 'seed-11'],
    );
    const told: string[] = json('good', 'runs', names[1], 'told.json');
    const of = (name: string) => told[told.indexOf(`--${name}`) + 1];
    const expected = {
      seed: 11,
      steps: 30,
      capacity: 77,
      batch: 11,
      'learning-rate': 0.004,
      'checkpoint-every': 123,
    };
    for (const [name, value] of Object.entries(expected)) assert.is(of(name), String(value), name);
    assert.is(of('env'), 'bimodal-bandit');
    const planned = await perform(studyCommand, [
      file,
      '--dry-run',
      '--seed',
      '4',
      '--out',
      join(root, 'none'),
    ]);
    assert.equal(
      planned.out
        .trimEnd()
        .split('\n')
        .map((line) => /^divergrad train .* --seed (\d+) .*--capacity 77 /.exec(line)?.[1]),
      ['4', '5'],
    );
    assert.not.ok(existsSync(join(root, 'none')));
    await perform(reportCommand, [folder, ...options({ out: `${page} 2` }), ...include]);
    assert.match(readFileSync(join(`${page} 2`, 'report.html'), 'utf8'), /<img alt="a picture"/);
    study('seeds: [1, 2]');
    const bad = await perform(studyCommand, [file, ...options({ out: join(root, 'bad'), seed: 10 })]);
    assert.is(bad.exitCode, 1);
    assert.match(bad.out, /failed .*seed-12: it could not/);
    assert.match(bad.out, /1 of 2 runs done, 1 failed; in /);
  } finally {
    process.argv[1] = script;
  }
});

test('matrix: the coordinates of an action count', async () => {
  for (const actions of [1, 2, 3]) {
    const matrix = await performJson<Matrix>(matrixCommand, ['--json', '--actions', String(actions)]);
    assert.equal(matrix, JSON.parse(JSON.stringify(compatibilityMatrix(actions))));
    assert.is(matrix.actions, actions);
    const exact = matrix.rows.find(({ name }) => name === 'reverse-kl/exact');
    assert.equal(exact?.cells.beta, actions > 2 ? ['enumerable'] : []);
  }
});

test('throughput: shares are percentages of one whole, and rates those of the JSON', async () => {
  const args = options({
    envs: 'bimodal-bandit',
    steps: 20,
    rounds: 1,
    batch: 4,
    hidden: 4,
    backend: 'cpu',
    seed: 3,
  });
  const { out } = await perform(throughputCommand, args);
  const [facts, heads, line] = out.trimEnd().split('\n');
  assert.match(facts, /hidden 4, batch 4, .*medians of 1 rounds of 20 steps, seed 3$/);
  const shares = heads
    .split(/ +/)
    .flatMap((_, i) => (line.split(/ +/)[i].endsWith('%') ? [line.split(/ +/)[i]] : []));
  assert.is(shares.length, 4);
  const total = shares.reduce((sum, share) => sum + Number.parseFloat(share), 0);
  assert.ok(Math.abs(total - 100) < 0.3, `${shares}`);
  const report = await performJson<ThroughputReport>(throughputCommand, [...args, '--json']);
  assert.equal(report.settings, { steps: 20, batch: 4, hidden: [4], seed: 3 });
  assert.is(report.rows[0].environment, 'bimodal-bandit');
});

test('verify: a case that fails ends it with 1, none with 0', async () => {
  const document = JSON.parse(readFileSync(join(process.cwd(), 'test/golden/optim.json'), 'utf8'));
  const ended = async (name: string) => {
    const folder = mkdtempSync(join(root, `${name}-`));
    writeFileSync(join(folder, 'optim.json'), JSON.stringify(document));
    const { exitCode, out } = await perform(verifyCommand, [folder, '--json']);
    const { cases } = JSON.parse(out) as { cases: { status: string }[] };
    return { code: exitCode ?? 0, failed: cases.filter(({ status }) => status === 'failed').length };
  };
  assert.equal(await ended('right'), { code: 0, failed: 0 });
  document.cases[0].expect.p0_after.data[0] += 1;
  assert.equal(await ended('wrong'), { code: 1, failed: 1 });
});

test('verify: group, precision, backend and its build are what was asked', async () => {
  const golden = join(process.cwd(), 'test/golden');
  const folder = mkdtempSync(join(root, 'golden-'));
  for (const name of ['optim', 'ops_shape', 'ops_matmul'])
    writeFileSync(join(folder, `${name}.json`), readFileSync(join(golden, `${name}.json`)));
  const verified = (...args: string[]) =>
    performJson<VerifyReport>(verifyCommand, [folder, '--json', ...args]);
  const names = ({ groups }: VerifyReport) => groups.map(({ group }) => group).sort();
  assert.equal(names(await verified()), ['ops_matmul', 'ops_shape', 'optim']);
  assert.equal(names(await verified('--group', 'optim', '--group', 'ops_shape')), ['ops_shape', 'optim']);
  const exact = await verified('--group', 'optim', '--precision', 'f64', '--seed', '3');
  assert.equal([exact.precision, exact.backend, exact.seed], ['f64', 'cpu', 3]);
  const args = ['--backend', 'wasm', '--simd', 'scalar', '--threads', '1', '--group', 'optim'];
  const scalar = await verified(...args);
  assert.equal([scalar.backend, scalar.precision], ['wasm', 'f32']);
  assert.match(scalar.description, /no SIMD, 1 thread,/);
  const vector = await verified('--backend', 'wasm', '--simd', 'simd', '--threads', '1', '--group', 'optim');
  assert.not.match(vector.description, /no SIMD/);
});

test('matrix: a document is renewed, printed or checked as asked', async () => {
  const file = join(root, 'document.md');
  const stale = '# A page\n\n<!-- generated: matrix -->\nold\n<!-- end: matrix -->\n';
  writeFileSync(file, stale);
  const checked = () => perform(matrixCommand, ['--check', file]).catch((error: Error) => error);
  assert.instance(await checked(), DataError);
  assert.is(readFileSync(file, 'utf8'), stale);
  const { out } = await perform(matrixCommand, ['--write', file]);
  assert.is(out, `${file}: renewed\n`);
  const printed = await perform(matrixCommand, ['--markdown']);
  assert.ok(readFileSync(file, 'utf8').includes(printed.out.trim()));
  assert.not.instance(await checked(), Error);
});

test('every option was given, but for those that have tests of their own', () => {
  // Of every command: test/study/plugins.
  const never = (of: Parameters<typeof neverGiven>[0]) =>
    neverGiven(of).filter((flag) => flag !== '--plugin');
  assert.equal(never(trainCommand), ['--debug-numerics', '--workers']);
  assert.equal(never(matrixCommand), ['--seed']);
  for (const command of [playCommand, reportCommand, studyCommand, throughputCommand, verifyCommand])
    assert.equal(never(command), []);
});

test.run();
