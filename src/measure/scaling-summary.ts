import type { Interval } from '../math/statistics.ts';
import type { CostReport, UpdateCost } from './cost.ts';
import {
  type ScalingAxis,
  type ScalingEnd,
  type ScalingLaw,
  type ScalingReport,
  wholeUpdateName,
} from './scaling.ts';

/** One program at one size; plain JSON. */
export interface ScalingPoint {
  readonly estimator: string;
  readonly size: number;
  readonly rounds: number;
  readonly msPerUpdate: number;
  readonly msInterval: Interval;
  readonly kernelsPerUpdate: number;
  readonly flops: number;
  readonly bytes: number;
  readonly arenaBytes: number;
  readonly liveBytes: number;
  readonly stateBytes: number;
  readonly portBytes: number;
  readonly literalBytes: number;
}

/** One axis on one backend without the details of every table. */
export interface ScalingSeries {
  readonly backend: string;
  readonly adapter: string;
  readonly settings: CostReport['settings'];
  readonly longestMs: number;
  readonly points: readonly ScalingPoint[];
  readonly laws: readonly ScalingLaw[];
  readonly ends: readonly ScalingEnd[];
}

/** What `bench --scaling AXIS --out FOLDER` writes as FOLDER/AXIS.json. */
export interface ScalingSummary {
  readonly kind: 'divergrad-scaling';
  readonly axis: ScalingAxis;
  /** ISO 8601, when the run began. */
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly series: readonly ScalingSeries[];
}

/** One axis over the backends that measured it. */
export function summariseScaling(
  date: string,
  axis: ScalingAxis,
  measured: readonly { readonly report: CostReport; readonly scaling: ScalingReport }[],
): ScalingSummary {
  return {
    kind: 'divergrad-scaling',
    axis,
    date,
    versions: measured[0]?.report.versions ?? {},
    series: measured.map(({ report, scaling }) => ({
      backend: report.backend,
      adapter: report.adapter,
      settings: report.settings,
      longestMs: scaling.longestMs,
      points: pointsOf(scaling),
      laws: scaling.laws,
      ends: scaling.ends,
    })),
  };
}

/** Every program at every size it was measured at. */
export function pointsOf({ values, reports, wholeUpdates }: ScalingReport): ScalingPoint[] {
  return values.flatMap((size, i) => [
    ...reports[i].rows.map((row) => pointOf(row.estimator, size, row)),
    ...(wholeUpdates[i] ? [pointOf(wholeUpdateName, size, wholeUpdates[i])] : []),
  ]);
}

const pointOf = (estimator: string, size: number, cost: UpdateCost): ScalingPoint => ({
  estimator,
  size,
  rounds: cost.rounds,
  msPerUpdate: cost.msPerUpdate,
  msInterval: cost.msInterval,
  kernelsPerUpdate: cost.kernelsPerUpdate,
  flops: cost.flops,
  bytes: cost.bytes,
  arenaBytes: cost.arenaBytes,
  liveBytes: cost.liveBytes,
  stateBytes: cost.stateBytes,
  portBytes: cost.portBytes,
  literalBytes: cost.literalBytes,
});
