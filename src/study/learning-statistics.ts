// Statistics of learning runs, as Agarwal et al. 2021 ask for them: aggregates that few runs can carry, with intervals.
import { PhiloxStream } from '../math/philox.ts';
import { quantile } from './statistics.ts';

/** A score of each run of each task, [tasks][runs]; tasks may have different numbers of runs. */
export type Scores = readonly (readonly number[])[];

/** A statistic with its bootstrap interval. */
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
}

const bootstrapDefaults = { resamples: 2000, level: 0.95, seed: 0 };

export const meanOf = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0) / values.length;

/**
 * Mean of the middle half: a quarter of the values, rounded down, is left out at each end. Less at the mercy of outliers
 * than the mean, of less variance than the median.
 *
 * @throws RangeError without values
 * @source Agarwal et al. 2021, section 4.3; the 25% trimmed mean
 */
export function interquartileMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('The interquartile mean of no values is not defined.');
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length / 4);
  return meanOf(sorted.slice(cut, sorted.length - cut));
}

/** Interquartile mean over all runs of all tasks. */
export const aggregate = (scores: Scores): number => interquartileMean(scores.flat());

/**
 * Percentile interval of a statistic by the stratified bootstrap: runs are drawn with replacement within each task, so
 * that every resample has the tasks in the same proportion.
 *
 * @param samples what the statistic is of; each of them is resampled by itself
 * @source Efron 1979; Agarwal et al. 2021, section 4.1
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
  const { resamples, level, seed } = { ...bootstrapDefaults, ...options };
  const random = new PhiloxStream(seed, 'bootstrap');
  const values = statistics(samples);
  const drawn = values.map(() => new Array<number>(resamples));
  for (let i = 0; i < resamples; i++) {
    const resampled = samples.map((scores) =>
      scores.map((runs) => runs.map(() => runs[random.nextInt(runs.length)])),
    );
    statistics(resampled).forEach((value, k) => {
      drawn[k][i] = value;
    });
  }
  return values.map((value, k) => {
    const sorted = drawn[k].sort((a, b) => a - b);
    const tail = (1 - level) / 2;
    return { value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
  });
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
