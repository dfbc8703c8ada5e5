// `divergrad study --report` as a user meets it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli, inFolder } from '../helpers/process.ts';

test('study --report writes the report of what it has run, in one command', async () => {
  await inFolder(async (folder) => {
    const config = join(folder, 'tiny.yaml');
    writeFileSync(
      config,
      `estimators: [reverse-kl/pathwise, 'forward-kl/snis:policy']
environments: [bimodal-bandit]
seeds: 2
settings: { steps: 60, warmup: 20, batch: 4, hidden: [8], evaluateEvery: 30, evaluationEpisodes: 2, backend: cpu }
`,
    );
    const out = join(folder, 'tiny-report');
    const { code, stdout, stderr } = await cli([
      'study',
      config,
      '--out',
      join(folder, 'tiny'),
      '--report',
      out,
    ]);
    assert.is(code, 0, stderr);
    assert.match(stdout, /4 of 4 runs done/);
    assert.match(stdout, /The report is .*tiny-report.report\.html\./);
    assert.match(readFileSync(join(out, 'scores.csv'), 'utf8'), /bimodal-bandit,forward-kl\/snis:policy,1,/);
  });
});

test.run();
