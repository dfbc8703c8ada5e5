// Plugins on the built command line: worker threads and the processes of a study load them too.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cliOutput } from '../helpers/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-plugins-'));
const at = (name: string) => join(folder, name);
const document = readFileSync('docs/plugins.md', 'utf8');
for (const [, name, text] of document.matchAll(/^`(\w+\.mjs)`\n\n```js\n([\s\S]*?)^```$/gm))
  writeFileSync(at(name), text);
const small = 'steps: 20, warmup: 10, batch: 4, hidden: [4], evaluateEvery: 20, evaluationEpisodes: 1';

test('environments of a plugin run in worker threads as in one thread', async () => {
  const train = async (...more: string[]) => {
    const settings =
      '--steps 40 --warmup 20 --hidden 4 --batch 4 --evaluate-every 20 --episodes 1 --backend cpu';
    const args = ['train', '--plugin', at('point.mjs'), '--env', 'point', ...settings.split(' ')];
    return JSON.parse(await cliOutput([...args, '--parallel-environments', '2', '--json', ...more]))
      .evaluations;
  };
  const none = await train();
  assert.is(none.length, 2);
  assert.equal(await train('--workers', '2'), none);
});

test('the runs of a study load its plugins', async () => {
  writeFileSync(
    at('study.yaml'),
    `plugins: [neyman.mjs, gumbel.mjs, point.mjs]\nestimators: [neyman/score]\ndistributions: [gumbel]\nenvironments: [point]\nseeds: 1\nsettings: { ${small}, backend: cpu }\n`,
  );
  const { runs } = JSON.parse(await cliOutput(['study', at('study.yaml'), '--out', at('out'), '--json']));
  assert.equal(
    Object.values(runs as Record<string, { state: string }>).map(({ state }) => state),
    ['done'],
  );
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
