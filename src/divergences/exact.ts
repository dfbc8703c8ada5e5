import type { BoxDensity, Distribution } from '../distributions/distribution.ts';
import { squash } from '../distributions/gaussian.ts';
import { UsageError } from '../errors.ts';
import {
  abs,
  add,
  broadcastTo,
  concat,
  div,
  exp,
  grad,
  greaterEqual,
  literal,
  logSumExp,
  max,
  maximum,
  mean,
  minimum,
  mul,
  reshape,
  slice,
  sliceAxis,
  sqrt,
  square,
  stack,
  stopGradient,
  sub,
  sum,
  type Tensor,
  transpose,
  where,
} from '../tape/index.ts';
import { type EstimatorResult, QUADRATURE_DIMENSIONS } from './estimator.ts';
import { findPeaks, gatheredRule, type Peaks } from './placement.ts';
import { allowedOnly, type Target } from './target.ts';

/** Nodes a coordinate, by the number of coordinates, and more of them for every component of a policy but one. */
const nodesFor = [0, 640, 124];
const nodesMore = [0, 64, 6];
/** In one coordinate, where the policy's density has bends of its own. */
const nodesWithBends = 1024;
/** Beyond this many scales of the policy, or this far from a peak of the target, nothing counts. */
const policyReach = 9;
const targetReach = 14;
/** Nodes keep in proportion to a scale this much wider than the policy's own, and than a peak's. */
const widening = 2;
/** Distance from a centre at which the middle's nodes are dense enough: for the policy, and for a target's slow tails. */
const policyFar = 0.7;
const targetFar = 3;
const middleScale = 1;
/** Where `quadratureError` is above this, it is infinite. */
export const QUADRATURE_BOUND = 1e-4;
/**
 * Of the difference from the rules of every second node, what the rule of all nodes may be off by. In one coordinate it is as if
 * neither were better: so it is at corners of a critic. In two it converges faster, but for mixtures, along whose ridges no
 * nodes lie.
 */
const creditOf = (coordinates: number, components: number): number => {
  if (coordinates === 1) return 1 / 2;
  return components === 1 ? 1 / 10 : 1 / 4;
};
/** Total variation, whose integrand has a kink, may be off by ten times as much. */
const kinkedShare = 1 / 10;
/** Size below which a value counts as this large. */
const smallValue = 0.01;
/** As of values, of gradients: in units of the steepness of log π, and of that times the terms that were added up. */
const smallGradient = 3e-4;
const smallShare = 1e-4;
/** The part of its bound by which a divergence may exceed it, and its value by which it may be negative. */
const beyond = 1e-4;
/** What the policy's mass on the nodes may be off by, in nats. */
const massBound = 0.01;
/** What float32 makes of terms of logarithms of size 1. */
const rounding = 1e-7;

/** Policy and target at every action, or in the latent u = tanh⁻¹ a at the nodes of a quadrature over the box. */
export interface Enumeration {
  /** [points, batch] log π, differentiable in the policy */
  readonly logPolicy: Tensor;
  /** [points, batch] log p, normalised, a constant */
  readonly logTarget: Tensor;
  /** [points, batch] logarithm of the volume a node stands for, a constant; 0 where actions are enumerated */
  readonly logVolume: Tensor | 0;
  /** Extents of the product rule whose nodes the points are; absent where actions are enumerated. */
  readonly grid?: readonly number[];
}

/** What is integrated: [batch] from the densities at all points. */
export type Functional = (points: Enumeration) => Tensor;

/** How a functional is to be looked at by quadrature. */
export interface Looking {
  /** Of the product policy^order·target^(1 − order) around which nodes shall gather too. */
  readonly order?: number;
  /** The integrand has a kink: its nodes are closer together. */
  readonly kinked?: boolean;
  /** The divergence is never above this. */
  readonly most?: number;
  /** It bends where the densities cross, which is nearly a kink where they do so steeply: within a mixture. */
  readonly bending?: boolean;
}

/** All actions of a discrete policy. @throws UsageError where they are not discrete */
export function enumerate(policy: Distribution, target: Target): Enumeration {
  if (!policy.support) throw new UsageError(`The actions of '${policy.family}' cannot be enumerated.`);
  const { actions, logProb } = policy.support();
  const everywhere = stopGradient(target.logDensityOf(target.critics(actions), actions));
  const logDensity = allowedOnly(everywhere, logProb);
  return {
    logPolicy: logProb,
    logTarget: sub(logDensity, logSumExp(logDensity, 0, true)),
    logVolume: 0,
  };
}

