// A study's way into its runs and out of them: every setting as an argument of train, every run without a result counted.
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { trainCommand } from '../../src/cli/train.ts';
import { FileError } from '../../src/errors.ts';
import { runName } from '../../src/study/config.ts';
import { readStudyResults } from '../../src/study/results.ts';
import { type RunSettings, trainArguments } from '../../src/study/runs/settings.ts';
import { commandOf } from '../helpers/perform.ts';
import { writeStudy } from '../helpers/study-folder.ts';

const test = suite('folders of a study');
const root = mkdtempSync(join(tmpdir(), 'divergrad-folders-'));
test.after(() => rmSync(root, { recursive: true }));

/** No two alike. */
const settings: RunSettings = {
  ...{ environment: 'cartpole', estimator: 'reverse-kl/score:loo', distribution: 'categorical', samples: 3 },
  ...{ seed: 5, steps: 701, batch: 11, hidden: [13, 17], learningRate: 0.0019, temperature: 0.23 },
  ...{ warmup: 29, updatesPerStep: 2, evaluateEvery: 31, evaluationEpisodes: 7, capacity: 997 },
  ...{ parallelEnvironments: 4, backend: 'cpu', criticTarget: 'sample' },
};

test("a run's arguments say every setting once, and train reads the same out of them", () => {
  const args = trainArguments(settings);
  const command = commandOf(trainCommand);
  command.parseOptions(args);
  const read = command.opts();
  const { environment: env, evaluationEpisodes: episodes, ...same } = settings;
  for (const [name, value] of Object.entries({ ...same, env, episodes }))
    assert.equal(read[name], value, name);
  assert.is(args.length, 2 * Object.keys(settings).length);
  assert.is(runName(settings), 'cartpole--reverse-kl_score+loo--categorical--seed-5');
});

test('runs without a result are counted, wherever they stand among the others', async () => {
  const folder = join(root, 'study');
  writeStudy(folder, [{ estimator: 'reverse-kl/pathwise', final: -200, noise: 5 }], { seeds: 6 });
  const names = (await readdir(join(folder, 'runs'))).sort();
  assert.equal([names.length, (await readStudyResults(folder)).unfinished], [6, 0]);
  for (const [i, left] of [
    [0, 1],
    [3, 2],
    [4, 3],
  ]) {
    await rm(join(folder, 'runs', names[i], 'result.json'));
    const { runs, unfinished } = await readStudyResults(folder);
    assert.equal([runs.length, unfinished], [6 - left, left]);
  }
});

test('a run whose folder is gone is named, not left out', async () => {
  const folder = join(root, 'moved');
  writeStudy(folder, [{ estimator: 'reverse-kl/pathwise', final: -200, noise: 5 }], { seeds: 2 });
  await symlink(join(root, 'nowhere'), join(folder, 'runs', 'zz'), 'junction');
  try {
    await readStudyResults(folder);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, FileError);
    assert.match((error as Error).message, /zz' cannot be read: it does not exist/);
  }
});

test.run();
