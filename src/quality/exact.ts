import type { Coefficient } from '../divergences/objective.ts';
import { NumericsError } from '../errors.ts';
import { wholeOf } from './follows.ts';
import type { Nodes } from './nodes.ts';

/** The gradient that an estimator should have on average. */
export interface ExactGradient {
  readonly method: Nodes['method'] | 'own limit' | 'derivative';
  /** [parameters] */
  readonly gradient: readonly number[];
  /** How far it may be off, as a norm: two rules' disagreement, or a standard error of samples. */
  readonly error: number;
}

/** Relative disagreement of quadrature rules above which an integral counts as infinite. */
const resolved = 0.01;
/** Groups whose means give the standard error of samples. */
const groups = 32;

/**
 * ∫ coefficient·∇ log π over the nodes, with its error.
 *
 * @returns undefined where the integral does not exist: a rule that reaches further finds ever more
 * @throws NumericsError where two independent rules that reach as far disagree
 */
export function exactGradient(
  nodes: Nodes,
  coefficientOf: Coefficient,
  temperature: number,
): ExactGradient | undefined {
  const gradient = integrate(nodes, coefficientOf, temperature);
  if (!gradient.every(Number.isFinite)) return undefined;
  const { method } = nodes;
  if (method === 'enumeration') return { method, gradient, error: 0 };
  if (method === 'samples') return { method, ...sampleMean(nodes, coefficientOf, temperature) };
  const bound = Math.max(resolved * norm(gradient), 1e-9);
  const apart = (other: readonly number[]) => norm(gradient.map((value, j) => value - other[j]));
  const reach = apart(integrate(nodes, coefficientOf, temperature, { part: nodes.inner }));
  if (!(reach <= bound)) return undefined;
  const rules = [
    integrate(nodes, coefficientOf, temperature, {
      part: nodes.coarse,
      logFactor: Math.log(nodes.coarsening),
    }),
    ...(nodes.other ? [integrate(nodes.other, coefficientOf, temperature)] : []),
  ];
  const error = Math.max(reach, ...rules.map(apart));
  if (!(error <= bound)) {
    throw new NumericsError(
      `Two rules of quadrature disagree about an exact gradient of norm ${norm(gradient)} at temperature ${temperature}: by ${error}, above ${bound}.`,
      { hint: 'Measure this family at a larger temperature, or with wider policies.' },
    );
  }
  return { method, gradient, error };
}

function integrate(
  nodes: Nodes,
  coefficientOf: Coefficient,
  temperature: number,
  { part, logFactor = 0 }: { readonly part?: Uint8Array; readonly logFactor?: number } = {},
): number[] {
  const { count, parameters, logVolume, score } = nodes;
  const whole = wholeOf(nodes, temperature, part, logFactor);
  const coefficient = coefficientOf(whole);
  const gradient = new Array<number>(parameters).fill(0);
  for (let n = 0; n < count; n++) {
    if (part && part[n] === 0) continue;
    const weight = Math.exp(logVolume[n] + logFactor) * coefficient(whole.at(n));
    if (weight !== 0) for (let j = 0; j < parameters; j++) gradient[j] += weight * score[n * parameters + j];
  }
  return gradient;
}

/** Mean over samples of (coefficient/π − its mean)·∇ log π, whose variance is the smaller for the mean taken off. */
function sampleMean(
  nodes: Nodes,
  coefficientOf: Coefficient,
  temperature: number,
): { gradient: number[]; error: number } {
  const { count, parameters, logVolume, score } = nodes;
  const whole = wholeOf(nodes, temperature);
  const coefficient = coefficientOf(whole);
  const baseline = whole.integral(coefficient);
  const size = Math.floor(count / groups);
  const means = Array.from({ length: groups }, (_, g) => {
    const mean = new Array<number>(parameters).fill(0);
    for (let n = g * size; n < (g + 1) * size; n++) {
      const weight = groups * (Math.exp(logVolume[n]) * coefficient(whole.at(n)) - baseline / count);
      for (let j = 0; j < parameters; j++) mean[j] += weight * score[n * parameters + j];
    }
    return mean;
  });
  const gradient = means[0].map((_, j) => means.reduce((sum, mean) => sum + mean[j], 0) / groups);
  const squares = means.reduce(
    (sum, mean) => sum + norm(mean.map((value, j) => value - gradient[j])) ** 2,
    0,
  );
  return { gradient, error: Math.sqrt(squares / (groups * (groups - 1))) };
}

/** Euclidean norm. */
export const norm = (x: readonly number[]): number =>
  Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
