// The options of bench and quality, seen in what they measure; the columns of their tables against their JSON.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { benchCommand } from '../../src/cli/bench.ts';
import { qualityCommand } from '../../src/cli/quality.ts';
import type { CostReport } from '../../src/measure/cost.ts';
import type { QualityReport } from '../../src/quality/quality.ts';
import type { QualitySummaryRow } from '../../src/quality/summary.ts';
import { perform, performJson } from '../helpers/perform.ts';

const test = suite('measurements of commands');
const root = mkdtempSync(join(tmpdir(), 'divergrad-measured-'));
test.after(() => rmSync(root, { recursive: true }));
const options = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);

test('quality: each option is in the settings it measured with, and its columns stand under their heads', async () => {
  const asked = {
    ...{ estimators: 'reverse-kl/score:loo,forward-kl/snis:policy', distributions: 'categorical' },
    ...{ targets: 'choices', temperatures: '0.5,2', samples: '2,16', replications: 16, seed: 6 },
  };
  const out = join(root, 'quality');
  const report = await performJson<QualityReport>(qualityCommand, [
    ...options({ ...asked, precision: 'f64', out }),
    '--json',
  ]);
  assert.is(report.precision, 'f64');
  assert.equal(report.settings, {
    ...{ estimators: ['reverse-kl/score:loo', 'forward-kl/snis:policy'], distributions: ['categorical'] },
    ...{ targets: ['choices'], temperatures: [0.5, 2], samples: [2, 16], replications: 16, seed: 6 },
  });
  assert.is(report.rows.length, 8);
  assert.equal(readdirSync(out).sort(), [
    ...['bias-samples.svg', 'quality.json', 'summary.json', 'variance-cost.svg', 'variance-samples.svg'],
  ]);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as {
    rows: QualitySummaryRow[];
  };
  const at16 = summary.rows.filter(({ samples }) => samples === 16);
  const plain = await perform(qualityCommand, options(asked));
  const lines = plain.out.split('\n');
  const begin = lines.findIndex((line) => line.startsWith('categorical'));
  // Columns are set apart by blanks, and an interval holds one.
  const cells = (line: string) => line.replaceAll(', ', ',').replaceAll(' [', '[').trim().split(/ +/);
  const heads = cells(lines[begin]);
  assert.is(heads.length, 9);
  at16.forEach((row, i) => {
    const line = lines.slice(begin).find((each) => each.startsWith(row.estimator)) ?? '';
    const found = Object.fromEntries(cells(line).map((cell, k) => [heads[k], cell]));
    assert.is(found.K, '16');
    assert.is(found.resolved, `${row.biasResolved}/2`);
    // Two digits in the table.
    const near = (column: string, value: number | undefined) => {
      const shown = Number.parseFloat(found[column]);
      const gap = Math.abs(shown - (value ?? Number.NaN));
      assert.ok(gap <= 0.06 * Math.abs(shown), `${column} ${i}: ${shown}, ${value}`);
    };
    near('bias', row.relativeBias?.value);
    near('variance', row.relativeVariance?.value);
    near('cosine', row.cosine?.value);
    if (row.effectiveFraction) near('effective', row.effectiveFraction.value);
    else assert.is(found.effective, '-');
  });
  assert.match(plain.out, /^ +f32, temperatures 0.5, 2, 16 replications at most, seed 6$/m);
});

test('bench: each option is in the settings it measured with', async () => {
  const asked = {
    ...{ estimators: 'reverse-kl/score:loo', distribution: 'gaussian', backend: 'cpu', batch: 3, samples: 5 },
    ...{ hidden: '6,7', obs: 4, actions: 2, seed: 8, json: '-' },
  };
  const document = await performJson<{ reports: CostReport[]; absent: unknown[] }>(benchCommand, [
    '--quick',
    ...options(asked),
  ]);
  const [{ backend, settings, rows }] = document.reports;
  assert.is(backend, 'cpu');
  const expected = {
    distribution: 'gaussian',
    batch: 3,
    samples: 5,
    hidden: [6, 7],
    observations: 4,
    actions: 2,
    seed: 8,
  };
  for (const [name, value] of Object.entries(expected))
    assert.equal(settings[name as keyof typeof settings], value, name);
  const own = rows.find(({ estimator }) => estimator === 'reverse-kl/score:loo');
  assert.is(own?.samples, 5);
  assert.equal([own?.rounds, settings.minimumMs], [5, 10]);
});

test.run();
