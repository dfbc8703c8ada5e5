// A setting that is made up: a line of its default, a line of its range and an entry of the table. It appears wherever
// settings do, and says which run a run is.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildEdited } from '../helpers/edited-cli.ts';
import { type Ended, run } from '../helpers/process.ts';

const additions: Readonly<Record<string, readonly [after: string, added: string]>> = {
  'src/rl/train-options.ts': ['  seed: 0,\n', '  patience: 7,\n'],
  'src/rl/ranges.ts': ['  seed: whole(0, most),\n', '  patience: whole(1, 9),\n'],
  'src/study/runs/settings.ts': [
    'export const settingsTable = {\n',
    "  patience: { flag: '--patience <n>', help: 'made up', ...trained('patience') },\n",
  ],
};
const folder = mkdtempSync(join(tmpdir(), 'divergrad-setting-'));
const cli = join(folder, 'cli.mjs');
const divergrad = (...args: string[]): Promise<Ended> => run(process.execPath, [cli, ...args]);

test.before(() =>
  buildEdited(
    cli,
    Object.entries(additions).map(([file, [after, added]]) => ({ file, from: after, to: after + added })),
  ),
);
test.after(() => rmSync(folder, { recursive: true, force: true }));

const short =
  '--env bimodal-bandit --backend cpu --steps 20 --warmup 10 --hidden 4 --batch 4 --evaluate-every 10 --episodes 1';

test('it is in the help of train and study, and in the documented table', async () => {
  assert.match((await divergrad('train', '--help')).stdout, /--patience <n> +made up \(default: 7\)/);
  assert.match((await divergrad('study', '--help')).stdout, /Settings: patience, /);
  const document = join(folder, 'settings.md');
  copyFileSync('docs/settings.md', document);
  assert.is((await divergrad('matrix', '--check', document)).code, 1);
  await divergrad('matrix', '--write', document);
  assert.match(
    readFileSync(document, 'utf8'),
    /^\| `patience` \| `--patience <n>` \| made up \| a whole number from 1 to 9 \| `7` \|$/m,
  );
});

test('it is read as a flag and from a study, within its range', async () => {
  const refused = await divergrad('train', ...short.split(' '), '--patience', '10');
  assert.match(refused.stderr, /It must be a whole number from 1 to 9/);
  const study = join(folder, 'study.yaml');
  const plan = async (patience: string) => {
    writeFileSync(
      study,
      `estimators: [reverse-kl/score]\nenvironments: [bimodal-bandit]\nseeds: 1\nsettings: { patience: ${patience} }\n`,
    );
    return divergrad('study', study, '--dry-run');
  };
  assert.match((await plan('3')).stdout, /^divergrad train .*--patience 3/);
  assert.match((await plan('0')).stderr, /settings\.patience is 0; it must be a whole number from 1 to 9/);
});

test('it is in config.json, and a run with another is another', async () => {
  const out = join(folder, 'run');
  const train = (patience: string) =>
    divergrad('train', ...short.split(' '), '--patience', patience, '--out', out);
  assert.is((await train('5')).code, 0);
  assert.is(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')).patience, 5);
  rmSync(join(out, 'result.json'));
  assert.match((await train('6')).stderr, /patience 5 instead of 6/);
});

test.run();
