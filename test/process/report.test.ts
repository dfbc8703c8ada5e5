// `divergrad report` as a user meets it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { command } from '../helpers/command.ts';
import { cli } from '../helpers/process.ts';
import { writeStudy } from '../helpers/study-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-report-'));
test.after(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => cli(args);

const study = join(folder, 'study');
writeStudy(
  study,
  [
    { estimator: 'reverse-kl/pathwise', final: -150, noise: 20 },
    { estimator: 'renyi/dreg:2', final: -170, noise: 20 },
  ],
  { seeds: 4 },
);

test('a study becomes a page, pictures, tables and JSON; the same seed gives the same numbers', async () => {
  const cost = join(folder, 'cost.json');
  const bench = await run(
    ...['bench', '--quick', '--backend', 'cpu', '--batch', '4', '--hidden', '4', '--json', cost],
    ...['--estimators', 'reverse-kl/pathwise,reverse-kl/score:loo'],
  );
  assert.is(bench.code, 0, bench.stderr);
  const out = join(folder, 'out');
  const options = ['--out', out, '--include', cost, 'docs/quality', '--resamples', '200', '--json'];
  const first = await run('report', study, ...options);
  assert.is(first.code, 0, first.stderr);
  assert.is(first.stderr, '');
  const document = JSON.parse(first.stdout);
  assert.is(document.kind, 'divergrad-report');
  assert.is(document.findings.length, 3);
  assert.equal(document.command.slice(0, 2), ['report', study]);
  assert.ok(document.versions.divergrad);
  const page = readFileSync(join(out, 'report.html'), 'utf8');
  assert.match(page, /reverse-kl\/score:loo/, 'the cost table');
  assert.match(page, /data:image\/svg\+xml;base64/, 'the pictures of quality');
  for (const name of ['curves-steps', 'aggregate', 'improvement', 'profile']) {
    assert.match(readFileSync(join(out, `${name}.svg`), 'utf8'), /^<svg /);
    assert.match(readFileSync(join(out, `${name}.csv`), 'utf8'), /renyi\/dreg:2/);
  }
  const again = JSON.parse((await run('report', study, ...options)).stdout);
  assert.equal(again.report, document.report);
  const text = await run('report', study, '--out', out, '--resamples', '200');
  assert.match(text.stdout, /pendulum +reverse-kl\/pathwise +4 /);
  assert.match(text.stdout, /report\.html$/m);
});

test('what is no study, or damaged, is refused with file and key, exit code 1', async () => {
  const refused = async (message: RegExp, ...args: string[]) => {
    const { code, stderr } = await command('report', ...args);
    assert.is(code, 1, stderr);
    assert.match(stderr, message);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  };
  await refused(/holds no study.*study\.json/, join(folder, 'nothing'));
  const bad = join(folder, 'bad');
  writeStudy(bad, [{ estimator: 'reverse-kl/pathwise', final: -150, noise: 1 }], { seeds: 1 });
  const result = join(bad, 'runs/pendulum--0--seed-0/result.json');
  const evaluation = { step: 1, updates: 1, seconds: 1, meanReturn: null };
  writeFileSync(result, JSON.stringify({ kind: 'divergrad-result', evaluations: [evaluation] }));
  await refused(/result\.json': evaluations\[0\]\.meanReturn is null/, bad);
  const at = (step: number) => ({ step, updates: 1, seconds: 1, meanReturn: 1 });
  writeFileSync(result, JSON.stringify({ kind: 'divergrad-result', evaluations: [at(2000), at(1000)] }));
  await refused(/evaluations\[1\]\.step is 1000; it must be above 2000/, bad);
  writeFileSync(result, '{"kind":');
  await refused(/result\.json' is not JSON/, bad);
  const other = join(folder, 'other.json');
  writeFileSync(
    other,
    '{"kind":"divergrad-cost","reports":[{"rows":[{"estimator":"x","ratioInterval":{}}]}]}',
  );
  await refused(/other\.json': adapter is missing; it must be a string/, study, '--include', other);
  const report = {
    adapter: 'a',
    baseline: 'b',
    settings: { distribution: 'd', batch: 1, hidden: [1] },
    rows: [] as unknown[],
  };
  const rows = [
    { estimator: 'x', samples: 1, msPerUpdate: 1, ratio: 1, flops: 1, bytes: 1, kernelsPerUpdate: 1 },
  ];
  for (const [damage, message] of [
    [{ rows: undefined }, /rows is missing; it must be an object/],
    [{ settings: undefined }, /settings is missing/],
    [{ rows: [{ ...rows[0], ratioInterval: null }] }, /x: ratioInterval is null/],
    [
      { rows: [{ ...rows[0], ratioInterval: { low: 1 } }] },
      /x: ratioInterval\.high is missing; it must be a number/,
    ],
  ] as const) {
    writeFileSync(other, JSON.stringify({ kind: 'divergrad-cost', reports: [{ ...report, ...damage }] }));
    await refused(message, study, '--include', other);
  }
  writeFileSync(other, JSON.stringify({ kind: 'divergrad-cost' }));
  await refused(/other\.json': reports is no list/, study, '--include', other);
  writeFileSync(other, '{"kind":"somebody"}');
  await refused(/no result of bench or quality; its kind is "somebody"/, study, '--include', other);
  await refused(/No run has the baseline 'mpo\/coupled'/, study, '--baseline', 'mpo/coupled');
  assert.is((await command('report')).code, 2);
});

test.run();
