// A report of runs with more evaluations than a call takes arguments.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { command } from '../helpers/command.ts';

const COUNT = 150_000;

test('150,000 evaluations', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-many-'));
  const names = { environment: 'pendulum', estimator: 'reverse-kl/pathwise', distribution: 'tanh-gaussian' };
  {
    const [seed, run] = [1, folder];
    const config = { kind: 'divergrad-run', ...names, seed, steps: COUNT, adapter: 'cpu' };
    writeFileSync(join(run, 'config.json'), JSON.stringify(config));
    const evaluations = Array.from({ length: COUNT }, (_, i) => ({
      ...{ step: i + 1, updates: i + 1, seconds: i, returns: [-seed], meanReturn: -seed, metrics: {} },
    }));
    writeFileSync(
      join(run, 'result.json'),
      JSON.stringify({ kind: 'divergrad-result', seconds: COUNT, evaluations }),
    );
  }
  const { code, stderr, stdout } = await command('report', folder, '--resamples', '100');
  rmSync(folder, { recursive: true });
  assert.is(code, 0, stderr);
  assert.match(stdout, /pendulum .*-1\.00/);
});

test.run();
