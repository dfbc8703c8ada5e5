/** How near is near enough: |actual − expected| ≤ atol + rtol·|expected|. */
export interface Tolerance {
  readonly rtol?: number;
  readonly atol?: number;
}

/**
 * Throws unless every element is near its expectation; names the element that is worst. NaN is near NaN only,
 * an infinity only itself.
 */
export function allclose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 1e-5, atol = 1e-6 }: Tolerance = {},
  what = 'values',
): void {
  if (actual.length !== expected.length)
    throw new Error(`${what}: ${actual.length} elements, expected ${expected.length}`);
  let worst = -1;
  let worstRatio = 1;
  let outside = 0;
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] === expected[i] || (Number.isNaN(actual[i]) && Number.isNaN(expected[i]))) continue;
    const allowed = atol + rtol * Math.abs(expected[i]);
    const ratio = Number.isFinite(expected[i]) ? Math.abs(actual[i] - expected[i]) / allowed : Infinity;
    if (ratio <= 1) continue;
    outside++;
    // A NaN is worse than any number.
    if (worst < 0 || Number.isNaN(ratio) || ratio > worstRatio) {
      worst = i;
      worstRatio = Number.isNaN(ratio) ? Infinity : ratio;
    }
  }
  if (worst < 0) return;
  const error = Math.abs(actual[worst] - expected[worst]);
  throw new Error(
    `${what}: ${outside} of ${expected.length} elements differ by more than ${rtol}·|expected| + ${atol}; ` +
      `worst at ${worst}: ${actual[worst]}, expected ${expected[worst]} (error ${error.toPrecision(3)})`,
  );
}
