import { type Bound, type Expectation, generate, type Precision } from './format.ts';

/** How far a result is from what was expected. */
export interface Deviation {
  /** Largest error as a multiple of the tolerance there; at most 1 passes. Infinite for NaN. */
  readonly factor: number;
  /** Where the largest error is, with both numbers. */
  readonly detail: string;
}

const none: Deviation = { factor: 0, detail: '' };

export const worse = (a: Deviation, b: Deviation): Deviation => (b.factor > a.factor ? b : a);

/** Compares a result, row-major and of the expected size, with its expectation. */
export function compare(actual: ArrayLike<number>, expected: Expectation, precision: Precision): Deviation {
  switch (expected.kind) {
    case 'exact':
      return elements(actual, expected.values, { rtol: 0, atol: 0 });
    case 'close':
      return elements(actual, expected.values, expected.bounds[precision]);
    case 'probe': {
      const { probe, bounds } = expected;
      const bound = bounds[precision];
      const at = elements(
        probe.indices.map((index) => actual[index]),
        probe.values,
        bound,
        probe.indices,
      );
      const sum = dot(actual, undefined);
      const squares = dot(actual, actual);
      const weighted = probe.dotSeeds.map((seed, j) => {
        const value = dot(actual, generate(seed, 1, actual.length));
        return deviation(value, probe.dots[j], bound.dotsAtol, `weighted sum ${j}`);
      });
      return [
        deviation(sum, probe.sum, bound.sumAtol, 'sum'),
        deviation(squares, probe.sumsq, bound.sumsqRtol * Math.abs(probe.sumsq), 'sum of squares'),
        ...weighted,
      ].reduce(worse, at);
    }
    default:
      return expected satisfies never;
  }
}

function elements(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol, atol }: Bound,
  indices?: readonly number[],
): Deviation {
  let worst = none;
  for (let i = 0; i < expected.length; i++) {
    const factor = factorOf(Math.abs(actual[i] - expected[i]), atol + rtol * Math.abs(expected[i]));
    if (factor > worst.factor) {
      worst = { factor, detail: `[${indices?.[i] ?? i}] is ${actual[i]}, expected ${expected[i]}` };
    }
  }
  return worst;
}

const deviation = (actual: number, expected: number, tolerance: number, what: string): Deviation => ({
  factor: factorOf(Math.abs(actual - expected), tolerance),
  detail: `${what} is ${actual}, expected ${expected}`,
});

/** NaN counts as infinitely wrong: it must never compare as small. */
function factorOf(error: number, tolerance: number): number {
  if (error === 0) return 0;
  return error <= Number.MAX_VALUE && tolerance > 0 ? error / tolerance : Number.POSITIVE_INFINITY;
}

/** Σ a·b in float64, or Σ a. */
function dot(a: ArrayLike<number>, b: ArrayLike<number> | undefined): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += b ? a[i] * b[i] : a[i];
  return total;
}
