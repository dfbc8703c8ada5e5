// Statistics of learning runs, as Agarwal et al. 2021 ask for them: aggregates that few runs can carry, with intervals.
import { minimum } from '../math/extremes.ts';
import { PhiloxStream } from '../math/philox.ts';
import { expandedTail, normalQuantile, quantile, studentQuantile } from '../math/statistics.ts';

/** A score of each run of each task, [tasks][runs]; tasks may have different numbers of runs. */
export type Scores = readonly (readonly number[])[];

/** A statistic with its interval; from minus to plus infinity where nothing is known. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  readonly resamples?: number;
  /** Probability that the interval is made to hold. */
  readonly level?: number;
  readonly seed?: number;
  /** Of a statistic that is a share or a probability: its variance where its true value is θ. */
  readonly variance?: (share: number) => number;
}

const bootstrapDefaults = { resamples: 2000, level: 0.95, seed: 0 };

export function meanOf(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total / values.length;
}

/**
 * Mean of the middle half: a quarter of the values, rounded down, is left out at each end. Less at the mercy of outliers
 * than the mean, of less variance than the median.
 *
 * @throws RangeError without values
 * @source Agarwal et al. 2021, section 4.3; the 25% trimmed mean
 */
export function interquartileMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('The interquartile mean of no values is not defined.');
  const sorted = Float64Array.from(values).sort();
  const cut = Math.floor(sorted.length / 4);
  return meanOf(sorted.subarray(cut, sorted.length - cut));
}

/** Interquartile mean over all runs of all tasks. */
export const aggregate = (scores: Scores): number => interquartileMean(scores.flat());

/**
 * Interval of a statistic from few runs: the wider, at each end, of two that err in different cases.
 *
 * - The percentile interval of the stratified bootstrap, expanded as Student's t asks: runs are drawn with replacement within each task, so
 *   that every resample has the tasks in the same proportion. It follows a skewed or lumpy distribution, but does not
 *   leave the range of the runs.
 * - value ± t·spread, with the bootstrap's standard deviation made larger by √(n/(n − 1)), and Student's t at
 *   Satterthwaite's degrees of freedom.
 *
 * A share or probability has a variance of its own: the wider of its score interval and the percentile interval as it is.
 *
 * A task with a single run says nothing of how much runs differ: the interval is the whole line then, and the score
 * interval alone for a share. How often it holds the truth: `coverage.ts`.
 *
 * @param samples what the statistic is of; each of them is resampled by itself
 * @source Hesterberg 2015, section 4 (expanded percentile, t with bootstrap standard error); Welch 1947;
 *   Agarwal et al. 2021, section 4.1 (strata)
 */
export function bootstrap(
  samples: readonly Scores[],
  statistic: (samples: readonly Scores[]) => number,
  options: BootstrapOptions = {},
): Estimate {
  return bootstrapAll(samples, (each) => [statistic(each)], options)[0];
}

/** As {@link bootstrap}, of several statistics of the same resamples: pointwise intervals of a curve. */
export function bootstrapAll(
  samples: readonly Scores[],
  statistics: (samples: readonly Scores[]) => readonly number[],
  options: BootstrapOptions = {},
): Estimate[] {
  const { resamples, level, seed, variance } = { ...bootstrapDefaults, ...options };
  const values = statistics(samples);
  if (samples.some((scores) => scores.some((runs) => runs.length < 2)))
    return values.map((value) => ({
      value,
      ...(variance
        ? scoreInterval(value, variance, level)
        : { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }),
    }));
  const random = new PhiloxStream(seed, 'bootstrap');
  const drawn = values.map(() => new Float64Array(resamples));
  for (let i = 0; i < resamples; i++) {
    const resampled = samples.map((scores) =>
      scores.map((runs) => runs.map(() => runs[random.nextInt(runs.length)])),
    );
    statistics(resampled).forEach((value, k) => {
      drawn[k][i] = value;
    });
  }
  const spreads = spreadsOf(samples, statistics, values.length);
  return values.map((value, k) => {
    const sorted = drawn[k].sort();
    const { freedom, shortfall } = spreads[k];
    const tail = variance ? (1 - level) / 2 : expandedTail(level, freedom, shortfall);
    const [low, high] = [quantile(sorted, tail), quantile(sorted, 1 - tail)];
    const other = variance
      ? scoreInterval(value, variance, level)
      : around(value, studentQuantile(level, freedom) * shortfall * deviation(sorted));
    return { value, low: Math.min(low, other.low), high: Math.max(high, other.high) };
  });
}

const around = (value: number, half: number) => ({ low: value - half, high: value + half });

function deviation(values: ArrayLike<number>): number {
  const mean = meanOf(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i] - mean) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * Of each statistic, by the jackknife within each task: Satterthwaite's degrees of freedom, and by how much the
 * bootstrap's standard deviation is too small, √(n/(n − 1)) of the tasks' numbers of runs in proportion to the variance
 * that each brings in.
 */