/** Nodes over the box, and what at them is constant. */
interface Rule {
  /** [points, batch, actions] latents */
  readonly latents: Tensor;
  /** [points, batch] log p̃ */
  readonly logTarget: Tensor;
  /** [points, batch] logarithm of the volume a node stands for */
  readonly logVolume: Tensor;
  readonly grid: readonly number[];
}

/**
 * A product rule over a box of at most two coordinates whose nodes gather around the policy, the target's two highest
 * peaks and the middle of the box.
 *
 * @param order of the product policy^order·target^(1 − order) around which nodes shall gather too
 * @throws UsageError where there is no box, or of more coordinates
 */
function quadrature(
  policy: Distribution,
  target: Target,
  order?: number,
): { rule: Rule; density: BoxDensity } {
  const density = policy.boxDensity?.();
  if (!density || policy.actions > QUADRATURE_DIMENSIONS) {
    throw new UsageError(
      `Quadrature takes actions in a box of at most ${QUADRATURE_DIMENSIONS} coordinates; got '${policy.family}' with ${policy.actions}.`,
    );
  }
  const logTarget = (latent: Tensor) => {
    const { actions, logVolume } = squash(latent);
    return stopGradient(add(target.logDensityOf(target.critics(actions), actions), logVolume));
  };
  const placed = place(density, findPeaks(density, logTarget, order), order);
  return { density, rule: { ...placed, logTarget: logTarget(placed.latents) } };
}

/** Both densities at a rule's nodes. */
interface Evaluated extends Enumeration {
  /** [points, batch] log π before it was normalised on the nodes */
  readonly raw: Tensor;
  /** [1, batch] the logarithm of its mass there, which is 0 where the nodes resolve it */
  readonly logMass: Tensor;
  /** [batch] size of the logarithms where the densities have their mass, of which float32 keeps seven digits */
  readonly size: Tensor;
}

/** Both normalised on the nodes, so that a constant beside the integrand's factor of π has no gradient, as it should. */
function evaluate({ latents, logTarget, logVolume, grid }: Rule, density: BoxDensity): Evaluated {
  const raw = density.logDensity(latents);
  const mass = add(raw, logVolume);
  const logMass = logSumExp(mass, 0, true);
  const [, batch] = raw.shape;
  const far = max(reshape(transpose(div(abs(density.centre), density.scale), [1, 0, 2]), [batch, -1]), 1);
  return {
    ...{ raw, logMass, logVolume, grid },
    logPolicy: sub(raw, logMass),
    logTarget: sub(logTarget, logSumExp(add(logTarget, logVolume), 0, true)),
    size: stopGradient(add(add(1, abs(max(logTarget, 0))), far)),
  };
}

/** The product of a gathered rule along each coordinate. */
function place(
  { centre, scale, bends }: BoxDensity,
  peaks: Peaks,
  order = 0,
): Pick<Rule, 'latents' | 'logVolume' | 'grid'> {
  const [components, batch, actions] = centre.shape;
  const count = bends ? nodesWithBends : nodesFor[actions] + nodesMore[actions] * (components - 1);
  // policy^order·target^(1 − order) has two more peaks where the policy is wide, since log target falls as 2|u|.
  const tilt = order > 1 ? mul((2 * (order - 1)) / order, square(scale)) : undefined;
  const far = maximum(tilt ? add(mul(policyReach, scale), tilt) : mul(policyReach, scale), targetReach);
  const reach = maximum(
    max(add(abs(centre), far), 0),
    add(max(mul(peaks.weight, abs(peaks.centre)), 0), targetReach),
  );
  const own = tilt ? [centre, add(centre, tilt), sub(centre, tilt)] : [centre];
  const widths = concat(
    own.map(() => scale),
    0,
  );
  const weights = broadcastTo(literal([1 + 0.5 / components], [1]), [own.length * components, batch, 1]);
  const bent = (part: 'centre' | 'scale' | 'weight') => (bends ? [bends[part]] : []);
  const gathering = {
    centre: concat([...own, peaks.centre, ...bent('centre')], 0),
    scale: mul(widening, concat([widths, peaks.scale, ...bent('scale')], 0)),
    weight: concat([weights, peaks.weight, ...bent('weight')], 0),
  };
  const handOver = (x: Tensor, least: number) => maximum(mul(4 * widening, x), least);
  const ends = concat(
    [
      handOver(widths, policyFar),
      handOver(peaks.scale, targetFar),
      ...bent('scale').map((x) => handOver(x, policyFar)),
    ],
    0,
  );
  const { nodes, logLength } = gatheredRule(gathering, ends, middleScale, reach, count);
  if (actions === 1) {
    return { latents: nodes, logVolume: reshape(logLength, [count, batch]), grid: [count] };
  }
  const whole = [count, count, batch, 1];
  const along = (x: Tensor, axis: number) => {
    const line = slice(x, [0, 0, axis], [count, batch, axis + 1]);
    return broadcastTo(reshape(line, axis === 0 ? [count, 1, batch, 1] : [1, count, batch, 1]), whole);
  };
  const total = count ** 2;
  return {
    latents: reshape(concat([along(nodes, 0), along(nodes, 1)], -1), [total, batch, 2]),
    logVolume: reshape(add(along(logLength, 0), along(logLength, 1)), [total, batch]),
    grid: [count, count],
  };
}

