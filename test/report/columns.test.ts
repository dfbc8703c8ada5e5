// Every column of a report's files and tables against numbers computed here from the runs.
import { parseHTML } from 'linkedom';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CostReport } from '../../src/measure/cost.ts';
import { reportFigures } from '../../src/report/figures.ts';
import { findingsOf } from '../../src/report/findings.ts';
import { compatibilityMatrix } from '../../src/report/matrix.ts';
import { reportPage } from '../../src/report/page.ts';
import { reportOf } from '../../src/report/report.ts';
import { csvOf } from '../../src/report/text.ts';
import { meanHeight } from '../../src/study/learning-statistics.ts';
import type { RunRecord } from '../../src/study/results.ts';
import { tableRows } from '../helpers/page-document.ts';

const test = suite('columns of a report');
const close = (actual: unknown, expected: number, what: string) =>
  assert.ok(
    Math.abs(Number(actual) - expected) <= 1e-9 * (1 + Math.abs(expected)),
    `${what}: ${actual}, ${expected}`,
  );

/** Pendulum's returns of random actions and of good ones. */
const [random, good] = [-1219, -150];
const unit = (value: number) => (value - random) / (good - random);
const steps = [2000, 3000, 5000, 6000, 10_000];
const levels = {
  'reverse-kl/pathwise': -300,
  'forward-kl/snis:policy': -450,
  'chi2/score': -800,
  'renyi/dreg:2': -120,
};
const methods = Object.keys(levels) as (keyof typeof levels)[];
const baseline = methods[0];

/** Five seeds of each method; curves rise, and no two numbers are the same. */
const runs: RunRecord[] = methods.flatMap((estimator, m) =>
  [0, 1, 2, 3, 4].map((seed) => ({
    ...{
      folder: `run ${m} ${seed}`,
      environment: 'pendulum',
      estimator,
      distribution: 'tanh-gaussian',
      seed,
    },
    ...{ adapter: 'a test', ...{ settings: {}, methodSettings: {} } },
    points: steps.map((step, i) => ({
      ...{ step, updates: 7 * step + 10 * m + i, seconds: (m + 1) * step * 1e-3 + seed },
      meanReturn: levels[estimator] - 600 / (i + 1) + 11 * ((seed * (m + 1)) % 5),
    })),
  })),
);
const of = (method: string) => runs.filter(({ estimator }) => estimator === method);

/** Of five values the middle three; one is cut at each end. */
const iqm = (values: readonly number[]) => {
  const [, a, b, c] = [...values].sort((x, y) => x - y);
  return (a + b + c) / 3;
};
const scoreOf = ({ points }: RunRecord) =>
  (points[2].meanReturn + points[3].meanReturn + points[4].meanReturn) / 3;
/** Trapezia over the range from the first evaluation to the last, which does not begin at 0. */
const heightOf = ({ points: p }: RunRecord) => {
  const area = (i: number) => (p[i + 1].step - p[i].step) * (p[i].meanReturn + p[i + 1].meanReturn) * 0.5;
  return (area(0) + area(1) + area(2) + area(3)) / 8000;
};

const report = reportOf([{ title: 'a study', runs, unfinished: 3 }], { resamples: 200 });
const figures = reportFigures(report);
const csv = (name: string): Record<string, string>[] => {
  const text = figures.find((figure) => figure.name === name)?.csv ?? '';
  const [head, ...lines] = text.trimEnd().split('\n');
  return lines.map((line) =>
    Object.fromEntries(line.split(',').map((cell, i) => [head.split(',')[i], cell])),
  );
};

test('the mean height of a curve is that over its own range, wherever it begins', () => {
  for (const from of [-5, 0, 1, 1000]) {
    close(meanHeight([from, from + 1, from + 4], [2, 2, 2]), 2, `flat from ${from}`);
    close(meanHeight([from, from + 2, from + 6], [1, 3, 7]), 4, `a line from ${from}`);
  }
});

for (const name of ['curves-steps', 'curves-updates', 'curves-seconds'])
  test(`${name}.csv`, () => {
    const rows = csv(name);
    assert.is(rows.length, methods.length * steps.length);
    rows.forEach((row, at) => {
      const [m, i] = [Math.floor(at / steps.length), at % steps.length];
      const each = of(methods[m]).map(({ points }) => points[i]);
      assert.is(row.environment, 'pendulum');
      assert.is(row.method, methods[m]);
      close(row.seeds, 5, 'seeds');
      close(row.step, steps[i], 'step');
      close(row.gradientSteps, 7 * steps[i] + 10 * m + i, 'gradientSteps');
      close(row.seconds, (m + 1) * steps[i] * 1e-3 + 2, 'seconds');
      close(row.return, iqm(each.map(({ meanReturn }) => meanReturn)), 'return');
      const returns = each.map(({ meanReturn }) => meanReturn).sort((a, b) => a - b);
      const [low, high] = [Number(row.low), Number(row.high)];
      // Five seeds may all lie on one side: the interval reaches past them, but not by more than they spread.
      const range = returns[4] - returns[0];
      assert.ok(returns[0] - range < low && low < Number(row.return), 'low');
      assert.ok(Number(row.return) < high && high < returns[4] + range, 'high');
      assert.equal(Object.keys(row), [
        ...['environment', 'method', 'seeds', 'step', 'gradientSteps', 'seconds', 'return', 'low', 'high'],
      ]);
    });
  });

test('aggregate.csv', () => {
  const rows = csv('aggregate');
  methods.forEach((method, m) => {
    const [score, height] = rows.slice(2 * m, 2 * m + 2);
    assert.equal([score.method, height.method], [method, method]);
    assert.equal([score.measure, height.measure], ['score: last evaluations', 'mean of the learning curve']);
    close(score.value, unit(iqm(of(method).map(scoreOf))), 'score');
    close(height.value, unit(iqm(of(method).map(heightOf))), 'height');
  });
});

