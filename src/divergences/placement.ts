import type { BoxDensity } from '../distributions/distribution.ts';
import {
  abs,
  add,
  argMax,
  broadcastTo,
  clamp,
  concat,
  div,
  equal,
  exp,
  gather,
  greater,
  greaterEqual,
  literal,
  log,
  log1p,
  max,
  maximum,
  min,
  minimum,
  mul,
  neg,
  reshape,
  sign,
  sliceAxis,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from '../tape/index.ts';

/** Where nodes shall gather: centres and widths along each coordinate, [centres, batch, actions], constants. */
export interface Peaks {
  readonly centre: Tensor;
  readonly scale: Tensor;
  /** [centres, batch, 1] how many nodes each shall have, relative to the others */
  readonly weight: Tensor;
}

/** log of an unnormalised density at latents: [points, batch, actions] → [points, batch]. */
export type LogDensity = (latent: Tensor) => Tensor;

/** Nodes of the first look at the target along each coordinate, by the number of coordinates. */
const coarseNodes = [0, 65, 25];
/** Reach of that look: 1 − tanh 7 is 2e-6. It is denser than that near 0, within `coarseScale`. */
const coarseReach = 7;
const coarseScale = 1.5;
/** Steps of Newton's method from a node of the first look to the peak itself, and the first one's radius. */
const newtonSteps = 3;
const firstRadius = 0.25;
/** Widths a peak may have. */
const widths = [1e-3, 10] as const;
/** Nats below the highest peak from which on another counts for nothing. */
const forgotten = 60;
/** Stands for −∞, and holds in float32. */
const nowhere = -1e30;

/** The coordinates of a product grid: [count ** dimensions, dimensions], the last coordinate running fastest. */
function product(line: readonly number[], dimensions: number): number[] {
  const rows = dimensions === 1 ? line.map((x) => [x]) : line.flatMap((x) => line.map((y) => [x, y]));
  return rows.flat();
}

/**
 * Finds the target's two highest peaks, and the one of policy^order·target^(1 − order) where an order is given: the
 * best of a coarse grid, then a few steps of Newton's method along each coordinate, by differences.
 *
 * @param logTarget evaluated at some hundred latents
 */
export function findPeaks(policy: BoxDensity, logTarget: LogDensity, order?: number): Peaks {
  const [, batch, actions] = policy.centre.shape;
  const count = coarseNodes[actions];
  const unit = Math.asinh(coarseReach / coarseScale);
  const line = Array.from(
    { length: count },
    (_, i) => coarseScale * Math.sinh(unit * ((2 * i) / (count - 1) - 1)),
  );
  const points = count ** actions;
  const grid = broadcastTo(literal(product(line, actions), [points, 1, actions]), [points, batch, actions]);
  const candidates = order === undefined ? grid : concat([grid, policy.centre], 0);
  const seen = logTarget(candidates);
  const onGrid = sliceAxis(seen, 0, 0, points);
  const isPeak = localMaxima(onGrid, count, actions);
  const first = argMax(where(isPeak, onGrid, nowhere), 0, true);
  const number = literal(
    Array.from({ length: points }, (_, i) => i),
    [points, 1],
  );
  const rest = where(equal(number, first), nowhere, where(isPeak, onGrid, nowhere));
  const counts = greater(max(rest, 0, true), sub(max(onGrid, 0, true), forgotten));
  const second = where(counts, argMax(rest, 0, true), first);
  const at = (index: Tensor) =>
    gather(candidates, broadcastTo(reshape(index, [1, batch, 1]), [1, batch, actions]), 0);
  const centres = [at(first), at(second)];
  const one = broadcastTo(literal([1], [1]), [1, batch, 1]);
  const weight = [one, reshape(counts, [1, batch, 1])];
  if (order === undefined)
    return { ...refine(logTarget, concat(centres, 0), [1, 1]), weight: concat(weight, 0) };
  const mixed = (latent: Tensor, target: Tensor) =>
    add(mul(order, policy.logDensity(latent)), mul(1 - order, target));
  centres.push(at(argMax(mixed(candidates, seen), 0, true)));
  const refined = refine(logTarget, concat(centres, 0), [1, 1, 1 - order], {
    logDensity: policy.logDensity,
    powers: [0, 0, order],
  });
  return { ...refined, weight: concat([...weight, one], 0) };
}

/** 1 where a value [count ** dimensions, batch] is above its neighbours along each coordinate. */
function localMaxima(values: Tensor, count: number, dimensions: number): Tensor {
  const batch = values.shape[1];
  const shape = [...new Array<number>(dimensions).fill(count), batch];
  const x = reshape(values, shape);
  let all: Tensor | undefined;
  for (let axis = 0; axis < dimensions; axis++) {
    const rises = greaterEqual(sliceAxis(x, axis, 1, count), sliceAxis(x, axis, 0, count - 1));
    const end = broadcastTo(literal([1], [1]), [...shape.slice(0, axis), 1, ...shape.slice(axis + 1)]);
    const here = mul(concat([end, rises], axis), concat([sub(1, rises), end], axis));
    all = all ? mul(all, here) : here;
  }
  return reshape(all as Tensor, values.shape);
}

/** Newton's method along each coordinate for target^power·policy^power, from centres [peaks, batch, actions]. */
function refine(
  logTarget: LogDensity,
  from: Tensor,
  powers: readonly number[],
  policy?: { readonly logDensity: LogDensity; readonly powers: readonly number[] },
): Pick<Peaks, 'centre' | 'scale'> {
  const [count, batch, actions] = from.shape;
  const steps = [
    new Array<number>(actions).fill(0),
    ...Array.from({ length: actions }, (_, axis) =>
      [1, -1].map((way) => unitVector(actions, axis, way)),
    ).flat(),
  ];
  const offsets = literal(steps.flat(), [steps.length, 1, 1, actions]);
  const power = (values: readonly number[]) => literal(values, [1, count, 1]);
  let centre = from;
  let radius: Tensor = broadcastTo(literal([firstRadius], [1]), from.shape);
  let scale = radius;
  for (let step = 0; step < newtonSteps; step++) {
    const stencil = add(centre, mul(offsets, radius));
    const points = reshape(stencil, [steps.length * count, batch, actions]);
    const values = (density: LogDensity) => reshape(density(points), [steps.length, count, batch]);
    let f = mul(power(powers), values(logTarget));
    if (policy) f = add(f, mul(power(policy.powers), values(policy.logDensity)));
    const of = (i: number) => reshape(sliceAxis(f, 0, i, i + 1), [count, batch, 1]);
    const along = Array.from({ length: actions }, (_, axis) => [of(1 + 2 * axis), of(2 + 2 * axis)]);
    const slope = concat(
      along.map(([up, down]) => mul(0.5, sub(up, down))),
      -1,
    );
    const bend = concat(
      along.map(([up, down]) => sub(mul(2, of(0)), add(up, down))),
      -1,
    );
    // In units of the radius: a maximum at slope/bend, no more than a radius away.
    const peaked = greater(bend, 1e-12);
    const move = where(peaked, clamp(div(slope, where(peaked, bend, 1)), -1, 1), sign(slope));
    centre = add(centre, mul(radius, move));
    scale = where(peaked, div(radius, sqrt(where(peaked, bend, 1))), radius);
    scale = clamp(scale, ...widths);
    radius = minimum(scale, 1);
  }
  return { centre: stopGradient(centre), scale: stopGradient(scale) };
}

const unitVector = (size: number, axis: number, value: number): number[] =>
  Array.from({ length: size }, (_, i) => (i === axis ? value : 0));

/** log |x| grows without bound, so that nodes a relative distance apart stay so at any distance from a centre. */
function arsinh(x: Tensor): Tensor {
  const size = abs(x);
  const square1 = square(size);
  return mul(sign(x), log1p(add(size, div(square1, add(1, sqrt(add(1, square1)))))));
}

/** Nodes of one coordinate before and after each centre that bracket the solution. */
const knotsBeside = 10;
/** Steps of Newton's method, kept inside the bracket. */
const inversions = 8;

/**
 * A rule along each coordinate of the latent whose nodes gather around all centres at once: the trapezoidal rule in
 * y(u) = Σ_k weight_k·(sinh⁻¹((u − centre_k)/scale_k) − sinh⁻¹((u − centre_k)/far_k)), from −reach to reach. Around a
 * centre the nodes' distances grow from its scale in proportion to the distance from it, until at `far` others take
 * over. It converges spectrally for what is smooth on the scale of the centre nearest by.
 *
 * @param far [centres, batch, actions] above the scale
 * @param middle scale of a last centre at 0, of weight 1 and without an end
 * @param reach [batch, actions]
 * @returns nodes u [count, batch, actions] and the logarithm of the length of each
 */
export function gatheredRule(
  { centre, scale, weight }: Peaks,
  far: Tensor,
  middle: number,
  reach: Tensor,
  count: number,
): { nodes: Tensor; logLength: Tensor } {
  const [peaks, batch, actions] = centre.shape;
  const fill = (x: number, last: number) => broadcastTo(literal([x], [1]), [1, batch, last]);
  const column = (parts: readonly Tensor[]) => {
    const all = concat(parts, 0);
    return reshape(all, [all.shape[0], 1, ...all.shape.slice(1)]);
  };
  const c = column([centre, fill(0, actions), centre]);
  const s = column([scale, fill(middle, actions), far]);
  const n = column([weight, fill(1, 1), neg(weight)]);
  const scaled = (u: Tensor) => div(sub(u, c), s);
  const y = (u: Tensor) => sum(mul(n, arsinh(scaled(u))), 0);
  const density = (u: Tensor) => sum(div(n, mul(s, sqrt(add(1, square(scaled(u)))))), 0);

  const last = reshape(reach, [1, batch, actions]);
  const [low, high] = [y(neg(last)), y(last)];
  const share = literal(
    Array.from({ length: count }, (_, i) => i / (count - 1)),
    [count, 1, 1],
  );
  const wanted = add(low, mul(share, sub(high, low)));

  // Knots around every centre, in no order: the nearest on either side of each node bracket it.
  const beside = 2 * knotsBeside + 1;
  const unit = literal(
    Array.from({ length: beside }, (_, j) => j / knotsBeside - 1),
    [1, beside, 1, 1],
  );
  const own = (x: Tensor) => sliceAxis(x, 0, 0, peaks + 1);
  const distance = mul(unit, arsinh(div(mul(2, last), own(s))));
  const sinh = mul(0.5, sub(exp(distance), exp(neg(distance))));
  const places = maximum(minimum(add(own(c), mul(own(s), sinh)), last), neg(last));
  const knots = reshape(places, [1, (peaks + 1) * beside, batch, actions]);
  const at = reshape(y(reshape(knots, knots.shape.slice(1))), knots.shape);
  const below = greaterEqual(reshape(wanted, [count, 1, batch, actions]), at);
  let lower: Tensor = maximum(max(where(below, knots, nowhere), 1), neg(last));
  let upper: Tensor = minimum(min(where(below, -nowhere, knots), 1), last);
  let u: Tensor = mul(0.5, add(lower, upper));
  for (let step = 0; step < inversions; step++) {
    const gap = sub(wanted, y(u));
    lower = where(greaterEqual(gap, 0), u, lower);
    upper = where(greaterEqual(gap, 0), upper, u);
    const newton = add(u, div(gap, density(u)));
    const inside = mul(greaterEqual(newton, lower), greaterEqual(upper, newton));
    u = where(inside, newton, mul(0.5, add(lower, upper)));
  }
  const step = mul(1 / (count - 1), sub(high, low));
  return { nodes: stopGradient(u), logLength: stopGradient(sub(log(step), log(density(u)))) };
}