/** Σ_points volume·integrand: [batch]. */
export function integrate({ logVolume }: Enumeration, integrand: Tensor): Tensor {
  return sum(logVolume === 0 ? integrand : mul(exp(logVolume), integrand), 0);
}

/** Parts into which `between` divides the distance of two nodes, by the number of coordinates. */
const parts = [1, 4, 2];
/** Neighbours on either side that the interpolation goes through. */
const beside = 3;
/** Nats by which it may lie above both neighbours: a steep logarithm is no polynomial. */
const overshoot = 1;

/**
 * A rule of nodes closer together for the same integrals, interpolated by polynomials of degree 5 through six nodes along
 * each coordinate, without another look at the target: for integrands with kinks, which polynomials through the integrand
 * itself would miss. The policy is evaluated there.
 */
function between({ latents, logTarget, logVolume, grid }: Rule): Rule {
  const times = parts[grid.length];
  const along = (x: Tensor, axis: number, most: number): Tensor => {
    const extent = x.shape[axis];
    // Beyond the ends their own values stand, where nothing has mass.
    const edge = (at: number) => Array.from({ length: beside }, () => sliceAxis(x, axis, at, at + 1));
    const padded = concat([...edge(0), x, ...edge(extent - 1)], axis);
    const shifted = (by: number) => sliceAxis(padded, axis, beside + by, beside + by + extent);
    const steps = Array.from({ length: times }, (_, k) =>
      k === 0
        ? x
        : minimum(
            total(lagrange(k / times).map(([by, weight]) => mul(weight, shifted(by)))),
            add(maximum(x, shifted(1)), most),
          ),
    );
    const shape = [...x.shape.slice(0, axis), extent * times, ...x.shape.slice(axis + 1)];
    return reshape(stack(steps, axis + 1), shape);
  };
  const interpolate = (x: Tensor, most = overshoot) => {
    const rest = x.shape.slice(1);
    const all = grid.reduce((y, _, axis) => along(y, axis, most), reshape(x, [...grid, ...rest]));
    return stopGradient(reshape(all, [x.shape[0] * times ** grid.length, ...rest]));
  };
  return {
    latents: interpolate(latents, 0),
    logTarget: interpolate(logTarget),
    logVolume: sub(interpolate(logVolume), grid.length * Math.log(times)),
    grid: grid.map((extent) => extent * times),
  };
}

/** Weights of the nodes −2 to 3 for the value at a place between 0 and 1. */
const lagrange = (at: number): [node: number, weight: number][] => {
  const nodes = Array.from({ length: 2 * beside }, (_, i) => i - beside + 1);
  return nodes.map((node) => [
    node,
    nodes.reduce((w, other) => (other === node ? w : (w * (at - other)) / (node - other)), 1),
  ]);
};

const total = (parts: readonly Tensor[]): Tensor => parts.reduce((a, b) => add(a, b));

/** A rule of its own: every second node along each coordinate, from the first on or from the second. */
function everySecond({ grid, ...rule }: Rule, from: 0 | 1): Rule {
  const pick = (x: Tensor) => {
    const rest = x.shape.slice(1);
    const shape = [...grid, ...rest];
    const [begin, step] = [from, 2].map((along) => [
      ...grid.map(() => along),
      ...rest.map(() => (along === 2 ? 1 : 0)),
    ]);
    const picked = slice(reshape(x, shape), begin, shape, step);
    return reshape(picked, [x.shape[0] / 2 ** grid.length, ...rest]);
  };
  return {
    latents: pick(rule.latents),
    logTarget: pick(rule.logTarget),
    logVolume: add(pick(rule.logVolume), grid.length * Math.LN2),
    grid: grid.map((extent) => extent / 2),
  };
}

