import { jsonText } from '../json.ts';
import { maximum, minimum } from '../math/extremes.ts';
import { median } from '../math/statistics.ts';
import type { QualityReport, QualityRow } from './quality.ts';
import type { Figure } from './statistics.ts';

/** One estimator with one distribution and one number of samples, over all targets and temperatures. */
export interface QualitySummaryRow {
  readonly estimator: string;
  readonly distribution: string;
  readonly samples: number;
  /** Targets × temperatures. */
  readonly problems: number;
  /** Those on which the bias is told from 0. */
  readonly biasResolved: number;
  /** Medians over the problems; low and high are the least and the largest of them, not an interval of a median. */
  readonly relativeBias: Figure | null;
  /** trace of the covariance / ‖exact gradient‖² */
  readonly relativeVariance: Figure | null;
  readonly cosine: Figure | null;
  /** Of the samples, from 0 to 1. */
  readonly effectiveFraction: Figure | null;
  readonly ms: Figure;
  /** relative variance · ms */
  readonly workNormalisedVariance: Figure | null;
}

/** A row's variance in units of its exact gradient's squared norm; null where there is no such unit. */
export const relativeVariance = (row: QualityRow): number | null =>
  row.relativeBias && row.exactNorm ? row.variance.value / row.exactNorm ** 2 : null;

/** Rows reduced over targets and temperatures, in the order in which they were measured. */
export function summarise({ rows }: Pick<QualityReport, 'rows'>): QualitySummaryRow[] {
  const groups = new Map<string, QualityRow[]>();
  for (const row of rows) {
    const key = `${row.distribution} ${row.samples} ${row.estimator}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) => {
    const { estimator, distribution, samples } = group[0];
    const over = (of: (row: QualityRow) => number | null | undefined): Figure | null =>
      spread(group.map(of).filter((value): value is number => typeof value === 'number'));
    return {
      estimator,
      distribution,
      samples,
      problems: group.length,
      biasResolved: group.filter(({ bias }) => bias !== null && bias.low > 0).length,
      relativeBias: over(({ relativeBias }) => relativeBias?.value),
      relativeVariance: over(relativeVariance),
      cosine: over(({ cosine }) => cosine?.value),
      effectiveFraction: over(
        ({ effectiveSampleSize }) => effectiveSampleSize && effectiveSampleSize.value / samples,
      ),
      ms: over(({ ms }) => ms.value) ?? group[0].ms,
      workNormalisedVariance: over((row) => {
        const variance = relativeVariance(row);
        return variance === null ? null : variance * row.ms.value;
      }),
    };
  });
}

const spread = (values: number[]): Figure | null =>
  values.length === 0 ? null : { value: median(values), low: minimum(values), high: maximum(values) };

/** JSON with numbers rounded: more digits would be noise. The end of an interval that has none is null. */
export const compactJson = (value: unknown, digits = 6): string =>
  jsonText(value, 'The quality of estimators', { digits, unbounded: true });
