// Which run, and which study, a folder holds: asked both ways, and answered before anything is changed.
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { estimators } from '../../src/divergences/registry.ts';
import { reportOf } from '../../src/report/report.ts';
import { planStudy, readStudy, runName } from '../../src/study/config.ts';
import { readStudyResults } from '../../src/study/results.ts';
import { findCheckpoint, saveCheckpoint } from '../../src/study/runs/checkpoint-file.ts';
import { performRun } from '../../src/study/runs/run.ts';
import { RunFolder, readConfig } from '../../src/study/runs/run-folder.ts';
import { completeSettings } from '../../src/study/runs/run-settings.ts';
import {
  differences,
  identityNames,
  type RunSettings,
  type Setting,
  settingsTable,
} from '../../src/study/runs/settings.ts';
import { performStudy, type StudyOptions } from '../../src/study/study.ts';
import { command } from '../helpers/command.ts';
import { writeStudy } from '../helpers/study-folder.ts';

const test = suite('identity of runs and studies');
const root = mkdtempSync(join(tmpdir(), 'divergrad-identity-'));
test.after(() => rmSync(root, { recursive: true }));
const making = { versions: { divergrad: 'test' }, adapter: 'a test', command: ['train'] };

const asked = {
  ...{
    environment: 'bimodal-bandit',
    estimator: 'reverse-kl/score',
    seed: 4,
    steps: 40,
    batch: 4,
    hidden: [4],
  },
  ...{ warmup: 8, evaluateEvery: 10, evaluationEpisodes: 2, capacity: 64, backend: 'cpu' as const },
};
const message = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'accepted',
    (error: Error) => error.message,
  );

/** Another value that the setting may have. */
const other: { readonly [name in keyof RunSettings]: RunSettings[name] } = {
  ...{ environment: 'pendulum', estimator: 'reverse-kl/pathwise', distribution: 'gaussian', samples: 8 },
  ...{ seed: 5, steps: 50, batch: 5, hidden: [5], learningRate: 2e-3, temperature: 0.3, warmup: 9 },
  ...{ criticTarget: 'expectation', updatesPerStep: 2, evaluateEvery: 20, evaluationEpisodes: 3 },
  ...{ capacity: 65, parallelEnvironments: 2, backend: 'wasm' },
};

test('settings differ in whatever either side has, and are whole: defaults and what is chosen included', async () => {
  const settings = await completeSettings(asked);
  assert.equal(Object.keys(settings).sort(), [...identityNames].sort());
  assert.is(settings.samples, 16);
  const config = { kind: 'divergrad-run', ...settings, ...making };
  assert.equal(differences(config, settings), []);
  for (const name of identityNames) {
    const said = [
      differences({ ...config, [name]: other[name] }, settings),
      differences(config, { ...settings, [name]: other[name] }),
    ];
    for (const list of said) assert.match(list.join(), new RegExp(`^${name} .* instead of `), name);
    // A run that does not say it is another one, but where it could only have one value.
    const { [name]: _, ...without } = config;
    const { unsaid }: Setting = settingsTable[name];
    assert.is(differences(without, settings).length, unsaid ? 0 : 1, name);
  }
  // Of a newer release, which has a setting more.
  assert.equal(differences({ ...config, discount: 0.9 }, settings), ['discount 0.9 instead of none']);
});

test('a run begun with 8 samples is not gone on with as another, and one begun anew says what it is', async () => {
  const folder = join(root, 'eight');
  const eight = await completeSettings({ ...asked, samples: 8 });
  await (await RunFolder.open(folder, eight, making)).close();
  const before = await readFile(join(folder, 'config.json'), 'utf8');
  assert.match(
    await message(RunFolder.open(folder, await completeSettings(asked), making)),
    /holds another run: samples 8 instead of 16\./,
  );
  assert.is(await readFile(join(folder, 'config.json'), 'utf8'), before);
  // Nothing had been done: what a later release does is that release's.
  await (await RunFolder.open(folder, eight, { ...making, versions: { divergrad: 'later' } })).close();
  assert.equal((await readConfig(folder))?.versions, { divergrad: 'later' });
});

