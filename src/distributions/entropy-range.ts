// Least and greatest entropies of the families, in nats, over all parameters that their bounds allow.
import { digamma, logGamma } from '../math/special.ts';
import type { EntropyRange, FamilyOptions } from './distribution.ts';

/** Bounds of log-std where a family's options say none. */
export const defaultLogStd = [-20, 2] as const;

/** Entropy in nats of the standard normal. */
export const normalEntropy = 0.5 * (1 + Math.log(2 * Math.PI));

/** Entropies of `actions` independent coordinates of a standard entropy, each scaled within the bounds of log-std. */
export function scaledRange(standard: number, actions: number, options: FamilyOptions = {}): EntropyRange {
  const [low, high] = options.logStd ?? defaultLogStd;
  return [actions * (standard + low), actions * (standard + high)];
}

/** Log-std at which tanh of a normal variate is widest. */
const widestLogStd = -0.134;

/**
 * Entropies of tanh u, u ~ N(m, σ²), in each of `actions` coordinates. Without a lower end, since the mean is free: near
 * ±1 the tanh narrows without end. log(1 − tanh²) is concave and even, so the greatest has mean 0.
 */
export function tanhNormalRange(actions: number, options: FamilyOptions = {}): EntropyRange {
  const [low, high] = options.logStd ?? defaultLogStd;
  const logStd = Math.min(high, Math.max(low, widestLogStd));
  const std = Math.exp(logStd);
  // E[log(1 − tanh²(σz))] by the trapezoidal rule.
  const step = 0.01;
  let volume = 0;
  for (let z = -12; z <= 12; z += step) {
    const u = std * Math.abs(z);
    const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
    volume += step * density * 2 * (Math.LN2 - u - Math.log1p(Math.exp(-2 * u)));
  }
  return [Number.NEGATIVE_INFINITY, actions * (normalEntropy + logStd + volume)];
}

/**
 * Differential entropies of the Concrete distribution on the simplex of n choices. The greatest has equal logits:
 * −log Γ(n) − (n − 1) log τ + n(γ(τ + 1)/τ − E log Σ E_i^(−1/τ) + ψ(n)), E_i exponential variates. Without a lower end.
 */
export function concreteRange(n: number, relaxation: number): EntropyRange {
  if (n === 1) return [0, 0];
  const euler = -digamma(1);
  const sums = meanLogSum(n, relaxation);
  const spread = n * ((euler * (relaxation + 1)) / relaxation - sums + digamma(n));
  return [Number.NEGATIVE_INFINITY, spread - logGamma(n) - (n - 1) * Math.log(relaxation)];
}

/**
 * E log Σ_i E_i^(−1/τ) of n exponential variates: ∫ (e^−t − φ(t)ⁿ)/t dt with φ(t) = E exp(−t E^(−1/τ)), both by the
 * trapezoidal rule in the logarithm, where the integrands die out at both ends.
 */
function meanLogSum(n: number, relaxation: number): number {
  const [outer, inner] = [0.25, 0.1];
  const exponentials: { readonly weight: number; readonly term: number }[] = [];
  for (let y = -42; y <= 4; y += inner)
    exponentials.push({ weight: inner * Math.exp(y - Math.exp(y)), term: Math.exp(-y / relaxation) });
  let total = 0;
  for (let s = -40 / Math.min(1, relaxation); s <= 30; s += outer) {
    const t = Math.exp(s);
    let phi = 0;
    for (const { weight, term } of exponentials) phi += weight * Math.exp(-t * term);
    total += outer * (Math.exp(-t) - phi ** n);
  }
  return total;
}
