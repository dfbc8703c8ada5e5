import type { Distribution } from '../distributions/distribution.ts';
import { UsageError } from '../errors.ts';
import {
  add,
  broadcastTo,
  exp,
  literal,
  logSumExp,
  mul,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { QUADRATURE_DIMENSIONS } from './estimator.ts';
import { allowedOnly, type Target } from './target.ts';

/** Nodes a coordinate: spectrally accurate for a log-std above about −2 in the latent of tanh. */
const nodesFor = [0, 257, 65];
/** Reach of the latent tanh⁻¹(a): 1 − tanh 8 is two float32 steps from 1. */
const reach = 8;

/** Policy and target at every action, or at the nodes of a quadrature over the box. */
export interface Enumeration {
  /** [points, batch, actions] */
  readonly actions: Tensor;
  /** [points, batch] log π, differentiable in the policy */
  readonly logPolicy: Tensor;
  /** [points, batch] log p, normalised, a constant */
  readonly logTarget: Tensor;
  /** [points, 1] quadrature weight; 1 where actions are enumerated */
  readonly weight: Tensor | 1;
}

/**
 * All actions of a discrete policy; for a bounded one of at most two coordinates the trapezoidal rule in
 * u = tanh⁻¹(a), da = (1 − a²) du, which converges spectrally since the integrand dies out at both ends.
 *
 * @throws UsageError where neither applies
 */
export function enumerate(policy: Distribution, target: Target): Enumeration {
  const support = policy.support?.();
  if (support) {
    const everywhere = stopGradient(target.logDensityOf(target.critics(support.actions), support.actions));
    const logDensity = allowedOnly(everywhere, support.logProb);
    return {
      actions: support.actions,
      logPolicy: support.logProb,
      logTarget: sub(logDensity, logSumExp(logDensity, 0, true)),
      weight: 1,
    };
  }
  const { nodes, logWeights } = boxRule(policy.actions);
  const count = logWeights.length;
  const grid = literal(nodes, [count, 1, policy.actions]);
  const actions = broadcastTo(grid, [count, policy.batch, policy.actions]);
  const logWeight = literal(logWeights, [count, 1]);
  const logDensity = stopGradient(target.logDensityOf(target.critics(actions), actions));
  const logNormaliser = logSumExp(add(logDensity, logWeight), 0, true);
  return {
    actions,
    logPolicy: policy.logProb(actions),
    logTarget: sub(logDensity, logNormaliser),
    weight: exp(logWeight),
  };
}

/** Σ_points weight·integrand: [batch]. */
export function integrate({ weight }: Enumeration, integrand: Tensor): Tensor {
  return sum(weight === 1 ? integrand : mul(weight, integrand), 0);
}

/** Product rule over the box [−1, 1]^dimensions. */
function boxRule(dimensions: number): { nodes: number[]; logWeights: number[] } {
  if (dimensions > QUADRATURE_DIMENSIONS) {
    throw new UsageError(
      `Quadrature over a box takes at most ${QUADRATURE_DIMENSIONS} coordinates; got ${dimensions}.`,
    );
  }
  const count = nodesFor[dimensions];
  const step = (2 * reach) / (count - 1);
  const line = Array.from({ length: count }, (_, i) => -reach + i * step);
  const logWeight = (u: number) => Math.log(step) - 2 * Math.log(Math.cosh(u));
  const nodes: number[] = [];
  const logWeights: number[] = [];
  for (let i = 0; i < count ** dimensions; i++) {
    let total = 0;
    for (let d = 0, rest = i; d < dimensions; d++, rest = Math.floor(rest / count)) {
      const u = line[rest % count];
      nodes.push(Math.tanh(u));
      total += logWeight(u);
    }
    logWeights.push(total);
  }
  return { nodes, logWeights };
}
