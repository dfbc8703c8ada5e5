// The soft-optimal policy of a linear-quadratic task in closed form: an oracle for what training should find.

import { NumericsError, requireOptions, UsageError } from '../errors.ts';
import { maximum } from '../math/extremes.ts';
import { cholesky, identity, type Matrix, plus, product, solveCholesky, transposed } from '../math/matrix.ts';
import { checkSystem, type LinearQuadraticSystem } from './linear-quadratic.ts';

/** The objective whose optimum is wanted. */
export interface SoftOptimumOptions {
  /** γ, in (0, 1) */
  readonly discount: number;
  /** α above 0, in units of the return; the entropy it weighs is that of the action in the environment's units */
  readonly temperature: number;
}

/** The optimum of E Σ γᵗ (rₜ + α H(π(·|sₜ))). */
export interface SoftOptimum {
  /** K [actions][states]: the mean action is −K s */
  readonly gain: number[][];
  /** Σ [actions][actions], the same in every state */
  readonly covariance: number[][];
  /** P [states][states] of the value V(s) = −sᵀP s + constant */
  readonly valueMatrix: number[][];
  /** Constant part of the value, in units of the return. */
  readonly valueConstant: number;
}

/** Iterations of the Riccati equation after which it is said not to converge. */
const MOST_ITERATIONS = 100_000;

/**
 * The maximum-entropy optimal policy π(a|s) ∝ exp(Q(s, a)/α) of a linear-quadratic task with unbounded actions and no
 * time limit. With M = R + γ BᵀP B and W = diag(noise²),
 *
 *   P = Q + γ AᵀP A − γ² AᵀP B M⁻¹ BᵀP A   (the discounted Riccati equation, free of α and W)
 *   K = γ M⁻¹ BᵀP A,   Σ = (α/2) M⁻¹,   π(a|s) = N(−K s, Σ)
 *   V(s) = −sᵀP s + [α (m log(πα) − log det M)/2 − γ tr(P W)]/(1 − γ)
 *
 * for m actions. It follows from V(s) = α log ∫ exp(Q(s, a)/α) da with a quadratic Q: the noise moves only the constant,
 * and the temperature only covariance and constant.
 *
 * @throws UsageError for a system that is none, or options out of range; NumericsError when the system cannot be
 * stabilised, so that the value is infinite
 * @source Todorov 2006, "Linearly-solvable Markov decision problems"; Levine 2018 (1805.00909), section 2; the Riccati
 * equation as in Bertsekas, "Dynamic Programming and Optimal Control", section 3.1, with γ from section 4.1
 */
export function softOptimalLinearQuadratic(
  system: LinearQuadraticSystem,
  options: SoftOptimumOptions,
): SoftOptimum {
  const { discount, temperature } = requireOptions(
    'softOptimalLinearQuadratic',
    options,
    'discount',
    'temperature',
  );
  checkSystem(system);
  if (!(discount > 0 && discount < 1))
    throw new UsageError(`The discount must be between 0 and 1; got ${discount}.`);
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new UsageError(`The temperature must be a finite number above 0; got ${temperature}.`);
  const { dynamics, stateCost, actionCost, noise } = system;
  const actions = actionCost.length;
  let value: Matrix = stateCost;
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    const { gain, curvature } = greedy(system, value, discount);
    // Q + γ AᵀP A − Kᵀ M K
    const kept = product(product(transposed(dynamics), value), dynamics);
    const saved = product(product(transposed(gain), curvature), gain);
    const next = symmetric(plus(plus(stateCost, kept, discount), saved, -1));
    const change = largest(plus(next, value, -1));
    if (iteration === MOST_ITERATIONS - 1 || !Number.isFinite(change))
      throw new NumericsError('The Riccati equation does not converge: no linear policy has a finite cost.', {
        hint: 'Check that the control reaches every unstable state.',
      });
    value = next;
    if (change <= 1e-14 * largest(next)) break;
  }
  const { gain, curvature } = greedy(system, value, discount);
  const lower = cholesky(curvature);
  const covariance = solveCholesky(lower, identity(actions)).map((row) =>
    row.map((x) => (temperature / 2) * x),
  );
  const logDeterminant = 2 * lower.reduce((total, row, i) => total + Math.log(row[i]), 0);
  const spread = noise.reduce((total, deviation, i) => total + value[i][i] * deviation ** 2, 0);
  const bonus = (temperature / 2) * (actions * Math.log(Math.PI * temperature) - logDeterminant);
  return {
    gain,
    covariance: symmetric(covariance),
    valueMatrix: value.map((row) => [...row]),
    valueConstant: (bonus - discount * spread) / (1 - discount),
  };
}

/** K and M of the policy that is greedy under −sᵀP s. */
function greedy({ dynamics, control, actionCost }: LinearQuadraticSystem, value: Matrix, discount: number) {
  const reached = product(transposed(control), value);
  const curvature = plus(actionCost, product(reached, control), discount);
  const pull = product(reached, dynamics).map((row) => row.map((x) => discount * x));
  return { gain: solveCholesky(cholesky(curvature), pull), curvature };
}

/** Rounding must not make a symmetric matrix drift. */
const symmetric = (x: Matrix): number[][] =>
  plus(x, transposed(x)).map((row) => row.map((value) => value / 2));

const largest = (x: Matrix): number => maximum(x.flat().map(Math.abs));
