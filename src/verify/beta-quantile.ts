import { logGamma } from '../math/special.ts';

/** x of I_x(α, β) = level, 0 < level < 1, to the last digits of float64: bisection, which needs no first guess. */
export function betaQuantile(alpha: number, beta: number, level: number): number {
  let [low, high] = [0, 1];
  // Each round halves the interval; 0 is approached for as long as float64 has numbers there.
  for (let round = 0; round < 200; round++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (regularisedBeta(middle, alpha, beta) < level) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * I_x(α, β), 0 < x < 1.
 *
 * @source NIST DLMF 8.17.22, with the symmetry 8.17.4 where the fraction converges slowly
 */
function regularisedBeta(x: number, alpha: number, beta: number): number {
  if (x > (alpha + 1) / (alpha + beta + 2)) return 1 - regularisedBeta(1 - x, beta, alpha);
  const logFront =
    alpha * Math.log(x) +
    beta * Math.log1p(-x) +
    logGamma(alpha + beta) -
    logGamma(alpha) -
    logGamma(beta) -
    Math.log(alpha);
  // 1/(1 + d₁/(1 + d₂/(1 + …))) from its far end, whose terms no longer matter.
  let fraction = 1;
  for (let n = 200; n >= 1; n--) {
    const m = Math.floor(n / 2);
    const numerator =
      n % 2 === 0
        ? (m * (beta - m) * x) / ((alpha + 2 * m - 1) * (alpha + 2 * m))
        : (-(alpha + m) * (alpha + beta + m) * x) / ((alpha + 2 * m) * (alpha + 2 * m + 1));
    fraction = 1 + numerator / fraction;
  }
  return Math.exp(logFront) / fraction;
}
