// Reports of made studies, whose numbers are known: scores, comparisons, findings, and what the page holds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { environments } from '../../src/envs/registry.ts';
import { DataError } from '../../src/errors.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import type { CostReport } from '../../src/measure/cost.ts';
import { reportFigures } from '../../src/report/figures.ts';
import { comparisonOf, findingsOf, withInterval } from '../../src/report/findings.ts';
import { compatibilityMatrix } from '../../src/report/matrix.ts';
import { reportPage } from '../../src/report/page.ts';
import { normalised, reportOf } from '../../src/report/report.ts';
import { csvOf } from '../../src/report/text.ts';
import { type RunRecord, readStudyResults } from '../../src/study/results.ts';
import { writeStudy } from '../helpers/study-folder.ts';

const test = suite('report');
const folder = mkdtempSync(join(tmpdir(), 'divergrad-report-'));
test.after(() => rmSync(folder, { recursive: true }));

const learners = [
  { estimator: 'reverse-kl/pathwise', final: -150, noise: 10 },
  { estimator: 'forward-kl/snis:policy', final: -160, noise: 10 },
  { estimator: 'chi2/pathwise', final: -1219, noise: 10 },
];

const runOf = (): RunRecord => ({
  ...{
    folder: 'a run',
    environment: 'pendulum',
    estimator: 'reverse-kl/pathwise',
    distribution: 'tanh-gaussian',
  },
  ...{ seed: 0, adapter: 'a test', ...{ settings: {}, methodSettings: {} } },
  points: [{ step: 1, updates: 1, seconds: 1, meanReturn: -1 }],
});

async function made(
  name: string,
  ...options: Parameters<typeof writeStudy> extends [string, ...infer R] ? R : never
) {
  const path = join(folder, name);
  writeStudy(path, ...options);
  return readStudyResults(path);
}

test('scores are means of the last three evaluations, interquartile over seeds', async () => {
  const study = await made('scores', learners);
  const report = reportOf([study], { resamples: 300 });
  assert.is(report.runs, 24);
  const [pathwise] = report.cells;
  const expected = study.runs
    .filter(({ estimator }) => estimator === 'reverse-kl/pathwise')
    .map(({ points }) => (points[2].meanReturn + points[3].meanReturn + points[4].meanReturn) / 3)
    .sort((a, b) => a - b)
    .slice(2, 6);
  const mean = expected.reduce((a, b) => a + b) / 4;
  assert.ok(Math.abs(pathwise.score.value - mean) < 1e-9);
  assert.ok(pathwise.score.low <= mean && mean <= pathwise.score.high);
  assert.equal(
    pathwise.curve.map(({ step, updates, seconds }) => [step, updates, seconds]),
    [1, 2, 3, 4, 5].map((k) => [1000 * k, 1000 * k - 100, k]),
  );
  assert.is(normalised('pendulum', -1219), 0);
  assert.is(normalised('pendulum', -150), 1);
});

