/** Quantile of values sorted ascending, linear between neighbours. @param p from 0 to 1 */
export function quantile(sorted: readonly number[], p: number): number {
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

export interface Interval {
  readonly low: number;
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
