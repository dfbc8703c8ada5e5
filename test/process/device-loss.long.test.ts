// `study` on a GPU whose device is destroyed in the middle of every run.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { folder, outcome, run } from './device-loss-setting.ts';

test.after(() => rmSync(folder, { recursive: true, force: true }));

test('a study whose runs each lose their device ends with the same numbers', async () => {
  const config = join(folder, 'study.json');
  writeFileSync(
    config,
    JSON.stringify({
      estimators: ['reverse-kl/pathwise'],
      environments: ['pendulum'],
      seeds: 2,
      settings: {
        ...{ steps: 120, warmup: 60, hidden: [8], batch: 8, evaluateEvery: 60, evaluationEpisodes: 1 },
        backend: 'webgpu',
      },
    }),
  );
  const study = (out: string, loseAfter?: number) =>
    run(['study', config, '--jobs', '2', '--checkpoint-every', '40', '--out', join(folder, out)], loseAfter);
  await study('study');
  assert.is((await study('study-lost', 100)).losses, 2);
  const runs = readdirSync(join(folder, 'study/runs'));
  assert.is(runs.length, 2);
  for (const name of runs)
    assert.equal(
      outcome(join(folder, 'study-lost/runs', name)),
      outcome(join(folder, 'study/runs', name)),
      name,
    );
});

test.run();
