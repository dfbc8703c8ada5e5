import { PhiloxStream } from '../../src/math/philox.ts';
import { median, quantile } from '../../src/math/statistics.ts';

/** A median with its 95% interval. */
export interface RatioFigure {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;

/**
 * Median of the ratios of rounds, slower over faster or whichever way they were taken, with a percentile-bootstrap
 * interval: rounds are drawn with replacement, and the middle 95% of their medians is the interval.
 *
 * @param ratios one a round, above 0
 * @source Efron & Tibshirani 1993, chapter 13
 */
export function medianRatio(ratios: readonly number[], seed: number): RatioFigure {
  const random = new PhiloxStream(seed, 'benchRatios');
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[random.nextInt(ratios.length)])),
  ).sort((a, b) => a - b);
  return { value: median(ratios), low: quantile(medians, 0.025), high: quantile(medians, 0.975) };
}