/** Norm of gradients [batch, …] in all parameters of a state: [batch]. */
const norm = (slopes: readonly Tensor[]): Tensor =>
  sqrt(total(slopes.map((x) => sum(square(reshape(x, [x.shape[0], x.size / x.shape[0]])), 1))));

/**
 * Mean over states of a functional of policy and target, by enumeration or quadrature. By quadrature there is a
 * diagnostic, `quadratureError`: of the worst state, what the value or its gradient in the policy's parameters may be off by,
 * each relative to its own size. It is half of how far they move with every second node along each coordinate only, be it the
 * first or the second of each two; in two coordinates a quarter of a mixture's and a tenth of others', and of total variation
 * a tenth of that. Values below 0.01 count as that large, and gradients below 3e-4 of the steepness of log π, or 1e-4 of that
 * times the terms added up; what float32 cannot hold of them is left out. Above {@link QUADRATURE_BOUND}, and where the policy's mass on the nodes is not 1,
 * or the value is negative or above `most`, it and the loss are infinite, which ends a run as NaN does.
 */
export function exactly(
  policy: Distribution,
  target: Target,
  functional: Functional,
  { order, most = Number.POSITIVE_INFINITY, kinked = false, bending = false }: Looking = {},
): EstimatorResult {
  if (policy.support) return { loss: mean(functional(enumerate(policy, target))), diagnostics: {} };
  const { rule, density } = quadrature(policy, target, order);
  const closer = kinked || (bending && density.bends !== undefined);
  const { batch } = policy;
  const [whole, ...halves] = [rule, everySecond(rule, 0), everySecond(rule, 1)].map((nodes) => {
    const points = evaluate(closer ? between(nodes) : nodes, density);
    const value = functional(points);
    const loss = mean(value);
    const [coefficients, ...slopes] = grad(loss, [points.raw, ...density.parameters]);
    return { points, value, loss, coefficients, slopes };
  });
  // Coefficients and slopes are those of a mean over states.
  const coefficients = abs(whole.coefficients);
  const terms = sum(coefficients, 0);
  const steepness = norm(density.steepness);
  const noise = mul(rounding, roundingOf(whole.points, coefficients, terms, order === undefined));
  const share = creditOf(policy.actions, density.centre.shape[0]) * (kinked ? kinkedShare : 1);
  const relative = (difference: Tensor, lost: Tensor, whole: Tensor, small: Tensor | number) =>
    div(mul(share, sub(difference, lost)), add(whole, small));
  const small = mul(steepness, add(smallGradient / batch, mul(smallShare, terms)));
  const past = (excess: Tensor, bound: number) => mul(QUADRATURE_BOUND / bound, excess);
  const errors = [
    past(abs(reshape(whole.points.logMass, [batch])), massBound),
    ...halves.flatMap((half) => [
      relative(abs(sub(whole.value, half.value)), mul(batch, noise), abs(whole.value), smallValue),
      relative(
        norm(whole.slopes.map((slope, i) => sub(slope, half.slopes[i]))),
        mul(steepness, noise),
        norm(whole.slopes),
        small,
      ),
    ]),
    // No divergence is negative, and some have a bound.
    past(sub(mul(-batch, noise), whole.value), beyond),
  ];
  if (Number.isFinite(most)) errors.push(past(sub(mul(1 / most, whole.value), 1), beyond));
  const worst = max(
    errors.reduce((a, b) => maximum(a, b)),
    0,
  );
  const error = stopGradient(worst);
  const refused = sub(exp(where(greaterEqual(QUADRATURE_BOUND, error), 0, 1e4)), 1);
  // The loss too, for who looks at no diagnostic; the gradient passes as it is.
  return { loss: add(whole.loss, refused), diagnostics: { quadratureError: add(error, refused) } };
}

/**
 * Sum over the nodes of what they add to, times the size of the logarithms it comes from: [batch]. Where log p itself is
 * averaged over π, the terms have grown with it, and it is as uncertain as it is large.
 */
function roundingOf(
  { logPolicy, logTarget, logVolume, size }: Evaluated,
  coefficients: Tensor,
  terms: Tensor,
  averaged: boolean,
): Tensor {
  const [, batch] = logTarget.shape;
  const mass = mul(1 / batch, exp(logVolume === 0 ? logPolicy : add(logPolicy, logVolume)));
  const weights = averaged ? minimum(coefficients, mass) : coefficients;
  return add(mul(terms, size), sum(mul(weights, abs(logTarget)), 0));
}