test('a checkpoint that a run cannot go on from is refused before anything is said or changed', async () => {
  const folder = join(root, 'older');
  const settings = await completeSettings(asked);
  const stop = new AbortController();
  const options = { folder, making, checkpointEvery: 10, signal: stop.signal };
  await performRun(settings, { ...options, onStep: (step) => (step === 20 ? stop.abort() : undefined) });
  const found = await findCheckpoint(folder);
  assert.ok(found);
  for (const [damage, why] of [
    [{ streams: 1 }, /draws from random streams of version 1/],
    [
      { settings: { ...found.checkpoint.settings, 'learner.tau': 0.5 } },
      /learner\.tau 0\.5 instead of 0\.005/,
    ],
  ] as const) {
    await saveCheckpoint(folder, { ...found.checkpoint, ...damage });
    const held = async () => {
      const names = (await readdir(folder)).sort();
      return Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'base64')]));
    };
    const before = await held();
    let started = false;
    const onStart = () => {
      started = true;
    };
    assert.match(await message(performRun(settings, { folder, making, checkpointEvery: 10, onStart })), why);
    assert.is(started, false);
    assert.equal(await held(), before);
  }
});

test('what cannot be trained is refused before there is a folder', async () => {
  const refused: readonly [string[], RegExp][] = [
    [['--samples', '1'], /reverse-kl\/score:loo needs at least 2 samples/],
    [['--parallel-environments', '3'], /steps is 40; with 3 environments it must be a multiple of 3/],
    [['--temperature', '1e9'], /It must be auto, or a finite number from 0\.000001 to 1000000/],
    [['--temperature', ''], /It must be auto, or a finite number/],
    [['--learning-rate', '0'], /It must be a finite number above 0/],
    [['--seed', '9007199254740992'], /whole number/],
    [['--seed', '9007199254740993'], /whole number/],
  ];
  const args = ['--env', 'bimodal-bandit', '--estimator', 'reverse-kl/score', '--steps', '40'];
  for (const [more, why] of refused) {
    const out = join(root, `refused-${more[1]}`);
    const { code, stderr } = await command('train', ...args, '--backend', 'cpu', '--out', out, ...more);
    assert.is(code, 2, stderr);
    assert.match(stderr, why);
    assert.equal(await readdir(out).catch(() => 'absent'), 'absent');
  }
});

test('estimators that are offered instead of one that does not fit can be trained', async () => {
  for (const [environment, distribution, estimator] of [
    ['cartpole', 'categorical', 'reverse-kl/pathwise'],
    ['pendulum', 'gaussian', 'reverse-kl/exact'],
  ]) {
    const said = await message(completeSettings({ environment, distribution, estimator }));
    const offered = /these work: (.*)\.$/.exec(said)?.[1].split(', ') ?? [];
    assert.ok(offered.length > 3, said);
    for (const name of offered)
      assert.is(
        await message(completeSettings({ environment, distribution, estimator: name })),
        'accepted',
        name,
      );
    assert.ok(estimators.some(({ name }) => name === 'kl-penalty/k3') && !offered.includes('kl-penalty/k3'));
  }
});

/** The runs of a study, each whole already in its folder. */
async function writeRuns(folder: string, text: string, seed = 0): Promise<readonly RunSettings[]> {
  const { runs } = await planStudy(readStudy(text), seed);
  for (const settings of runs) {
    const run = join(folder, 'runs', runName(settings));
    await mkdir(run, { recursive: true });
    await writeFile(
      join(run, 'config.json'),
      JSON.stringify({ kind: 'divergrad-run', ...settings, ...making }),
    );
    const evaluations = [{ step: 1, updates: 1, seconds: 1, returns: [1], meanReturn: 1, metrics: {} }];
    const result = { kind: 'divergrad-result', made: { ...making, settings }, seconds: 1, evaluations };
    await writeFile(join(run, 'result.json'), JSON.stringify(result));
  }
  return runs;
}

/** What comes of a study in a folder that has all its runs, or of another. */
async function studied(folder: string, text: string, seed = 0): Promise<string> {
  const config = readStudy(text);
  const { runs, refused } = await planStudy(config, seed);
  const options: StudyOptions = {
    ...{ folder, config, runs, refused, making, jobs: 1, checkpointEvery: 1, command: ['false'] },
    signal: AbortSignal.abort(),
  };
  return message(performStudy(options));
}

const studyOf = (seeds: string, settings = '', list = 'reverse-kl/score') =>
  `estimators: [${list}]\nenvironments: [bimodal-bandit]\nseeds: ${seeds}\nsettings: { steps: 30, ${settings} }\n`;

