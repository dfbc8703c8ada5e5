import { gaussLegendre } from './quadrature.ts';
import { erfc } from './special.ts';

/** Quantile of values sorted ascending, linear between neighbours. @param p from 0 to 1 @returns in the unit of the values */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/** The middle value, or the mean of the two middle ones. */
export const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/** A confidence interval. */
export interface Interval {
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** Probability with which such an interval holds the true median, whatever the distribution. */
  readonly coverage: number;
}

/**
 * Interval for the median from order statistics: the narrowest [x₍ₖ₎, x₍ₙ₊₁₋ₖ₎] that covers it with at least `level`,
 * or the whole range where there are too few values for that.
 *
 * The number of values below the median is binomial(n, ½), so no assumption on the noise is made.
 *
 * @source Hahn & Meeker 1991, section 5.2
 */
export function medianInterval(values: readonly number[], level = 0.95): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  let k = 1;
  let below = 0.5 ** n; // P(X < k) for X binomial(n, ½)
  let probability = below;
  for (let next = 2; next <= Math.floor((n + 1) / 2); next++) {
    probability *= (n - next + 2) / (next - 1);
    if (1 - 2 * (below + probability) < level) break;
    below += probability;
    k = next;
  }
  return { low: sorted[k - 1], high: sorted[n - k], coverage: n === 1 ? 0 : 1 - 2 * below };
}

/** Probability that a standard normal variate lies below x. */
export const normalBelow = (x: number): number => erfc(-x / Math.SQRT2) / 2;

/** Where `below`, which grows from `low` to `high`, reaches p. */
function solve(below: (x: number) => number, p: number, low: number, high: number): number {
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (below(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Quantile of the standard normal. @param p between 0 and 1 */
export const normalQuantile = (p: number): number => solve(normalBelow, p, -40, 40);

/** Degrees of freedom from which Student's t is as good as normal: the quantile is 0.1% larger. */
const NEARLY_NORMAL = 1000;
const unit = gaussLegendre(64, 0, 1);

/**
 * The number t with P(|T| < t) = level for Student's T. With t = √ν tan θ the density is proportional to cos^(ν − 1) θ.
 *
 * @param freedom ν, from 1; need not be whole
 */
export function studentQuantile(level: number, freedom: number): number {
  const nu = Math.min(freedom, NEARLY_NORMAL);
  const mass = (end: number) =>
    unit.nodes.reduce((sum, x, i) => sum + end * unit.weights[i] * Math.cos(end * x) ** (nu - 1), 0);
  const all = mass(Math.PI / 2);
  return Math.sqrt(nu) * Math.tan(solve((end) => mass(end) / all, level, 0, Math.PI / 2));
}

/**
 * Share p of resamples to leave out at each end so that a percentile interval reaches as far as Student's t: the
 * bootstrap's spread is too small by `shortfall`, and a normal's tails are too light.
 *
 * @source Hesterberg 2015, "What Teachers Should Know About the Bootstrap", the expanded percentile interval
 */
export const expandedTail = (level: number, freedom: number, shortfall: number): number =>
  normalBelow(-shortfall * studentQuantile(level, freedom));
