// Time against work: an overhead that work does not change, and a rate. Where the two cost the same is the knee.
import { maximum } from '../math/extremes.ts';
import { PhiloxStream } from '../math/philox.ts';
import { expandedTail } from '../math/statistics.ts';

/** Time for an amount of work, both positive. */
export interface WorkPoint {
  /** FLOP, bytes or whatever else time should be proportional to. */
  readonly work: number;
  readonly ms: number;
}

/** An interval; null where there is no end. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** The line ms = overheadMs + msPerWork · work, with 95% intervals; plain JSON. */
export interface Line {
  readonly overheadMs: number;
  readonly overheadInterval: Bounds;
  readonly msPerWork: number;
  readonly msPerWorkInterval: Bounds;
  /** Work that takes as long as the overhead, overheadMs / msPerWork; null where time does not grow with work. */
  readonly knee: number | null;
  /** An end that is null has no bound. */
  readonly kneeInterval: { readonly low: number | null; readonly high: number | null };
  /** Largest |measured / line − 1|. */
  readonly worstMisfit: number;
}

const RESAMPLES = 2000;

/**
 * Fits overhead and rate, neither below 0, by least squares of relative errors: timings spread in proportion to
 * themselves, and a microsecond must count as much for a small size as a millisecond for a large one. Intervals come
 * from resampling the relative residuals, so they hold both the noise and what a line cannot follow.
 *
 * @param points at least 3 of different work
 * @returns undefined for fewer
 * @source Efron & Tibshirani 1993, section 9.4 (bootstrapping residuals)
 */
export function fitLine(points: readonly WorkPoint[], seed = 0): Line | undefined {
  if (new Set(points.map(({ work }) => work)).size < 3) return undefined;
  const { overhead, rate } = leastSquares(points);
  const fitted = points.map(({ work }) => overhead + rate * work);
  // Two parameters have taken up a part of the spread.
  const inflation = Math.sqrt(points.length / (points.length - 2));
  const residuals = points.map(({ ms }, i) => Math.log(ms / fitted[i]) * inflation);
  const random = new PhiloxStream(seed, 'residuals');
  const resampled = Array.from({ length: RESAMPLES }, () =>
    leastSquares(
      points.map(({ work }, i) => ({
        work,
        ms: fitted[i] * Math.exp(residuals[random.nextInt(points.length)]),
      })),
    ),
  );
  // Few points: as far as Student's t with the freedom that is left.
  const tail = expandedTail(0.95, points.length - 2, 1);
  const bounds = (of: (fit: Fit) => number): Bounds => {
    const sorted = resampled.map(of).sort((a, b) => a - b);
    // Not interpolated: between a number and infinity there is nothing.
    const at = (p: number) => sorted[Math.round(p * (RESAMPLES - 1))];
    return { low: at(tail), high: at(1 - tail) };
  };
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  const knee = bounds(kneeOf);
  return {
    overheadMs: overhead,
    overheadInterval: bounds((fit) => fit.overhead),
    msPerWork: rate,
    msPerWorkInterval: bounds((fit) => fit.rate),
    knee: finite(kneeOf({ overhead, rate })),
    kneeInterval: { low: finite(knee.low), high: finite(knee.high) },
    worstMisfit: maximum(points.map(({ ms }, i) => Math.abs(ms / fitted[i] - 1))),
  };
}

interface Fit {
  readonly overhead: number;
  readonly rate: number;
}

const kneeOf = ({ overhead, rate }: Fit): number => overhead / rate;

/** Minimises Σ ((overhead + rate·work)/ms − 1)² over overhead ≥ 0, rate ≥ 0. */
function leastSquares(points: readonly WorkPoint[]): Fit {
  let [uu, uv, vv, u1, v1] = [0, 0, 0, 0, 0];
  for (const { work, ms } of points) {
    const u = 1 / ms;
    const v = work / ms;
    uu += u * u;
    uv += u * v;
    vv += v * v;
    u1 += u;
    v1 += v;
  }
  const determinant = uu * vv - uv * uv;
  const overhead = (u1 * vv - v1 * uv) / determinant;
  const rate = (v1 * uu - u1 * uv) / determinant;
  if (overhead < 0) return { overhead: 0, rate: v1 / vv };
  if (rate < 0) return { overhead: u1 / uu, rate: 0 };
  return { overhead, rate };
}

/** d log ms / d log work between neighbours: 0 while overhead rules, 1 where time is proportional to work. */
export function slopes(points: readonly WorkPoint[]): number[] {
  return points
    .slice(1)
    .map(({ work, ms }, i) => Math.log(ms / points[i].ms) / Math.log(work / points[i].work));
}

/**
 * The size at which a program does so much work, log-linear between sizes that were measured; null outside of them.
 *
 * @param sizes ascending, with the work at each
 */
export function sizeAt(
  sizes: readonly { readonly size: number; readonly work: number }[],
  work: number,
): number | null {
  const next = sizes.findIndex((point) => point.work >= work);
  if (next < 0 || (next === 0 && sizes[0].work !== work)) return null;
  if (next === 0) return sizes[0].size;
  const [low, high] = [sizes[next - 1], sizes[next]];
  const share = Math.log(work / low.work) / Math.log(high.work / low.work);
  return low.size * (high.size / low.size) ** share;
}