test('a folder holds this study, or one that this one has grown from, or another', async () => {
  const folder = join(root, 'study');
  await writeRuns(folder, studyOf('[0, 1]'));
  assert.is(await studied(folder, studyOf('[0, 1]')), 'accepted');
  assert.is(await studied(folder, studyOf('[0, 1, 2]')), 'accepted');
  assert.is(await studied(folder, studyOf('[0, 1]', '', 'reverse-kl/score, dpg/pathwise')), 'accepted');
  const before = await readFile(join(folder, 'study.json'), 'utf8');
  for (const [text, seed, why] of [
    [studyOf('[0]'), 0, /holds 1 runs that are not of this study; the first: .*--seed-1/],
    [studyOf('[0, 1]'), 1, /holds 1 runs that are not of this study; the first: .*--seed-0/],
    [studyOf('[0, 1]'), 9, /holds 2 runs that are not of this study/],
    [studyOf('[0, 1]', '', 'dpg/pathwise'), 0, /holds 2 runs that are not of this study/],
    [studyOf('[0, 1]', 'samples: 8'), 0, /other settings: samples 16 instead of 8/],
    [studyOf('[0, 1]', 'batch: 5'), 0, /other settings: batch 64 instead of 5/],
  ] as const)
    assert.match(await studied(folder, text, seed), why);
  assert.is(await readFile(join(folder, 'study.json'), 'utf8'), before);
});

test('a result says what it is of where config.json does not, and must agree with it where it does', async () => {
  const folder = join(root, 'two truths');
  const [first] = await writeRuns(folder, studyOf('1', 'samples: 8'));
  const config = join(folder, 'runs', runName(first), 'config.json');
  await rm(config);
  assert.match(await studied(folder, studyOf('1')), /other settings: samples 8 instead of 16/);
  assert.is(await studied(folder, studyOf('1', 'samples: 8')), 'accepted');
  await writeFile(config, JSON.stringify({ kind: 'divergrad-run', ...first, ...making, samples: 16 }));
  for (const said of [await studied(folder, studyOf('1')), await message(readStudyResults(folder))])
    assert.match(said, /result\.json' is of another run than its config\.json: samples 8 instead of 16/);
});

test('runs of one method with different samples are not one sample of it', async () => {
  const folder = join(root, 'mixed');
  await writeRuns(folder, studyOf('[0]', 'samples: 8'));
  await writeRuns(folder, studyOf('[1]'));
  const results = await readStudyResults(folder);
  assert.throws(
    () => reportOf([results], { resamples: 100 }),
    /The runs of reverse-kl\/score:loo in bimodal-bandit have different settings: samples is 16 in .* and 8 in /,
  );
});

test('what a file manager leaves among runs is none', async () => {
  const folder = join(root, 'strays');
  writeStudy(folder, [{ estimator: 'reverse-kl/pathwise', final: -200, noise: 5 }], { seeds: 2 });
  const { runs, unfinished } = await readStudyResults(folder);
  for (const name of ['.DS_Store', 'Thumbs.db', '._config.json'])
    await writeFile(join(folder, 'runs', name), 'x');
  await mkdir(join(folder, 'runs', '.ipynb_checkpoints'));
  assert.equal(await readStudyResults(folder), { title: 'A study', runs, unfinished });
  assert.equal([runs.length, unfinished], [2, 0]);
  const small = join(root, 'strays of a study');
  await writeRuns(small, studyOf('1'));
  await writeFile(join(small, 'runs', '.DS_Store'), 'x');
  assert.is(await studied(small, studyOf('1')), 'accepted');
  const run = join(root, 'strays of a run');
  await mkdir(run);
  await writeFile(join(run, '.DS_Store'), 'x');
  await (await RunFolder.open(run, await completeSettings(asked), making)).close();
});

test('seeds of a study end where integers do', async () => {
  const least = Number.MAX_SAFE_INTEGER;
  const plan = (seeds: string, seed: number) =>
    planStudy(readStudy(studyOf(seeds)), seed).then(({ runs }) => runs.map((run) => run.seed));
  assert.equal(await plan('2', least - 1), [least - 1, least]);
  for (const [seeds, seed] of [
    ['3', least - 1],
    ['[0, 1]', least],
    ['[9007199254740991]', 1],
  ] as const)
    assert.match(await message(plan(seeds, seed)), /the highest seed is 9007199254740991/);
  for (const seed of ['9007199254740992', '9007199254740993', '1e300'])
    assert.throws(() => readStudy(studyOf(`[${seed}]`)), /seeds\[0\] is /);
});

test.run();