test('improvement.csv', () => {
  const rows = csv('improvement');
  assert.equal(
    rows.map(({ method }) => method),
    methods.slice(1),
  );
  for (const { method, value, measure } of rows) {
    assert.is(measure, 'P(method > baseline)');
    const base = of(baseline).map(scoreOf);
    let above = 0;
    for (const a of of(method).map(scoreOf)) for (const b of base) above += a > b ? 1 : a === b ? 0.5 : 0;
    close(value, above / 25, method);
  }
  // One is better than the baseline and two are worse.
  assert.equal(
    rows.map(({ value }) => Number(value)),
    [0, 0, 1],
  );
});

test('profile.csv', () => {
  for (const { method, threshold, value, low, high } of csv('profile')) {
    const scores = of(method).map((run) => unit(scoreOf(run)));
    close(value, scores.filter((score) => score > Number(threshold)).length / 5, `${method} at ${threshold}`);
    assert.ok(Number(low) <= Number(value) && Number(value) <= Number(high));
  }
});

test('differences, comparisons and what is left out', () => {
  assert.is(report.unfinished, 3);
  for (const { method, curveDifference } of report.differences) {
    const gap = unit(iqm(of(method).map(heightOf))) - unit(iqm(of(baseline).map(heightOf)));
    close(curveDifference.value, gap, method);
  }
  for (const { method, scoreDifference } of report.methods) {
    if (method === baseline) assert.is(scoreDifference, null);
    else
      close(
        scoreDifference?.value,
        unit(iqm(of(method).map(scoreOf))) - unit(iqm(of(baseline).map(scoreOf))),
        method,
      );
  }
  const [{ evidence }] = findingsOf(report, compatibilityMatrix(), []);
  assert.is(
    evidence.at(-1),
    'Of 3 comparisons that count, 0 are equal within ±0.1, 2 worse and 1 better by more, 0 not decided.',
  );
});

test('fields of CSV that hold commas, quotation marks or line ends come back', () => {
  const values = ['a, b', 'say "no"', 'two\nlines', 'a\rb', 'plain', ''];
  const text = csvOf([Object.fromEntries(values.map((value, i) => [`c${i}`, value]))]);
  const fields: string[] = [];
  const body = text.slice(text.indexOf('\n') + 1, -1);
  // A field is quoted, with quotation marks doubled, or holds none of what separates.
  for (const [, quoted, plain] of body.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",\n\r]*))/g))
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
  assert.equal(fields, values);
});

test("each column of the page's tables", () => {
  const row = (estimator: string, k: number) => ({
    ...{ estimator, samples: 4 * k, msPerUpdate: 0.25 * k, ratio: 1.5 * k, kernelsPerUpdate: 20 + k },
    ...{
      ratioInterval: { low: 1.25 * k, high: 1.75 * k, coverage: 0.95 },
      flops: 3.21e6 * k,
      bytes: 65_400 * k,
    },
  });
  const cost = {
    ...{ adapter: 'a <test>', baseline, settings: { distribution: 'gaussian', batch: 5, hidden: [6, 7] } },
    rows: [row(baseline, 1), row('chi2/score', 2)],
  } as unknown as CostReport;
  const matrix = compatibilityMatrix();
  const findings = findingsOf(report, matrix, [cost]);
  const facts = { date: 'today', versions: { divergrad: 'test' }, command: ['report', 'x'] };
  const html = reportPage({
    report,
    findings,
    matrix,
    costs: [cost],
    figures,
    scaling: [],
    quality: [],
    ...facts,
  });
  const { document } = parseHTML(html);
  const rows = (id: string) =>
    [...document.querySelectorAll(`section[aria-labelledby=${id}] table`)].map((table) =>
      tableRows(table as unknown as Element),
    );

  const digits = (value: number) => value.toFixed(Math.abs(value) < 10 ? 2 : 1);
  const [tasks, all] = rows('scores');
  tasks.forEach((cells, m) => {
    const own = of(methods[m]);
    const scores = own.map(scoreOf);
    assert.is(cells.method, methods[m]);
    assert.is(cells.seeds, '5');
    assert.ok(cells.score.startsWith(`${digits(iqm(scores))} [`), cells.score);
    assert.ok(cells['mean of the curve'].startsWith(`${digits(iqm(own.map(heightOf)))} [`));
    assert.is(cells['seconds a run'], digits((m + 1) * 10 + 2));
    assert.is(cells['least run'], digits(Math.min(...scores)));
    assert.is(cells['best run'], digits(Math.max(...scores)));
  });
  all.forEach((cells, m) => {
    const starts = (column: string, value: number) =>
      assert.match(cells[column], new RegExp(`^${value.toFixed(2)}\\d? \\[`), `${column} of ${methods[m]}`);
    starts('score', unit(iqm(of(methods[m]).map(scoreOf))));
    starts('mean of the curve', unit(iqm(of(methods[m]).map(heightOf))));
    if (m === 0) assert.equal([cells['difference of curve means'], cells['P(better run)']], ['baseline', '']);
    else starts('P(better run)', m === 3 ? 1 : 0);
  });
  assert.equal(rows('cost')[0][1], {
    ...{ estimator: 'chi2/score', K: '8', 'ms/update': '0.500', ratio: '3.00 [2.50, 3.50]', kernels: '22' },
    ...{ MFLOP: '6.42', 'kB moved': '131' },
  });
  const [fit] = rows('matrix');
  const exact = fit.find(({ estimator }) => estimator === 'reverse-kl/exact');
  assert.is(exact?.categorical, '✓');
  assert.is(exact?.gaussian, 'enumerable');
});

test.run();
