// Whether what a device computed is what the reference says, within what float32 can give.
import type { Values } from '../../backend/backend.ts';

/** The largest deviation among some values. */
export interface Deviation {
  /** As a multiple of what is allowed: more than 1 is wrong. */
  readonly factor: number;
  readonly element: number;
  readonly found: number;
  readonly expected: number;
}

export const noDeviation: Deviation = { factor: 0, element: 0, found: 0, expected: 0 };

/** Of the largest value: ten times what the goldens allow in float32, as they allow GPUs. */
export const TOLERANCE = 1e-4;
/** Times by which the values may be off that the reference itself moves with the last digit of what it is given. */
const MOVES = 16;

/**
 * How far values are from the reference: from each element by {@link TOLERANCE} of the largest, and by a few times what the
 * reference moves. Words must be equal, and so must what is not finite.
 *
 * @param moved what the reference gives when its inputs move by their last digit ({@link nudged})
 */
export function deviation(
  found: Values,
  expected: Values,
  moved: Values = expected,
  tolerance = TOLERANCE,
): Deviation {
  let largest = 0;
  let move = 0;
  for (let i = 0; i < expected.length; i++) {
    if (!Number.isFinite(expected[i])) continue;
    largest = Math.max(largest, Math.abs(expected[i]));
    if (Number.isFinite(moved[i])) move = Math.max(move, Math.abs(moved[i] - expected[i]));
  }
  const words = expected instanceof Uint32Array;
  const allowed = words ? 0 : tolerance * largest + MOVES * move + Number.MIN_VALUE;
  let worst = noDeviation;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(found[i], expected[i]) || found[i] === expected[i]) continue;
    const ratio = Math.abs(found[i] - expected[i]) / allowed;
    const factor = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio;
    if (factor > worst.factor) worst = { factor, element: i, found: found[i], expected: expected[i] };
  }
  return worst;
}

/** The same values, each moved by about a float32's last digit; whole numbers, which may be indices or flags, are kept. */
export function nudged(values: Values): Values {
  if (values instanceof Uint32Array) return values;
  return Float64Array.from(values, (value, i) =>
    Number.isInteger(value) ? value : value * (1 + (i % 3 === 1 ? -1 : 1) * 2 ** -23),
  );
}

/** The larger of two deviations. */
export const larger = (a: Deviation, b: Deviation): Deviation => (b.factor > a.factor ? b : a);
