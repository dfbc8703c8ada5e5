import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PhiloxStream } from '../../src/math/philox.ts';
import {
  expandedTail,
  median,
  medianInterval,
  normalQuantile,
  quantile,
  studentQuantile,
} from '../../src/math/statistics.ts';

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

test('the quantiles of Student and of the normal are those of tables', () => {
  // mpmath: roots of the regularised incomplete beta function.
  for (const [freedom, expected] of [
    [1, 12.706204736174698],
    [2, 4.302652729749462],
    [3.5, 2.940088637987635],
    [4, 2.7764451051977934],
    [9, 2.262157162798205],
    [39, 2.0226909200367604],
  ])
    assert.ok(Math.abs(studentQuantile(0.95, freedom) / expected - 1) < 1e-9, `${freedom}`);
  assert.ok(Math.abs(studentQuantile(0.99, 4) - 4.604094871349993) < 1e-9);
  assert.ok(Math.abs(studentQuantile(0.95, 1e9) - 1.959964) < 3e-3);
  assert.ok(Math.abs(normalQuantile(0.975) - 1.959963984540054) < 1e-9);
  // mpmath: Φ(−√(n/(n − 1))·t) in percent.
  for (const [n, percent] of [
    [5, 0.09541],
    [10, 0.85506],
    [40, 2.02575],
  ])
    assert.ok(Math.abs(100 * expandedTail(0.95, n - 1, Math.sqrt(n / (n - 1))) - percent) < 1e-5, `${n}`);
});

test.run();