test('what is equal, worse or undecided follows the intervals, and the first finding follows them', async () => {
  const finding = async (name: string, others: readonly (typeof learners)[number][]) => {
    const report = reportOf([await made(name, [learners[0], ...others])], { resamples: 300 });
    return findingsOf(report, compatibilityMatrix(), [])[0];
  };
  const equal = await finding('equal', [learners[1]]);
  assert.is(equal.verdict, 'supported');
  assert.match(
    equal.evidence.join('\n'),
    /pendulum: equal within ±0.1: forward-kl\/snis:policy -?0\.0\d+ \[-?0\.0\d+, -?0\.0\d+\]/,
  );
  const worse = await finding('worse', [learners[2], { ...learners[2], estimator: 'svgd/amortised' }]);
  assert.is(worse.verdict, 'not supported');
  assert.match(worse.evidence.join('\n'), /pendulum: worse by more than 0.1: chi2\/pathwise -0\.\d+ \[/);
  const noisy = await finding('noisy', [{ ...learners[1], noise: 3000 }]);
  assert.is(noisy.verdict, 'undecided');
  assert.is(comparisonOf({ value: 0, low: -0.05, high: 0.09 }), 'equal');
  assert.is(comparisonOf({ value: 0.3, low: 0.11, high: 0.6 }), 'better');
  assert.is(comparisonOf({ value: 0.3, low: 0.01, high: 0.6 }), 'undecided');
  assert.is(comparisonOf({ value: -0.3, low: -0.6, high: 0.1 }), 'undecided');
});

test('few seeds decide nothing, and a task that is learnt before the first look counts for no verdict', async () => {
  const verdictOf = async (name: string, options: { seeds?: number; environments?: string[] }) => {
    const report = reportOf([await made(name, learners.slice(0, 2), options)], { resamples: 200 });
    return { report, finding: findingsOf(report, compatibilityMatrix(), [])[0] };
  };
  for (const seeds of [1, 4]) {
    const { finding } = await verdictOf(`few-${seeds}`, { seeds });
    assert.is(finding.verdict, 'undecided');
    assert.match(finding.evidence[0], /fewer than 5 seeds nothing is decided/);
  }
  assert.is((await verdictOf('enough', { seeds: 5 })).finding.verdict, 'supported');

  const study = await made('ceiling', learners.slice(0, 2));
  const flat = study.runs.map((run) => ({
    ...run,
    points: run.points.map((point) => ({ ...point, meanReturn: -150 })),
  }));
  const report = reportOf([{ ...study, runs: flat }], { resamples: 200 });
  assert.equal(report.tasks, [{ environment: 'pendulum', first: 1, last: 1, resolves: false }]);
  const [finding] = findingsOf(report, compatibilityMatrix(), []);
  assert.is(finding.verdict, 'undecided');
  assert.match(finding.evidence[1], /counts for no verdict: reverse-kl\/pathwise is at 1.00 at the first/);
});

test('a single seed has no interval, anywhere; and the report says what the intervals hold', async () => {
  const one = reportOf([await made('one', learners.slice(0, 2), { seeds: 1 })], { resamples: 100 });
  assert.is(withInterval(one.cells[0].score), `${one.cells[0].score.value.toFixed(2)} [one seed]`);
  assert.is(one.coverage, null);
  for (const { csv, svg, name } of reportFigures(one)) {
    assert.not.match(csv, /Infinity|NaN/, name);
    assert.not.match(svg, /Infinity|NaN/, name);
  }
  const pageOf = (report: typeof one) =>
    reportPage({
      ...{ report, findings: [], matrix: compatibilityMatrix(), costs: [], scaling: [], quality: [] },
      ...{ figures: reportFigures(report), date: '', versions: {}, command: [] },
    });
  assert.match(pageOf(one), /Some method has a single seed/);
  assert.not.match(pageOf(one), /Infinity|NaN/);
  const seven = reportOf([await made('seven', learners.slice(0, 2), { seeds: 7 })], { resamples: 100 });
  // Of what was simulated, five is the most that is not more than seven.
  assert.is(seven.coverage?.seeds, 5);
  const { normal, threeInTenFail } = seven.coverage?.score ?? { normal: 0, threeInTenFail: 0 };
  const text = `The fewest seeds of a method are 7. With 5, .* ${(100 * normal).toFixed(0)}% \\(normal\\).*${(100 * threeInTenFail).toFixed(0)}% \\(three in ten fail\\)`;
  assert.match(pageOf(seven), new RegExp(text.replaceAll('\\\\', '\\')));
});

test('costs are compared among equally many samples, and penalties are none of the divergences', () => {
  const row = (estimator: string, samples: number, ratio: number) => ({
    ...{ estimator, samples, ratio, kernelsPerUpdate: 3 },
    ratioInterval: { low: 0.95 * ratio, high: 1.05 * ratio, coverage: 0.95 },
  });
  const report = reportOf([{ title: '', unfinished: 0, runs: [runOf()] }], { resamples: 100 });
  const verdict = (...rows: ReturnType<typeof row>[]) =>
    findingsOf(report, compatibilityMatrix(), [
      { adapter: 'a test', baseline: 'reverse-kl/pathwise', rows } as unknown as CostReport,
    ])[1];
  // Dear only because of its samples.
  const mixed = verdict(row('reverse-kl/pathwise', 1, 1), row('renyi/dreg:2', 16, 9));
  assert.is(mixed.verdict, 'undecided');
  const equal = verdict(row('reverse-kl/score:loo', 16, 4), row('renyi/dreg:2', 16, 9));
  assert.is(equal.verdict, 'supported');
  assert.match(equal.evidence[1], /K = 16 for all 2: from reverse-kl\/score:loo 4.00 \[/);
  assert.is(verdict(row('kl-penalty/k1', 16, 1), row('renyi/dreg:2', 16, 9)).verdict, 'undecided');
});

test('the page needs nothing but itself, runs nothing, and escapes what data say', async () => {
  const evil = '</title><script>alert(1)</script><img src=x onerror=alert(2)>';
  const study = await made('evil', learners, { environments: ['pendulum', 'linear-quadratic'], title: evil });
  const report = reportOf([study], { resamples: 100 });
  const matrix = compatibilityMatrix();
  const figures = reportFigures(report);
  assert.equal(
    figures.map(({ name }) => name),
    ['curves-steps', 'curves-updates', 'curves-seconds', 'aggregate', 'profile', 'improvement'],
  );
  const page = reportPage({
    ...{ report, matrix, figures, costs: [], date: '2026-01-01', versions: { node: '20' }, command: [evil] },
    findings: findingsOf(report, matrix, []),
    scaling: [],
    quality: [
      { title: evil, svg: `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>` },
    ],
  });
  assert.not.match(page, /<script|<img src=x/);
  const addresses = [...page.matchAll(/https?:\/\/[^"'\s<)]+/g)].map(([address]) => address);
  assert.equal([...new Set(addresses)], ['http://www.w3.org/2000/svg']);
  assert.match(page, /Content-Security-Policy" content="default-src 'none'/);
  for (const { estimator } of learners) assert.ok(page.includes(estimator));
  for (const section of ['findings', 'learning', 'scores', 'cost', 'quality', 'matrix', 'making'])
    assert.match(page, new RegExp(`<h2 id="${section}"`));
  assert.match(page, /No cost was given/);
});

test('every figure has its numbers as CSV', async () => {
  const report = reportOf([await made('csv', learners)], { resamples: 100 });
  for (const { name, csv } of reportFigures(report)) {
    const lines = csv
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    assert.ok(lines.length > 2 && lines.every((line) => line.length === lines[0].length), name);
  }
  assert.is(csvOf([{ a: 'x,"y"', b: 1 }]), 'a,b\n"x,""y""",1\n');
});

test('several distributions are named, unfinished runs counted, doubled and unlike runs refused', async () => {
  const study = await made('twice', learners.slice(0, 1), { seeds: 2 });
  const [run] = study.runs;
  const refused = (runs: typeof study.runs, message: RegExp) =>
    assert.throws(
      () => reportOf([{ ...study, runs }]),
      (error: unknown) => error instanceof DataError && message.test(error.message),
    );
  refused([run, run], /two runs of one seed/);
  refused([run, { ...run, seed: 9, points: run.points.slice(1) }], /different steps/);
  // Also between methods: a curve that ends earlier has another mean.
  const other = { ...run, estimator: 'renyi/dreg:2' };
  refused([run, { ...other, points: run.points.slice(0, 3) }], /different steps: .* Report them separately/);
  refused(
    [run, { ...other, settings: { ...run.settings, batch: 256 } }],
    /different settings: batch is 256 in .* and not set in/,
  );
  refused(
    [run, { ...other, settings: { ...run.settings, 'random streams': '0' } }],
    /different settings: random streams is "0" in/,
  );
  refused([], /no finished run/);
  refused([{ ...run, environment: 'mars' }], /unknown environment, 'mars'/);
  const both = reportOf([{ ...study, runs: [run, { ...run, distribution: 'beta' }] }], { resamples: 100 });
  assert.equal(
    both.cells.map(({ method }) => method),
    ['reverse-kl/pathwise, tanh-gaussian', 'reverse-kl/pathwise, beta'],
  );
  assert.throws(
    () => reportOf([study], { baseline: 'mpo/coupled' }),
    (error: unknown) => error instanceof DataError && /there are reverse-kl\/pathwise/.test(error.message),
  );
});

test('random actions give the returns that the registry holds', () => {
  for (const { name, make, returns, prepare } of environments) {
    assert.ok(returns.good > returns.random, name);
    if (prepare) continue;
    const environment = make();
    const random = new PhiloxStream(8);
    const totals = Array.from({ length: 60 }, (_, seed) => {
      environment.reset(seed);
      for (let total = 0; ; ) {
        const { actionSpace: space } = environment;
        const action =
          space.kind === 'discrete'
            ? [random.nextInt(space.n)]
            : space.low.map((low, i) => random.uniformIn(low, space.high[i]));
        const { reward, terminated, truncated } = environment.step(action);
        total += reward;
        if (terminated || truncated) return total;
      }
    });
    const mean = totals.reduce((a, b) => a + b) / 60;
    const error = Math.sqrt(totals.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 59 / 60);
    assert.ok(
      Math.abs(mean - returns.random) < 4.5 * error + 0.01 * Math.abs(returns.random),
      `${name}: ${mean} ± ${error}, the registry says ${returns.random}`,
    );
  }
});

test.run();
