import type { EstimatorChoice } from '../divergences/estimator.ts';
import {
  expectedQObjective,
  forwardKlObjective,
  forwardReferenceKl,
  renyiObjective,
  reverseKlObjective,
  reverseReferenceKl,
} from '../divergences/objective.ts';
import { softplus } from '../math/special.ts';
import type { Nodes } from './nodes.ts';

/** All that an integrand may use at a node; densities are normalised and in logarithms. */
export interface Point {
  readonly logPolicy: number;
  readonly logTarget: number;
  readonly logBehaviour: number;
  readonly logReference: number;
  /** log p − log π */
  readonly logR: number;
  readonly q: number;
}

/** What is known of the whole before the integral is taken. */
export interface Whole {
  readonly temperature: number;
  /** ∫ density(a) da, by the same nodes. */
  integral(density: (at: Point) => number): number;
}

/**
 * The quantity whose gradient an estimator's mean follows as the number of samples grows:
 * ∇ = ∫ coefficient(a)·∇ log π(a) da.
 */
export interface Followed {
  /** Density-like factor of ∇ log π at an action. */
  coefficient(whole: Whole): (at: Point) => number;
}

const pi = (at: Point): number => Math.exp(at.logPolicy);
const gap = (at: Point): number => at.logPolicy - at.logReference;
/** A coefficient that needs to know nothing of the whole. */
const plain = (coefficient: (at: Point) => number): Followed => ({ coefficient: () => coefficient });

/** KL between the policy and its reference, either way: what the penalties are compared to. */
export const referenceKls = {
  reverse: plain((at) => pi(at) * gap(at)),
  forward: plain((at) => -Math.exp(at.logReference)),
} as const satisfies Record<string, Followed>;

/** The Rényi bound of an order as a loss: −bound above order 0, bound below; a/(1 − a)·E_w ∇ log π, w ∝ π^a p^(1−a). */
function renyiBound(order: number): Followed {
  const scale = (-Math.sign(order) * order) / (1 - order);
  return {
    coefficient: ({ integral }) => {
      const weight = (at: Point) => Math.exp(at.logPolicy + (1 - order) * at.logR);
      const total = integral(weight);
      return (at) => (scale * weight(at)) / total;
    },
  };
}

/** −E_w[log π] with w in proportion to a density times e^{Q/α}. */
const likelihood = (logDensity: (at: Point) => number): Followed => ({
  coefficient: ({ temperature, integral }) => {
    const weight = (at: Point) => Math.exp(logDensity(at) + at.q / temperature);
    const total = integral(weight);
    return (at) => -weight(at) / total;
  },
});

/** Largest weight of a transition under `exp-clip`. */
const awrLimit = 20;
const clippedLikelihood: Followed = {
  coefficient: ({ temperature, integral }) => {
    const value = integral((at) => pi(at) * at.q);
    return (at) => -Math.exp(at.logBehaviour) * Math.min(awrLimit, Math.exp((at.q - value) / temperature));
  },
};

/**
 * By the names that labels give to what is followed. An f-divergence is ∫ π·(f(r) − r f′(r)) ∇ log π, each to a multiple of
 * π, which adds nothing, and without forming r, which overflows where the policy's tails are light; likewise the ratio
 * π_ref/π of k3.
 */
const integrals: Readonly<Record<string, Followed>> = {
  [reverseKlObjective.name]: plain((at) => -pi(at) * at.logR),
  [forwardKlObjective.name]: plain((at) => -Math.exp(at.logTarget)),
  // The divergence itself falls where its bound rises, by the same amount.
  [renyiObjective('0.5').name]: renyiBound(0.5),
  [renyiObjective('2').name]: renyiBound(2),
  [renyiObjective('−1').name]: renyiBound(-1),
  'χ²(p ‖ π)': plain((at) => -Math.exp(2 * at.logTarget - at.logPolicy)),
  Jeffreys: plain((at) => -0.5 * (Math.exp(at.logTarget) + pi(at) * at.logR)),
  'Jensen–Shannon': plain((at) => -0.5 * pi(at) * softplus(at.logR)),
  'Squared Hellinger': plain((at) => -0.5 * Math.exp(0.5 * (at.logPolicy + at.logTarget))),
  'Total variation': plain((at) => -0.5 * pi(at) * Math.sign(at.logR)),
  'clipped likelihood under β': clippedLikelihood,
  'KL(β·e^{A/α} ‖ π)': likelihood((at) => at.logBehaviour),
  // At η = α; the trust regions' gradients, with coefficients 1, are added by the caller.
  'likelihood under q within trust regions': likelihood((at) => at.logReference),
  [expectedQObjective.name]: plain((at) => -pi(at) * at.q),
  [reverseReferenceKl.name]: referenceKls.reverse,
  [forwardReferenceKl.name]: referenceKls.forward,
  nothing: plain(() => 0),
  '−KL(β ‖ π)': plain((at) => Math.exp(at.logBehaviour)),
  'E_β[k2]': plain((at) => Math.exp(at.logBehaviour) * gap(at)),
  'E_β[k3]': plain((at) => Math.exp(at.logBehaviour) - Math.exp(at.logBehaviour - gap(at))),
  'E_π[k2]': plain((at) => pi(at) * (0.5 * gap(at) ** 2 + gap(at))),
};

/**
 * The integral that an estimator's label says its mean follows; undefined where none is known, and the mean of the
 * estimator itself at many samples must stand in.
 */
export const followedBy = ({ follows }: Pick<EstimatorChoice, 'follows'>): Followed | undefined =>
  integrals[follows.name];

/**
 * Points of some of the nodes at a temperature, with the target normalised on them.
 *
 * @param part which nodes take part
 * @param logFactor of their volumes, where they stand for others too
 */
export function wholeOf(
  nodes: Nodes,
  temperature: number,
  part?: Uint8Array,
  logFactor = 0,
): Whole & { at(node: number): Point } {
  const { count, logVolume, logPolicy, q } = nodes;
  const used = (n: number) => part === undefined || part[n] === 1;
  let most = -Infinity;
  for (let n = 0; n < count; n++) if (used(n)) most = Math.max(most, q[n]);
  let total = 0;
  for (let n = 0; n < count; n++)
    if (used(n)) total += Math.exp(logVolume[n] + logFactor + (q[n] - most) / temperature);
  const logNormaliser = Math.log(total) + most / temperature;
  const at = (n: number): Point => {
    const logTarget = q[n] / temperature - logNormaliser;
    return {
      logPolicy: logPolicy[n],
      logTarget,
      logBehaviour: nodes.logBehaviour[n],
      logReference: nodes.logReference[n],
      logR: logTarget - logPolicy[n],
      q: q[n],
    };
  };
  const integral = (density: (point: Point) => number): number => {
    let sum = 0;
    for (let n = 0; n < count; n++) if (used(n)) sum += Math.exp(logVolume[n] + logFactor) * density(at(n));
    return sum;
  };
  return { temperature, integral, at };
}
