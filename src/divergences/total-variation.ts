import {
  abs,
  add,
  clamp,
  concat,
  div,
  exp,
  greater,
  greaterEqual,
  maximum,
  mul,
  reshape,
  sign,
  sliceAxis,
  sqrt,
  square,
  stopGradient,
  sub,
  type Tensor,
  where,
} from '../tape/index.ts';
import { fDivergence } from './f-divergence.ts';

/** |log r| up to which r counts as 1: its own rounding would else decide the sign where all samples are one choice. */
const tie = 1e-5;

/**
 * Total variation, at most 1. |r − 1| is continuous, so its pathwise gradient is right though there is a kink at
 * r = 1, where the derivative counts as 0.
 */
export const totalVariation = fDivergence({
  name: 'total-variation',
  title: 'Total variation',
  formula: '½|r − 1|',
  source: 'Levin, Peres & Wilmer 2009',
  kinked: true,
  coefficient: (at) => -0.5 * Math.exp(at.logPolicy) * Math.sign(at.logR),
  f: (r) => mul(0.5, abs(sub(r, 1))),
  scoreWeight: (_r, logR) => mul(0.5, sub(greater(-tie, logR), greater(logR, tie))),
  integrand: (logTarget, logPolicy, grid) => {
    const difference = sub(exp(logTarget), exp(logPolicy));
    if (!grid) return mul(0.5, abs(difference));
    return mul(0.5, mul(difference, signOnGrid(stopGradient(sub(logTarget, logPolicy)), grid)));
  },
});

/**
 * The sign of g at the nodes of a product rule, smoothed across its zeros so that the rule integrates smooth functions
 * times it to fourth order in the spacing: within two nodes of a zero the sign is the integral of the kernel of cubic
 * Lagrange interpolation. The zero is that of the parabola through a node and its neighbours, along the coordinate in
 * which g changes most.
 *
 * @param g [points, batch]
 */
export function signOnGrid(g: Tensor, grid: readonly number[]): Tensor {
  const shape = [...grid, g.shape[1]];
  const x = reshape(g, shape);
  const along = grid.map((extent, axis) => {
    const part = (from: number, to: number) => sliceAxis(x, axis, from, to);
    // At the ends the neighbour inside stands for the one that is missing.
    const after = concat([part(1, extent), part(extent - 1, extent)], axis);
    const before = concat([part(0, 1), part(0, extent - 1)], axis);
    return { slope: mul(0.5, sub(after, before)), bend: sub(add(after, before), mul(2, x)) };
  });
  let [{ slope, bend }] = along;
  for (const other of along.slice(1)) {
    const steeper = greaterEqual(abs(slope), abs(other.slope));
    bend = where(steeper, bend, other.bend);
    slope = where(steeper, slope, other.slope);
  }
  const room = sub(square(slope), mul(2, mul(x, bend)));
  const below = add(abs(slope), sqrt(maximum(room, 0)));
  const near = mul(greaterEqual(room, 0), greater(below, abs(x)));
  const distance = div(mul(2, x), where(near, below, 1));
  return reshape(where(near, stepOver(distance), sign(x)), g.shape);
}

/** Twice the integral from 0 to x of the kernel of cubic Lagrange interpolation; ±1 from 2 on. */
function stepOver(x: Tensor): Tensor {
  const s = clamp(abs(x), 0, 2);
  const inner = mul(s, add(1, mul(s, add(-1 / 4, mul(s, add(-1 / 3, mul(s, 1 / 8)))))));
  const outer = add(1 / 6, mul(s, add(1, mul(s, add(-11 / 12, mul(s, add(1 / 3, mul(s, -1 / 24))))))));
  return mul(mul(2, sign(x)), where(greaterEqual(1, s), inner, outer));
}
