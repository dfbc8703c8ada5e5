import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { benchCommand } from '../../src/cli/bench.ts';
import { Device } from '../../src/device.ts';
import { DataError, UsageError } from '../../src/errors.ts';
import type { Comparison } from '../../src/measure/compare.ts';
import { measureCost } from '../../src/measure/cost.ts';
import { perform, performJson } from '../helpers/perform.ts';

const root = mkdtempSync(join(tmpdir(), 'divergrad-compare-'));
test.after(() => rmSync(root, { recursive: true }));
const path = (name: string) => join(root, name);

test.before(async () => {
  const device = new Device(createCpuBackend());
  const small = { hidden: [4], rounds: 5, minimumMs: 0, estimators: ['dpg/pathwise'] };
  for (const [name, batch] of [
    ['old.json', 4],
    ['new.json', 8],
  ] as const) {
    const report = await measureCost(device, { ...small, batch });
    writeFileSync(path(name), JSON.stringify({ kind: 'divergrad-cost', reports: [report], absent: [] }));
  }
  await device.dispose();
});

test('two results of bench are set side by side, as text and as JSON', async () => {
  const files = [path('old.json'), path('new.json')];
  const { out } = await perform(benchCommand, ['--json', path('out.json'), '--compare', ...files]);
  assert.match(out, /^cpu:$/m);
  assert.match(out, /batch: 4 → 8/);
  assert.match(out, /^dpg\/pathwise +[\d.]+ +[\d.]+ +[\d.]+ \[[\d.]+, [\d.]+\] .*FLOP/m);
  assert.match(out, /of 2 times and \d of 1 ratios to the baseline changed by more than their intervals/);
  const told = await performJson<Comparison>(benchCommand, ['--compare', ...files, '--json', '-']);
  assert.is(told.kind, 'divergrad-comparison');
  assert.equal(JSON.parse(readFileSync(path('out.json'), 'utf8')).backends, told.backends);
  // The program's own counts, which no clock changes: twice the states, twice the work of the layers.
  const [{ rows, differences }] = told.backends;
  assert.equal(
    differences.map(({ name }) => name),
    ['batch'],
  );
  const [before, after] = rows[1].counts.flops ?? [0, 0];
  assert.ok(after > 1.5 * before && before > 0);
  const same = await performJson<Comparison>(benchCommand, ['--compare', files[0], files[0], '--json', '-']);
  for (const { time, counts } of same.backends[0].rows) {
    assert.equal([time.ratio, time.verdict], [1, 'no change shown']);
    assert.equal(counts, {});
  }
});

test('what cannot be compared is refused by name', async () => {
  const old = path('old.json');
  const refusal = (...args: string[]) => perform(benchCommand, args).catch((error: unknown) => error);
  for (const [args, why] of [
    [['--compare', old], /takes two files.*got 1/],
    [['--compare', old, old, old], /got 3/],
    [['--quick', '--batch', '4', '--compare', old, old], /measures nothing; got --batch, --quick/],
  ] as [string[], RegExp][]) {
    const error = await refusal(...args);
    assert.instance(error, UsageError);
    assert.match((error as Error).message, why);
  }
  const whole = JSON.parse(readFileSync(old, 'utf8'));
  const { msInterval: _, ...row } = whole.reports[0].rows[0];
  for (const [text, why] of [
    ['{', /is not JSON/],
    ['{"kind": "divergrad-scaling"}', /is no result of bench/],
    ['null', /is no result of bench/],
    ['{"kind": "divergrad-cost", "reports": [{}]}', /is damaged: adapter is missing/],
    [
      JSON.stringify({ ...whole, reports: [{ ...whole.reports[0], rows: [row] }] }),
      /a time of reverse-kl\/pathwise without its interval/,
    ],
  ] as [string, RegExp][]) {
    writeFileSync(path('wrong.json'), text);
    const error = await refusal('--compare', old, path('wrong.json'));
    assert.instance(error, DataError, text);
    assert.match((error as Error).message, why);
  }
});

test.run();
