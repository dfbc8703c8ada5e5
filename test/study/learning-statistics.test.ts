// The statistics of learning runs against published examples and closed forms.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PhiloxStream } from '../../src/math/philox.ts';
import {
  aggregate,
  bootstrap,
  bootstrapAll,
  interquartileMean,
  meanHeight,
  meanOf,
  performanceProfile,
  probabilityOfImprovement,
  type Scores,
} from '../../src/study/learning-statistics.ts';

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

test('the bootstrap of three values is the binomial one', () => {
  // The mean of a resample of 0, 0, 1 is binomial(3, 1/3)/3: 0 with 8/27, 1 with 1/27.
  const of = (level: number) => bootstrap([[[0, 0, 1]]], ([scores]) => meanOf(scores[0]), { level });
  assert.equal([of(0.95).low, of(0.95).high], [0, 1]);
  close(of(0.9).high, 2 / 3);
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
  const [first, second] = bootstrapAll([scores, [[1], [7]]], ([x, y]) => [meanOf(x[0]), meanOf(y[1])]);
  assert.equal([first.high, second.low], [1, 7]);
});

test('nineteen of twenty intervals hold the truth', () => {
  const random = new PhiloxStream(2);
  let held = 0;
  const trials = 300;
  for (let trial = 0; trial < trials; trial++) {
    const values = Array.from({ length: 40 }, () => random.nextNormal());
    const { low, high } = bootstrap([[values]], ([x]) => interquartileMean(x[0]), {
      resamples: 300,
      seed: trial,
    });
    if (low <= 0 && 0 <= high) held++;
  }
  // Binomial(300, 0.95) lies between 272 and 297 but for 1 in 10,000; percentile intervals of 40 values are a little narrow.
  assert.ok(held >= 268 && held <= 297, `${held} of ${trials}`);
});

test.run();
