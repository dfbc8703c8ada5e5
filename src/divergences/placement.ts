import type { BoxDensity } from '../distributions/distribution.ts';
import { gatheredNodes } from '../kernels/index.ts';
import {
  add,
  argMax,
  broadcastTo,
  callOf,
  clamp,
  concat,
  div,
  equal,
  gather,
  greater,
  greaterEqual,
  inputAt,
  literal,
  max,
  maximum,
  minimum,
  mul,
  type Op,
  outputAt,
  recordNode,
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
const coarseNodes = [0, 97, 25];
/** Reach of that look: 1 − tanh 7 is 2e-6. It is denser than that near 0, within `coarseScale`. */
const coarseReach = 7;
const coarseScale = 0.5;
/** Steps of Newton's method from a node of the first look to the peak itself. */
const newtonSteps = 4;
/** The radius of a step, as part of the one before, where the peak is no wider. */
const shrink = 0.25;
/** Widths a peak may have. */
const widths = [1e-4, 10] as const;
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
  const peaks = where(isPeak, onGrid, nowhere);
  const first = argMax(peaks, 0, true);
  const number = literal(
    Array.from({ length: points }, (_, i) => i),
    [points, 1],
  );
  const others = where(equal(number, first), nowhere, peaks);
  const another = greater(max(others, 0, true), nowhere / 2);
  const second = where(another, argMax(others, 0, true), first);
  const at = (index: Tensor) =>
    gather(candidates, broadcastTo(reshape(index, [1, batch, 1]), [1, batch, actions]), 0);
  const centres = [at(first), at(second)];
  const powers = [1, 1];
  if (order !== undefined) {
    const mixed = add(mul(order, policy.logDensity(candidates)), mul(1 - order, seen));
    centres.push(at(argMax(mixed, 0, true)));
    powers.push(1 - order);
  }
  const { height, centre, scale } = refine(logTarget, concat(centres, 0), powers, {
    logDensity: policy.logDensity,
    powers: order === undefined ? [0, 0] : [0, 0, order],
  });
  // Only now: at the nodes of the first look a narrow peak may be as low as anything.
  const [one, other] = [0, 1].map((peak) => sliceAxis(height, 0, peak, peak + 1));
  const counts = [
    greater(one, sub(other, forgotten)),
    mul(reshape(another, one.shape), greater(other, sub(one, forgotten))),
  ];
  if (order !== undefined) counts.push(broadcastTo(literal([1], [1]), one.shape));
  return { centre, scale, weight: concat(counts, 0) };
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

/**
 * Newton's method along each coordinate for target^power·policy^power, from centres [peaks, batch, actions].
 *
 * @returns with the logarithm of what is there, [peaks, batch, 1]
 */
function refine(
  logTarget: LogDensity,
  from: Tensor,
  powers: readonly number[],
  policy: { readonly logDensity: LogDensity; readonly powers: readonly number[] },
): Pick<Peaks, 'centre' | 'scale'> & { readonly height: Tensor } {
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
  // That of the nodes of the first look there.
  const spacing = (2 * Math.asinh(coarseReach / coarseScale)) / (coarseNodes[actions] - 1);
  let radius = mul(spacing, sqrt(add(coarseScale ** 2, square(from))));
  let scale = radius;
  let height = radius;
  for (let step = 0; step < newtonSteps; step++) {
    const stencil = add(centre, mul(offsets, radius));
    const points = reshape(stencil, [steps.length * count, batch, actions]);
    const values = (density: LogDensity) => reshape(density(points), [steps.length, count, batch]);
    let f = mul(power(powers), values(logTarget));
    if (policy.powers.some((x) => x !== 0)) f = add(f, mul(power(policy.powers), values(policy.logDensity)));
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
    height = add(of(0), mul(0.5, sum(mul(slope, move), -1, true)));
    scale = where(peaked, div(radius, sqrt(where(peaked, bend, 1))), radius);
    scale = clamp(scale, ...widths);
    radius = minimum(maximum(scale, mul(shrink, radius)), 1);
  }
  const [found, width, top] = [centre, scale, height].map(stopGradient);
  return { centre: found, scale: width, height: top };
}

const unitVector = (size: number, axis: number, value: number): number[] =>
  Array.from({ length: size }, (_, i) => (i === axis ? value : 0));

/** Stands for the end of a centre that has none. */
const endless = 1e15;

/** Inputs centre, scale, far, weight [centres, lanes] and reach [lanes]; outputs nodes and logarithms of lengths [count, lanes]. */
const gatheredNodesOp: Op<number> = {
  name: 'gatheredNodes',
  infer: ([{ shape }], count) => [0, 1].map(() => ({ shape: [count, shape[1]], dtype: 'f32' as const })),
  call: ({ node, attributes: count }) =>
    callOf(
      gatheredNodes,
      {
        centre: inputAt(0),
        scale: inputAt(1),
        far: inputAt(2),
        weight: inputAt(3),
        reach: inputAt(4),
        nodes: outputAt(0),
        logLength: outputAt(1),
      },
      { centres: node.inputs[0].shape[0], lanes: node.inputs[0].shape[1], count },
    ),
};

/**
 * A rule along each coordinate of the latent whose nodes gather around all centres at once: the trapezoidal rule in
 * y(u) = Σ_k weight_k·(sinh⁻¹((u − centre_k)/scale_k) − sinh⁻¹((u − centre_k)/far_k)), from −reach to reach. Around a
 * centre the nodes' distances grow from its scale in proportion to the distance from it, until at `far` others take
 * over. It converges spectrally for what is smooth on the scale of the centre nearest by.
 *
 * @param far [centres, batch, actions] above the scale
 * @param middle scale of a last centre at 0, of weight 1 and without an end
 * @param reach [batch, actions]
 * @returns nodes u [count, batch, actions] and the logarithm of the length of each, constants
 */
export function gatheredRule(
  { centre, scale, weight }: Peaks,
  far: Tensor,
  middle: number,
  reach: Tensor,
  count: number,
): { nodes: Tensor; logLength: Tensor } {
  const [centres, batch, actions] = centre.shape;
  const lanes = batch * actions;
  const last = (x: number) => broadcastTo(literal([x], [1]), [1, lanes]);
  const column = (x: Tensor, end: number) => concat([reshape(x, [centres, lanes]), last(end)], 0);
  const inputs = [
    column(centre, 0),
    column(scale, middle),
    column(far, endless),
    column(broadcastTo(weight, centre.shape), 1),
    reshape(reach, [lanes]),
  ];
  const [nodes, logLength] = recordNode(gatheredNodesOp, inputs.map(stopGradient), count).outputs;
  const shaped = (x: Tensor) => stopGradient(reshape(x, [count, batch, actions]));
  return { nodes: shaped(nodes), logLength: shaped(logLength) };
}
