import type { EstimatorChoice } from '../divergences/estimator.ts';
import { softplus } from '../math/special.ts';
import type { Nodes } from './quality-nodes.ts';

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

const reverseKl: Followed = {
  coefficient: () => (at) => -pi(at) * at.logR,
};
const forwardKl: Followed = {
  coefficient: () => (at) => -Math.exp(at.logTarget),
};

/**
 * D_f(p ‖ π) = E_π[f(r)]: ∇ = ∫ π·(f(r) − r f′(r)) ∇ log π. Each to a multiple of π, which adds nothing, and without
 * forming r, which overflows where the policy's tails are light.
 */
const fDivergences: Readonly<Record<string, Followed>> = {
  jeffreys: {
    coefficient: () => (at) => -0.5 * (Math.exp(at.logTarget) + pi(at) * at.logR),
  },
  'jensen-shannon': {
    coefficient: () => (at) => -0.5 * pi(at) * softplus(at.logR),
  },
  hellinger: {
    coefficient: () => (at) => -0.5 * Math.exp(0.5 * (at.logPolicy + at.logTarget)),
  },
  'total-variation': {
    coefficient: () => (at) => -0.5 * pi(at) * Math.sign(at.logR),
  },
  chi2: { coefficient: () => (at) => -Math.exp(2 * at.logTarget - at.logPolicy) },
};

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

/** Largest weight of a transition under `exp-clip`. */
const awrLimit = 20;
const awr: Readonly<Record<string, Followed>> = {
  'exp-clip': {
    coefficient: ({ temperature, integral }) => {
      const value = integral((at) => pi(at) * at.q);
      return (at) => -Math.exp(at.logBehaviour) * Math.min(awrLimit, Math.exp((at.q - value) / temperature));
    },
  },
  'softmax-batch': {
    coefficient: ({ temperature, integral }) => {
      const weight = (at: Point) => Math.exp(at.logBehaviour + at.q / temperature);
      const total = integral(weight);
      return (at) => -weight(at) / total;
    },
  },
};

const expectedQ: Followed = { coefficient: () => (at) => -pi(at) * at.q };

/** Coupled MPO at η = α with its penalties at coefficients 1; the penalties' gradients are added by the caller. */
const weightedLikelihood: Followed = {
  coefficient: ({ temperature, integral }) => {
    const weight = (at: Point) => Math.exp(at.logReference + at.q / temperature);
    const total = integral(weight);
    return (at) => -weight(at) / total;
  },
};

/**
 * Each penalty k and its derivative in log π at gap = log π − log π_ref, times a density given by its logarithm: the
 * ratio π_ref/π alone would overflow in π's tails.
 */
const penalties: Readonly<
  Record<
    string,
    { value(logDensity: number, gap: number): number; slope(logDensity: number, gap: number): number }
  >
> = {
  k1: { value: (d, gap) => Math.exp(d) * gap, slope: (d) => Math.exp(d) },
  k2: { value: (d, gap) => 0.5 * Math.exp(d) * gap * gap, slope: (d, gap) => Math.exp(d) * gap },
  k3: {
    value: (d, gap) => Math.exp(d - gap) - Math.exp(d) + Math.exp(d) * gap,
    slope: (d, gap) => Math.exp(d) - Math.exp(d - gap),
  },
};

function klPenalty(estimator: string, variant: string): Followed | undefined {
  const [kind, weighted] = estimator.split('-');
  const penalty = penalties[kind];
  if (!penalty) return undefined;
  const gap = (at: Point) => at.logPolicy - at.logReference;
  if (weighted) {
    return {
      coefficient: () => (at) => penalty.value(at.logPolicy, gap(at)) + penalty.slope(at.logPolicy, gap(at)),
    };
  }
  const onPolicy = variant === 'on-policy';
  return {
    coefficient: () => (at) => penalty.slope(onPolicy ? at.logPolicy : at.logBehaviour, gap(at)),
  };
}

/** KL between the policy and its reference, either way: what the penalties are compared to. */
export const referenceKls = {
  reverse: {
    coefficient: () => (at) => pi(at) * (at.logPolicy - at.logReference),
  },
  forward: { coefficient: () => (at) => -Math.exp(at.logReference) },
} as const satisfies Record<string, Followed>;

/**
 * What theory says the estimator's mean follows; undefined where no such integral is known, and the mean of the estimator
 * itself at many samples must stand in.
 */
export function followedBy({ estimator, variant }: EstimatorChoice): Followed | undefined {
  const [divergence, way] = estimator.name.split('/');
  switch (divergence) {
    case 'reverse-kl':
      return reverseKl;
    case 'forward-kl':
      if (way === 'mcmc') return undefined;
      return way === 'awr' ? awr[variant] : forwardKl;
    case 'renyi':
      // The divergence itself falls where its bound rises, by the same amount.
      return renyiBound(Number(variant.replace('-uncentred', '')));
    case 'chi2':
      return way === 'pathwise' ? renyiBound(-1) : fDivergences.chi2;
    case 'mpo':
      return weightedLikelihood;
    case 'dpg':
      return expectedQ;
    case 'kl-penalty':
      return klPenalty(way, variant);
    default:
      return fDivergences[divergence];
  }
}

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