function spreadsOf(
  samples: readonly Scores[],
  statistics: (samples: readonly Scores[]) => readonly number[],
  count: number,
): { freedom: number; shortfall: number }[] {
  const strata = samples.flatMap((scores, s) => scores.map((runs, t) => ({ s, t, n: runs.length })));
  const variances = strata.map(({ s, t, n }) => {
    const left = Array.from({ length: n }, (_, out) =>
      statistics(
        samples.map((scores, i) =>
          scores.map((runs, j) => (i === s && j === t ? runs.filter((_run, k) => k !== out) : runs)),
        ),
      ),
    );
    return Array.from(
      { length: count },
      (_, k) => ((n - 1) ** 2 / n) * deviation(left.map((each) => each[k])) ** 2,
    );
  });
  const least = minimum(strata.map(({ n }) => n));
  return Array.from({ length: count }, (_, k) => {
    const own = strata.map(({ n }, i) => ({ n, v: variances[i][k] }));
    const total = own.reduce((sum, { v }) => sum + v, 0);
    if (!(total > 0)) return { freedom: least - 1, shortfall: Math.sqrt(least / (least - 1)) };
    return {
      freedom: total ** 2 / own.reduce((sum, { v, n }) => sum + v ** 2 / (n - 1), 0),
      shortfall: Math.sqrt(own.reduce((sum, { v, n }) => sum + (v * n) / (n - 1), 0) / total),
    };
  });
}

/**
 * All shares θ from 0 to 1 with |θ − value| ≤ z·√variance(θ): Wilson's interval where the variance is binomial. It has a
 * width also where all runs agree.
 *
 * @source Wilson 1927
 */
export function scoreInterval(
  value: number,
  variance: (share: number) => number,
  level = bootstrapDefaults.level,
): { low: number; high: number } {
  const z = normalQuantile((1 + level) / 2);
  const end = (bound: number) => {
    let [inside, outside] = [value, bound];
    for (let i = 0; i < 60; i++) {
      const middle = (inside + outside) / 2;
      if (Math.abs(middle - value) <= z * Math.sqrt(variance(middle))) inside = middle;
      else outside = middle;
    }
    return inside;
  };
  return { low: end(0), high: end(1) };
}

/**
 * Share of runs that score above each threshold, averaged over tasks: the run-score distribution.
 *
 * @source Agarwal et al. 2021, section 4.2, eq. 2
 */
export const performanceProfile = (scores: Scores, thresholds: readonly number[]): number[] =>
  thresholds.map((threshold) =>
    meanOf(scores.map((runs) => runs.filter((score) => score > threshold).length / runs.length)),
  );

/** Variance of a value of {@link performanceProfile} whose true value is θ in every task: binomial. */
export const profileVariance =
  (scores: Scores) =>
  (share: number): number =>
    scores.reduce((sum, runs) => sum + (share * (1 - share)) / runs.length, 0) / scores.length ** 2;

/**
 * Probability that a run of X scores above a run of Y on the same task, ties counting half, averaged over tasks.
 *
 * @source Agarwal et al. 2021, section 4.3; Mann & Whitney 1947
 */
export function probabilityOfImprovement(x: Scores, y: Scores): number {
  if (x.length !== y.length || x.length === 0)
    throw new RangeError(`Both need the same tasks, at least one; got ${x.length} and ${y.length}.`);
  return meanOf(
    x.map((runs, task) => {
      let above = 0;
      for (const a of runs) for (const b of y[task]) above += a > b ? 1 : a === b ? 0.5 : 0;
      return above / (runs.length * y[task].length);
    }),
  );
}

/**
 * Variance of {@link probabilityOfImprovement} whose true value is θ in every task:
 * θ(1 − θ)(1 + N((1 − θ)/(2 − θ) + θ/(1 + θ)))/(mn) with N = (m + n)/2 − 1.
 *
 * @source Newcombe 2006, "Confidence intervals for an effect size measure based on the Mann–Whitney statistic. Part 2",
 *   methods 4 and 5
 */
export const improvementVariance =
  (x: Scores, y: Scores) =>
  (share: number): number => {
    const shape = (1 - share) / (2 - share) + share / (1 + share);
    const each = x.map(({ length: m }, task) => {
      const n = y[task].length;
      return (share * (1 - share) * (1 + ((m + n) / 2 - 1) * shape)) / (m * n);
    });
    return each.reduce((sum, v) => sum + v, 0) / x.length ** 2;
  };

/**
 * Area under a curve by the trapezoidal rule over its range of x: the mean height.
 *
 * @param x ascending
 */
export function meanHeight(x: readonly number[], y: readonly number[]): number {
  if (x.length < 2) return y[0] ?? Number.NaN;
  let area = 0;
  for (let i = 1; i < x.length; i++) area += ((x[i] - x[i - 1]) * (y[i] + y[i - 1])) / 2;
  return area / (x[x.length - 1] - x[0]);
}
