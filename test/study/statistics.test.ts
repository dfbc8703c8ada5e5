import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PhiloxStream } from '../../src/math/philox.ts';
import { median, medianInterval, quantile } from '../../src/study/statistics.ts';

const test = suite('statistics');

test('quantiles are linear between neighbours', () => {
  assert.is(quantile([1, 2, 4], 0), 1);
  assert.is(quantile([1, 2, 4], 0.75), 3);
  assert.is(quantile([1, 2, 4], 1), 4);
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 3, 2]), 2.5);
});

test('the interval takes the ranks of published tables', () => {
  // Ranks k for 95% intervals of the median (Conover, Practical Nonparametric Statistics, table A3).
  for (const [n, k, coverage] of [
    [6, 1, 0.9688],
    [10, 2, 0.9785],
    [15, 4, 0.9648],
    [20, 6, 0.9586],
    [31, 10, 0.9706],
  ]) {
    const values = Array.from({ length: n }, (_, i) => i + 1);
    const interval = medianInterval(values.reverse());
    assert.is(interval.low, k, `n = ${n}`);
    assert.is(interval.high, n + 1 - k, `n = ${n}`);
    assert.ok(Math.abs(interval.coverage - coverage) < 1e-4, `n = ${n}: ${interval.coverage}`);
  }
});

test('too few values give their range and say what it covers', () => {
  assert.equal(medianInterval([3, 1, 2]), { low: 1, high: 3, coverage: 0.75 });
  assert.equal(medianInterval([5]), { low: 5, high: 5, coverage: 0 });
});

test('the interval covers the median as often as it says', () => {
  const random = new PhiloxStream(1);
  const trials = 4000;
  let covered = 0;
  let coverage = 0;
  for (let trial = 0; trial < trials; trial++) {
    // Skewed, since timings are: the median of exp(normal) is 1.
    const interval = medianInterval(Array.from({ length: 15 }, () => Math.exp(random.nextNormal())));
    covered += Number(interval.low <= 1 && 1 <= interval.high);
    coverage = interval.coverage;
  }
  const error = Math.sqrt((coverage * (1 - coverage)) / trials);
  assert.ok(Math.abs(covered / trials - coverage) < 4 * error, `${covered / trials} against ${coverage}`);
});

test.run();
