// Intervals and reductions of the quality study, on numbers whose truth is known; its pictures.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PhiloxStream } from '../../src/math/philox.ts';
import type { QualityReport, QualityRow } from '../../src/quality/quality.ts';
import { cosineOfMean, gradientStatistics, logNormal, workNormalised } from '../../src/quality/statistics.ts';
import { summarise } from '../../src/quality/summary.ts';
import { qualityCharts } from '../../src/report/quality-charts.ts';

const near = (found: number, expected: number, within: number) =>
  assert.ok(Math.abs(found - expected) <= within, `${found} is not ${expected} ± ${within}`);

const statistics = suite('statistics');

/** Normal vectors with the given mean and standard deviations. */
function normals(n: number, mean: readonly number[], deviation: readonly number[], seed: number): number[] {
  const random = new PhiloxStream(seed);
  return Array.from({ length: n }, () => mean.map((m, j) => m + deviation[j] * random.nextNormal())).flat();
}

statistics('of normal gradients are their own', () => {
  const gradients = normals(20_000, [1, -2], [0.5, 2], 1);
  const found = gradientStatistics(gradients, 2, { gradient: [1, -1], error: 0 });
  near(found.variance.value, 4.25, 0.15);
  near(found.bias?.value ?? 0, 1, 0.04);
  assert.ok(found.bias && found.bias.low < 1 && found.bias.high > 1);
});

statistics('cover the truth as often as they say: the bias at least, the variance about', () => {
  let [bias, zero, variance] = [0, 0, 0];
  const rounds = 300;
  for (let round = 0; round < rounds; round++) {
    const gradients = normals(200, [1, 0, 0], [1, 0.3, 2], round + 10);
    const off = gradientStatistics(gradients, 3, { gradient: [0, 0, 0], error: 0 });
    const none = gradientStatistics(gradients, 3, { gradient: [1, 0, 0], error: 0 });
    if (off.bias && off.bias.low <= 1 && off.bias.high >= 1) bias++;
    if (none.bias?.low === 0) zero++;
    if (off.variance.low <= 5.09 && off.variance.high >= 5.09) variance++;
  }
  assert.ok(bias / rounds > 0.95, `bias ${bias / rounds}`);
  near(zero / rounds, 0.95, 0.04);
  near(variance / rounds, 0.95, 0.05);
});

statistics('of one gradient that is always the same have no width', () => {
  const { variance, bias, cosine } = gradientStatistics([3, 4, 3, 4], 2, { gradient: [3, 4], error: 0 });
  assert.equal(variance, { value: 0, low: 0, high: 0 });
  assert.equal(bias, { value: 0, low: 0, high: 0 });
  near(cosine?.value ?? 0, 1, 1e-12);
});

statistics('give the cosine of a mean an interval that shrinks with √n', () => {
  const widths = [400, 6400].map((n) => {
    const { value, low, high } = cosineOfMean(normals(n, [1, 1], [1, 1], 5), [1, 0]);
    near(value, Math.SQRT1_2, 0.1);
    return high - low;
  });
  near(widths[0] / widths[1], 4, 0.8);
});

statistics('multiply variance and time', () => {
  const { value, low, high } = workNormalised(logNormal(2, 0.1), { value: 3, low: 3, high: 3 });
  assert.is(value, 6);
  near(low, 3 * logNormal(2, 0.1).low, 1e-12);
  near(high, 3 * logNormal(2, 0.1).high, 1e-12);
  const both = workNormalised(logNormal(2, 0.3), logNormal(3, 0.4));
  near(both.high, logNormal(6, 0.5).high, 1e-9);
  assert.equal(workNormalised(logNormal(0, 0), logNormal(3, 0.4)), { value: 0, low: 0, high: 0 });
});
statistics.run();

// ---- summary and pictures -------------------------------------------------------------------------------

const figure = (value: number, low = 0.8 * value, high = 1.25 * value) => ({ value, low, high });
const row = (
  estimator: string,
  samples: number,
  target = 'bimodal',
  bias = figure(1 / samples),
): QualityRow => ({
  estimator,
  distribution: 'gaussian',
  target,
  temperature: 1,
  samples,
  replications: 100,
  exact: 'quadrature',
  exactNorm: 2,
  exactError: 0,
  bias,
  relativeBias: bias,
  variance: figure(8 / samples),
  cosine: figure(0.5),
  effectiveSampleSize: null,
  ms: figure(0.01 * samples),
  batch: 16,
  workNormalisedVariance: figure(0.08),
});
const rows = [1, 4, 16].flatMap((samples) => [
  row('reverse-kl/pathwise', samples, 'bimodal', { value: 0, low: 0, high: 0.1 }),
  row('forward-kl/snis:policy', samples),
  row('forward-kl/snis:policy', samples, 'skewed'),
]);
const document: QualityReport = {
  kind: 'divergrad-quality',
  backend: 'cpu',
  adapter: 'cpu',
  precision: 'f32',
  information: {},
  versions: {},
  settings: {
    estimators: [],
    distributions: [],
    targets: [],
    temperatures: [1],
    samples: [1, 4, 16],
    replications: 100,
    seed: 0,
  },
  intervals: '',
  estimators: [
    { name: 'reverse-kl/pathwise', quality: 'unbiased', follows: 'KL(π ‖ p)' },
    { name: 'forward-kl/snis:policy', quality: 'consistent', follows: 'KL(p ‖ π)' },
  ],
  rows,
  penalties: [],
};

const output = suite('output');

output('is summed up over targets', () => {
  const found = summarise(document).find(
    ({ estimator, samples }) => estimator === 'forward-kl/snis:policy' && samples === 4,
  );
  assert.is(found?.problems, 2);
  assert.is(found?.biasResolved, 2);
  near(found?.relativeVariance?.value ?? 0, 2 / 4, 1e-12);
  near(found?.workNormalisedVariance?.value ?? 0, 0.5 * 0.04, 1e-12);
});

output('is one picture a question, with title, axes, legend and every point', () => {
  const charts = qualityCharts(document);
  assert.equal([...charts.keys()], ['variance-samples.svg', 'bias-samples.svg', 'variance-cost.svg']);
  for (const [name, svg] of charts) {
    assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assert.match(svg, /<title>[^<]+\?<\/title>/);
    assert.match(svg, /milliseconds for|actions sampled for each state/);
    for (const text of ['reverse-kl/pathwise', 'forward-kl/snis:policy', '95% intervals', 'seed 0']) {
      assert.ok(svg.includes(text), `${name}: ${text}`);
    }
    assert.not.match(svg, /NaN|Infinity|undefined/);
    assert.is(svg.match(/<circle/g)?.length, 6, name);
  }
  // Biases that are not told from 0 are hollow.
  assert.match(charts.get('bias-samples.svg') ?? '', /<g [^>]*fill="white">/);
});

output('has no picture for a question without an answer', () => {
  const without = rows.map((each) => ({ ...each, relativeBias: null }));
  assert.is(qualityCharts({ ...document, rows: without }).size, 0);
});
output.run();
