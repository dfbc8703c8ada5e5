// How often intervals hold the truth, by simulating studies whose truth is known.
import { PhiloxStream } from '../../src/math/philox.ts';
import { normalQuantile } from '../../src/math/statistics.ts';
import {
  aggregate,
  bootstrap,
  type Estimate,
  improvementVariance,
  interquartileMean,
  probabilityOfImprovement,
  type Scores,
} from '../../src/study/learning-statistics.ts';

/** Quantile functions of scores. A bimodal score is about 0 where a run failed and about 1 where it did not. */
export const shapes = {
  normal: normalQuantile,
  skewed: (p: number) => Math.exp(normalQuantile(p)),
  'bimodal, half of the runs fail': (p: number) => bimodal(p, 0.5),
  'bimodal, three in ten fail': (p: number) => bimodal(p, 0.3),
} as const;
export type Shape = keyof typeof shapes;

const bimodal = (p: number, failing: number): number =>
  p < failing ? 0.1 * normalQuantile(p / failing) : 1 + 0.1 * normalQuantile((p - failing) / (1 - failing));

const grid = 4000;
/** Tables of the quantile functions: draws and truths are of the same distribution, exactly. */
const tables = Object.fromEntries(
  Object.entries(shapes).map(([name, quantile]) => [
    name,
    Float64Array.from({ length: grid }, (_, i) => quantile((i + 0.5) / grid)),
  ]),
) as unknown as Record<Shape, Float64Array>;

interface Statistic {
  /** Of two methods' scores, [methods][tasks][seeds]. */
  estimate(methods: readonly Scores[], seed: number, resamples: number): Estimate;
  truth(table: Float64Array): number;
}

const SHIFT = 1;

/** What a report shows: one method's score, its difference to another of the same distribution, and P(better run). */
export const statistics = {
  score: {
    estimate: ([x], seed, resamples) => bootstrap([x], ([a]) => aggregate(a), { seed, resamples }),
    truth: (table) => interquartileMean([...table]),
  },
  difference: {
    estimate: ([x, y], seed, resamples) =>
      bootstrap([x, y], ([a, b]) => aggregate(a) - aggregate(b), { seed, resamples }),
    truth: () => 0,
  },
  improvement: {
    // Against runs that are better by about a deviation.
    estimate: ([x, y], seed, resamples) => {
      const better = x.map((runs) => runs.map((score) => score + SHIFT));
      return bootstrap([better, y], ([a, b]) => probabilityOfImprovement(a, b), {
        seed,
        resamples,
        variance: improvementVariance(better, y),
      });
    },
    truth: (table) => {
      let above = 0;
      let j = 0;
      // Both ascending: how many of the table lie below each of the shifted.
      for (const score of table) {
        while (j < grid && table[j] < score + SHIFT) j++;
        above += j;
      }
      return above / grid ** 2;
    },
  },
} satisfies Record<string, Statistic>;
export type StatisticName = keyof typeof statistics;

/** Share of `trials` simulated studies whose interval holds the truth. */
export function simulatedCoverage(
  statistic: StatisticName,
  shape: Shape,
  seeds: number,
  trials: number,
  { tasks = 1, resamples = 600, seed = 0 } = {},
): number {
  const random = new PhiloxStream(seed);
  const table = tables[shape];
  const { estimate, truth } = statistics[statistic];
  const right = truth(table);
  const method = (): Scores =>
    Array.from({ length: tasks }, () => Array.from({ length: seeds }, () => table[random.nextInt(grid)]));
  let held = 0;
  for (let trial = 0; trial < trials; trial++) {
    const { low, high } = estimate([method(), method()], trial, resamples);
    if (low <= right && right <= high) held++;
  }
  return held / trials;
}
