// How often the intervals of a report hold the truth: simulated, since few seeds can promise little.

/** Shares of simulated studies whose 95% interval holds the truth, by the distribution of a run's score. */
export interface Coverage {
  readonly normal: number;
  readonly skewed: number;
  /** About 0 for a run that fails, about 1 for one that does not: half of them fail, and three in ten. */
  readonly halfFail: number;
  readonly threeInTenFail: number;
}

export interface CoverageAt {
  /** Runs of each method in each task. */
  readonly seeds: number;
  /** Of the interquartile mean of one method, and of the difference of two. */
  readonly score: Coverage;
  readonly difference: Coverage;
  /** Of the probability of improvement. */
  readonly improvement: Coverage;
}

const of = (normal: number, skewed: number, halfFail: number, threeInTenFail: number): Coverage => ({
  normal,
  skewed,
  halfFail,
  threeInTenFail,
});

/**
 * 1,000 studies of one task each, 400 resamples: each share is right within ±0.014. Simulated again by
 * `test/report/coverage.long.test.ts`; in docs/learning.md as a table.
 */
export const coverage: readonly CoverageAt[] = [
  {
    seeds: 2,
    score: of(0.957, 0.954, 0.802, 0.884),
    difference: of(0.974, 0.977, 0.911, 0.921),
    improvement: of(0.972, 0.961, 0.991, 0.993),
  },
  {
    seeds: 3,
    score: of(0.958, 0.941, 0.746, 0.884),
    difference: of(0.968, 0.978, 0.954, 0.977),
    improvement: of(0.977, 0.973, 0.996, 0.999),
  },
  {
    seeds: 5,
    score: of(0.979, 0.965, 0.941, 0.93),
    difference: of(0.985, 0.995, 0.979, 0.991),
    improvement: of(0.981, 0.978, 0.99, 0.994),
  },
  {
    seeds: 10,
    score: of(0.972, 0.977, 0.959, 0.957),
    difference: of(0.973, 0.99, 0.972, 0.978),
    improvement: of(0.972, 0.96, 0.987, 0.992),
  },
  {
    seeds: 20,
    score: of(0.962, 0.976, 0.952, 0.956),
    difference: of(0.956, 0.975, 0.951, 0.982),
    improvement: of(0.96, 0.952, 0.982, 0.985),
  },
  {
    seeds: 40,
    score: of(0.958, 0.965, 0.947, 0.946),
    difference: of(0.959, 0.974, 0.95, 0.968),
    improvement: of(0.954, 0.955, 0.977, 0.974),
  },
];

/** The entry for so many seeds, or for the next fewer that was simulated; undefined for a single seed. */
export const coverageAt = (seeds: number): CoverageAt | undefined =>
  coverage.findLast((entry) => entry.seeds <= seeds);
