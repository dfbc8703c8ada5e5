// Every place that says what the settings of a run are says exactly those of the table.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { studyCommand } from '../../src/cli/study.ts';
import { trainCommand } from '../../src/cli/train.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { LocalVector } from '../../src/envs/vector.ts';
import { trainNumbersOf } from '../../src/rl/train-options.ts';
import { runSettings } from '../../src/rl/training-setup.ts';
import { readStudy } from '../../src/study/config.ts';
import { performRun } from '../../src/study/runs/run.ts';
import { completeSettings, learnerOf } from '../../src/study/runs/run-settings.ts';
import { identityNames, type RunSettings, settingEntries } from '../../src/study/runs/settings.ts';
import { commandOf } from '../helpers/perform.ts';

const test = suite('the table of settings');
const root = mkdtempSync(join(tmpdir(), 'divergrad-table-'));
test.after(() => rmSync(root, { recursive: true }));

const asked = {
  ...{ environment: 'cartpole', estimator: 'reverse-kl/score', distribution: 'categorical', steps: 8 },
  ...{ warmup: 2, batch: 2, hidden: [2], evaluateEvery: 8, evaluationEpisodes: 1, capacity: 8 },
  backend: 'cpu' as const,
};

test('the flags of train, with their help and defaults', () => {
  const others = ['--config', '--out', '--debug-numerics', '--json', '--plugin', '--debug'];
  const options = commandOf(trainCommand).options.filter(({ long }) => !others.includes(long ?? ''));
  assert.equal(
    options.map(({ flags, description, defaultValue }) => [flags, description, defaultValue]).sort(),
    settingEntries.map(([, { flag, help, default: usual }]) => [flag, help, usual]).sort(),
  );
});

test("the keys of a study's file: those that say which run it is, but for what it lists", () => {
  const said = [...identityNames].filter(
    (name) => !['environment', 'estimator', 'distribution', 'seed'].includes(name),
  );
  const head = 'estimators: [reverse-kl/score]\nenvironments: [cartpole]\n';
  let refused = '';
  try {
    readStudy(`${head}settings: { nothing: 1 }`);
  } catch (error) {
    refused = String((error as { hint?: string }).hint);
  }
  assert.is(refused, `Known: ${said.join(', ')}.`);
  let help = '';
  commandOf(studyCommand)
    .configureOutput({ writeOut: (text) => void (help += text) })
    .outputHelp();
  assert.match(help, `Settings: ${said.join(', ')}.`);
  for (const [name, { default: usual, kind }] of settingEntries) {
    if (!(said as string[]).includes(name) || usual === undefined) continue;
    const { settings } = readStudy(`${head}settings: { ${name}: ${JSON.stringify(usual)} }`);
    assert.equal(settings, { [name]: kind.parse(String(usual)) });
  }
});

test('config.json, and the settings with which a run is compared', async () => {
  const folder = join(root, 'run');
  await performRun(await completeSettings(asked), {
    folder,
    making: { versions: {}, command: [] },
    checkpointEvery: 100,
  });
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const beside = ['kind', 'versions', 'adapter', 'command', 'checksum'];
  assert.equal(
    Object.keys(config)
      .filter((key) => !beside.includes(key))
      .sort(),
    [...identityNames].sort(),
  );
});

test('the identity of a checkpoint: all that changes what the next step computes', async () => {
  const identity = async (settings: RunSettings) => {
    const { environment, parallelEnvironments: count, steps } = settings;
    const environments = new LocalVector(Array.from({ length: count }, () => makeEnvironment(environment)));
    return JSON.stringify(
      runSettings(
        {
          ...trainNumbersOf(settings),
          ...{ steps, environments, learner: learnerOf(settings) },
          makeEnvironment: () => makeEnvironment(environment),
        },
        environment,
      ),
    );
  };
  const own = await completeSettings(asked);
  const other: Readonly<Record<Exclude<keyof RunSettings, 'plugins'>, unknown>> = {
    ...{ environment: 'acrobot', estimator: 'reverse-kl/exact', distribution: 'relaxed-categorical' },
    ...{ samples: 3, seed: 1, steps: 16, batch: 3, hidden: [3], learningRate: 0.5, temperature: 0.5 },
    ...{ criticTarget: 'sample', warmup: 3, updatesPerStep: 2, evaluateEvery: 4, evaluationEpisodes: 2 },
    ...{ capacity: 9, parallelEnvironments: 2, backend: 'wasm' },
  };
  assert.equal(Object.keys(other).sort(), [...identityNames].sort());
  const same: string[] = [];
  for (const name of identityNames) {
    // What is chosen by environment, estimator and distribution is chosen anew.
    const { samples: _s, temperature: _t, criticTarget: _c, ...rest } = own;
    const changed = await completeSettings({
      ...(['environment', 'estimator', 'distribution'].includes(name) ? rest : own),
      [name]: other[name],
    } as RunSettings);
    if ((await identity(changed)) === (await identity(own))) same.push(name);
  }
  // A run may be made longer, and its device may be another: config.json holds these.
  assert.equal(same, ['steps', 'backend']);
});

test.run();
