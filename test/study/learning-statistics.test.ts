// The statistics of learning runs against published examples and closed forms.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PhiloxStream } from '../../src/math/philox.ts';
import { studentQuantile } from '../../src/math/statistics.ts';
import {
  aggregate,
  bootstrap,
  bootstrapAll,
  improvementVariance,
  interquartileMean,
  meanHeight,
  meanOf,
  performanceProfile,
  probabilityOfImprovement,
  profileVariance,
  type Scores,
  scoreInterval,
} from '../../src/study/learning-statistics.ts';
import { simulatedCoverage } from '../helpers/coverage.ts';

const test = suite('learning statistics');
const close = (actual: number, expected: number, tolerance = 1e-12) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, expected ${expected}`);

test('the interquartile mean is the trimmed mean of a quarter', () => {
  // scipy.stats.trim_mean(x, 0.25) of 0 … 19, of 7 values (int(1.75) = 1 cut at each end), and of fewer than 4.
  close(interquartileMean(Array.from({ length: 20 }, (_, i) => 19 - i)), 9.5);
  close(interquartileMean([100, 1, 2, 3, 4, 5, -50]), 3);
  close(interquartileMean([1, 2, 6]), 3);
  // One outlier moves it no further than its neighbour would.
  close(interquartileMean([1, 2, 3, 1e9]), 2.5);
  assert.throws(() => interquartileMean([]), RangeError);
});

test('the probability of improvement is the Mann-Whitney statistic', () => {
  // Aesop's race of six tortoises and six hares, T H H H H H T T T T T H: U is 11 for the tortoises and 25 for the hares.
  const order = 'THHHHHTTTTTH';
  const placed = (who: string) => [...order].flatMap((each, place) => (each === who ? [-place] : []));
  close(probabilityOfImprovement([placed('H')], [placed('T')]), 25 / 36);
  close(probabilityOfImprovement([placed('T')], [placed('H')]), 11 / 36);
  // Ties count half, and tasks count alike however many runs they have.
  close(probabilityOfImprovement([[1, 1]], [[1]]), 0.5);
  close(
    probabilityOfImprovement(
      [[2, 2], [0]],
      [
        [1, 1, 1],
        [5, 5],
      ],
    ),
    0.5,
  );
  assert.throws(() => probabilityOfImprovement([[1]], []), RangeError);
});

test('performance profiles are shares of runs above a threshold, averaged over tasks', () => {
  const scores: Scores = [
    [0, 1],
    [0.5, 0.5, 0.5, 2],
  ];
  assert.equal(performanceProfile(scores, [-1, 0, 0.5, 1, 2]), [1, 0.75, 0.375, 0.125, 0]);
  // Its integral over all thresholds from 0 on is the mean of scores that are not negative.
  const thresholds = Array.from({ length: 40_001 }, (_, i) => i / 20_000);
  close(meanOf(performanceProfile(scores, thresholds)) * 2, meanOf(scores.map(meanOf)), 1e-3);
});

test('the mean height integrates lines exactly and a parabola to its error', () => {
  close(meanHeight([0, 1, 4], [2, 2, 2]), 2);
  close(meanHeight([0, 1, 3], [0, 2, 6]), 3);
  const x = Array.from({ length: 101 }, (_, i) => i / 100);
  close(
    meanHeight(
      x,
      x.map((each) => each * each),
    ),
    1 / 3,
    1e-4,
  );
  close(meanHeight([7], [3]), 3);
});

test('the bootstrap of a mean is the normal interval, the same for the same seed', () => {
  const random = new PhiloxStream(1);
  const values = Array.from({ length: 60 }, () => 5 + 2 * random.nextNormal());
  const interval = bootstrap([[values]], ([scores]) => meanOf(scores[0]), { resamples: 8000 });
  const mean = meanOf(values);
  const error = Math.sqrt(meanOf(values.map((x) => (x - mean) ** 2)) / values.length);
  close(interval.value, mean);
  close(interval.low, mean - 1.96 * error, 0.1 * error);
  close(interval.high, mean + 1.96 * error, 0.1 * error);
  const again = bootstrap([[values]], ([scores]) => meanOf(scores[0]), { resamples: 8000 });
  assert.equal(again, interval);
  const other = bootstrap([[values]], ([scores]) => meanOf(scores[0]), { resamples: 8000, seed: 1 });
  assert.not.equal(other, interval);
});

test('few values have the t interval of a mean, from two on', () => {
  // scipy.stats.t.interval(0.95, 4, mean, sem) of 0, 2, 4, 6, 8: 4 ± 2.7764·√(10/5).
  const of = (values: readonly number[]) =>
    bootstrap([[values]], ([scores]) => meanOf(scores[0]), { resamples: 40_000 });
  const { value, low, high } = of([0, 2, 4, 6, 8]);
  close(value, 4);
  const half = 2.7764451 * Math.sqrt(10 / 5);
  close(low, 4 - half, 0.06);
  close(high, 4 + half, 0.06);
  assert.equal([of([3]).low, of([3]).high], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
});

test('tasks of unequal spread and number have the degrees of freedom of Welch', () => {
  // Difference of two means: t and degrees of freedom of scipy.stats.ttest_ind(x, y, equal_var=False).
  const [x, y] = [
    [20.4, 24.2, 15.4, 21.4, 20.2, 18.5, 21.5],
    [20.2, 16.9, 18.5, 17.3, 20.5],
  ];
  const variance = (v: readonly number[]) =>
    v.reduce((sum, each) => sum + (each - meanOf(v)) ** 2, 0) / (v.length - 1);
  const [a, b] = [variance(x) / 7, variance(y) / 5];
  const freedom = (a + b) ** 2 / (a ** 2 / 6 + b ** 2 / 4);
  const half = studentQuantile(0.95, freedom) * Math.sqrt(a + b);
  const { value, low, high } = bootstrap([[x], [y]], ([p, q]) => meanOf(p[0]) - meanOf(q[0]), {
    resamples: 40_000,
  });
  // The expanded percentile interval may reach a little farther.
  for (const reach of [value - low, high - value])
    assert.ok(reach > 0.98 * half && reach < 1.1 * half, `${reach}, expected ${half}`);
});

test('shares have score intervals, also where all runs agree', () => {
  // Wilson's interval of 5 of 5 and of 8 of 10, by its closed form.
  const wilson = (p: number, n: number, sign: number) => {
    const z2 = 1.959963984540054 ** 2;
    return (
      (p + z2 / (2 * n) + sign * Math.sqrt((z2 * p * (1 - p)) / n + z2 ** 2 / (4 * n * n))) / (1 + z2 / n)
    );
  };
  for (const [hits, n] of [
    [5, 5],
    [8, 10],
    [0, 4],
  ]) {
    const scores: Scores = [Array.from({ length: n }, (_, i) => Number(i < hits))];
    const { low, high } = scoreInterval(hits / n, profileVariance(scores));
    close(low, wilson(hits / n, n, -1), 1e-9);
    close(high, wilson(hits / n, n, 1), 1e-9);
  }
  // Two tasks of five are as good as one of ten.
  close(
    profileVariance([
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4, 5],
    ])(0.3),
    profileVariance([[...Array(10).keys()]])(0.3),
  );
  // Separated runs: Hanley and McNeil's variance with both numbers their mean, θ(1 − θ)(1 + 4(…))/25 at θ = 0.8.
  const [x, y]: Scores[] = [[[6, 7, 8, 9, 10]], [[1, 2, 3, 4, 5]]];
  const [q1, q2] = [0.8 / 1.2, (2 * 0.64) / 1.8];
  close(improvementVariance(x, y)(0.8), (0.16 + 4 * (q1 - 0.64) + 4 * (q2 - 0.64)) / 25);
  const improved = bootstrap([x, y], ([a, b]) => probabilityOfImprovement(a, b), {
    variance: improvementVariance(x, y),
  });
  assert.is(improved.value, 1);
  assert.is(improved.high, 1);
  assert.ok(improved.low > 0.5 && improved.low < 0.85, `${improved.low}`);
});

test('resamples are stratified: a task is never drawn in the place of another', () => {
  const scores: Scores = [
    [1, 1, 1],
    [7, 7, 7],
  ];
  assert.equal(
    bootstrap([scores], ([x]) => aggregate(x)),
    { value: 4, low: 4, high: 4 },
  );
  const [first, second] = bootstrapAll(
    [
      scores,
      [
        [1, 1],
        [7, 7],
      ],
    ],
    ([x, y]) => [meanOf(x[0]), meanOf(y[1])],
  );
  assert.equal([first.high, second.low], [1, 7]);
});

test('nineteen of twenty intervals hold the truth, also of five seeds', () => {
  // Percentile intervals of five hold it in 0.89. Binomial(400, 0.97) lies above 374 but for 1 in 1,000.
  for (const shape of ['normal', 'skewed'] as const) {
    const share = simulatedCoverage('score', shape, 5, 400, { resamples: 300, seed: 3 });
    assert.ok(share >= 0.935 && share < 0.995, `${shape}: ${share}`);
  }
  const better = simulatedCoverage('improvement', 'normal', 5, 300, { resamples: 200, seed: 4 });
  assert.ok(better >= 0.92, `improvement: ${better}`);
});

test.run();
