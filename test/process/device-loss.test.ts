// `train` and `study` on a GPU whose device is destroyed in the middle: they say so, and end with the numbers of an
// undisturbed run.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli } from '../helpers/process.ts';

const preload = pathToFileURL(join(process.cwd(), 'test/helpers/lose-device.mjs')).href;
const folder = mkdtempSync(join(tmpdir(), 'divergrad-loss-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

async function run(args: readonly string[], loseAfter?: number) {
  const lost = join(folder, `lost-${loseAfter}-${args[0]}`);
  const { code, stderr } = await cli(args, {
    env:
      loseAfter === undefined
        ? {}
        : {
            NODE_OPTIONS: `--import ${preload}`,
            DIVERGRAD_TEST_LOSE_AFTER: String(loseAfter),
            DIVERGRAD_TEST_LOST: lost,
          },
  });
  assert.is(code, 0, stderr);
  return { stderr, losses: existsSync(lost) ? readFileSync(lost, 'utf8').trim().split('\n').length : 0 };
}

/** What a run measured and learned, without times. */
function outcome(path: string) {
  const read = (file: string) => JSON.parse(readFileSync(join(path, file), 'utf8'));
  const evaluations = read('result.json').evaluations.map(
    ({ seconds: _seconds, ...rest }: { seconds: number }) => rest,
  );
  return { evaluations, parameters: read('policy.json').parameters };
}

test('train goes on from its last checkpoint, or from the start, and learns the same', async () => {
  const train = (out: string, loseAfter?: number) => {
    const settings =
      'train --env pendulum --backend webgpu --steps 160 --warmup 60 --hidden 8 --batch 8 --evaluate-every 80 --episodes 1 --seed 4 --checkpoint-every 50';
    return run([...settings.split(' '), '--out', join(folder, out)], loseAfter);
  };
  assert.is((await train('undisturbed')).stderr.includes('goes on from'), false);
  const expected = outcome(join(folder, 'undisturbed'));
  assert.is(expected.evaluations.length, 2);
  for (const [loseAfter, from] of [
    [5, /The device was lost.*The run goes on from step 0\./],
    [150, /The device was lost.*The run goes on from step (50|100|150)\./],
  ] as const) {
    const { stderr, losses } = await train(`lost-${loseAfter}`, loseAfter);
    assert.is(losses, 1);
    assert.match(stderr, from);
    assert.equal(outcome(join(folder, `lost-${loseAfter}`)), expected);
  }
});

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
