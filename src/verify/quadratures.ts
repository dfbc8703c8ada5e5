import { maximum, minimum } from '../math/extremes.ts';
import { gaussLegendre, type QuadratureRule } from '../math/quadrature.ts';

export interface Normal {
  readonly mean: number;
  readonly std: number;
}

/** The Gaussian that policy^order·target^(1 − order) is proportional to. */
export function normalProduct(policy: Normal, target: Normal, order: number): Normal {
  const [own, other] = [order / policy.std ** 2, (1 - order) / target.std ** 2];
  const variance = 1 / (own + other);
  return { mean: variance * (own * policy.mean + other * target.mean), std: Math.sqrt(variance) };
}

/** Reach in standard deviations; what lies beyond is below the rounding of float64. */
const reach = 9;
/** Points of each panel, which is no wider than a standard deviation of any Gaussian that has mass there. */
const points = 16;

/**
 * A rule over the line for functions of two densities and of products of their powers: Gauss–Legendre on panels
 * that follow all these Gaussians and end where the two densities cross, since |p − π| has kinks there.
 */
export function ruleFor(policy: Normal, target: Normal, products: readonly Normal[]): QuadratureRule {
  const normals = [policy, target, ...products];
  const ends = normals.flatMap(({ mean, std }) =>
    Array.from({ length: 2 * reach + 1 }, (_, i) => mean + (i - reach) * std),
  );
  const low = minimum(ends);
  const high = maximum(ends);
  const kinks = crossings(policy, target).filter((x) => x > low && x < high);
  const sorted = [...ends, ...kinks].sort((a, b) => a - b);
  const shortest = 1e-9 * Math.min(policy.std, target.std);
  const nodes: number[] = [];
  const weights: number[] = [];
  let from = sorted[0];
  for (const end of sorted) {
    // Ends that coincide but for rounding.
    if (end - from < shortest) continue;
    const panel = gaussLegendre(points, from, end);
    for (const node of panel.nodes) nodes.push(node);
    for (const weight of panel.weights) weights.push(weight);
    from = end;
  }
  return { nodes, weights };
}

/** Where two Gaussian densities are equal: at most two points. */
function crossings(a: Normal, b: Normal): number[] {
  // log a − log b = −½(quadratic·x² − 2·linear·x + constant) around the first mean.
  const [wa, wb] = [1 / a.std ** 2, 1 / b.std ** 2];
  const gap = b.mean - a.mean;
  const quadratic = wa - wb;
  const linear = -wb * gap;
  const constant = -wb * gap ** 2 + 2 * Math.log(a.std / b.std);
  const root = Math.sqrt(linear ** 2 - quadratic * constant);
  // The form without cancellation; with equal widths it leaves one crossing and one at infinity.
  const q = linear + (linear < 0 ? -root : root);
  return [q / quadratic, constant / q].filter(Number.isFinite).map((x) => a.mean + x);
}

/**
 * Nodes a coordinate of the rule over noise: close enough for weights that change hands within a tenth of a
 * standard deviation, as those of order −1 do.
 */
const noiseNodes = 256;
const noiseReach = 9;

/** Standard normal noise of 1 or 2 samples: nodes [samples][n], and weights [n] that add up to 1. */
export function productRule(samples: number): { nodes: number[][]; weights: number[] } {
  const step = (2 * noiseReach) / (noiseNodes - 1);
  // The trapezoidal rule, which converges spectrally since the density dies out at both ends.
  const line = Array.from({ length: noiseNodes }, (_, i) => -noiseReach + i * step);
  const density = (x: number) => (step * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
  if (samples === 1) return { nodes: [line], weights: line.map(density) };
  // No estimator depends on the order of its samples, so each pair stands for both of its orders.
  const pairs = line.flatMap((first, i) => line.slice(0, i + 1).map((second) => [first, second] as const));
  return {
    nodes: [pairs.map(([first]) => first), pairs.map(([, second]) => second)],
    weights: pairs.map(([first, second]) => (first === second ? 1 : 2) * density(first) * density(second)),
  };
}
