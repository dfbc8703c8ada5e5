// Special functions in float64, made from textbook series. The stated accuracies bound the relative error
// measured against 50-digit arithmetic; where a function has a zero, the error stays relative to its value
// there too. Tables were computed with 60 digits and rounded once.

/** Σ coefficients[k] x^k. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = 0;
  for (let k = coefficients.length - 1; k >= 0; k--) sum = sum * x + coefficients[k];
  return sum;
}

// ---------------------------------------------------------------- logistic family

/** σ(x) = 1 / (1 + e^−x), without overflow; relative accuracy 1e-15. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** log(1 + e^x), without overflow; relative accuracy 1e-15. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** log σ(x) = −softplus(−x), in nats; relative accuracy 1e-15. */
export function logSigmoid(x: number): number {
  return -softplus(-x);
}

/**
 * log Σ e^x over all values, shifted by the largest, so it neither overflows nor loses every term.
 *
 * @param values [n]; none gives −∞ (the sum is 0), and a NaN gives NaN
 */
export function logSumExp(values: ArrayLike<number>): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) max = Math.max(max, values[i]);
  // ±∞ − ±∞ would be NaN; here the largest value is already the answer.
  if (Math.abs(max) === Number.POSITIVE_INFINITY) return max;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - max);
  return max + Math.log(sum);
}

// ---------------------------------------------------------------- error function

const TWO_OVER_SQRT_PI = 1.1283791670955126;

// (−1)^n / (n! (2n + 1)), n = 0 … 18: erf(x) = 2/√π Σ … x^(2n+1).
const ERF_SERIES = Array.from({ length: 19 }, (_, n) => {
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  return (n % 2 === 0 ? 1 : -1) / (factorial * (2 * n + 1));
});

// Chebyshev coefficients of (1 + 2x) e^(x²) erfc(x), x ≥ 0, in t = (x − 3.75) / (x + 3.75) ∈ [−1, 1): smooth
// and near 1 over the whole half line, so one short series serves all of it.
const ERFC_CHEBYSHEV = [
  1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189, -0.026658668435305753,
  0.009074997670705265, -0.002413163540417608, 0.0004907758365258086, -6.916973302501207e-5,
  4.13902798607301e-6, 7.74038306619849e-7, -2.1886401049234397e-7, 1.076499946567091e-8,
  4.521959811218287e-9, -7.754400208831351e-10, -6.318088340886684e-11, 2.86879501093067e-11,
  1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14, 3.3478119482868056e-14,
  -1.864562880419313e-15, -1.2507950530688648e-15, 7.418235256624044e-17, 5.068148904796111e-17,
];

// Where erfc(x) = 1 − erf(x) stops being the better way.
const ERF_SERIES_LIMIT = 0.75;

/**
 * Error function 2/√π ∫₀ˣ e^(−t²) dt; relative accuracy 1e-15.
 *
 * @source NIST DLMF 7.6.1 for |x| < 0.75, beyond that 1 − erfc
 */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude < ERF_SERIES_LIMIT) return TWO_OVER_SQRT_PI * x * polynomial(x * x, ERF_SERIES);
  return Math.sign(x) * (1 - erfcOfPositive(magnitude));
}

/**
 * Complementary error function 1 − erf(x), without cancellation; relative accuracy 1e-15 until it
 * leaves the normal range of float64 at x ≈ 26.5.
 *
 * @source Chebyshev series in the variable of Schonfelder (1978), "Chebyshev expansions for the error and
 * related functions", Math. Comp. 32
 */
export function erfc(x: number): number {
  if (x < ERF_SERIES_LIMIT) return 1 - erf(x);
  return erfcOfPositive(x);
}

function erfcOfPositive(x: number): number {
  if (x > 28) return 0;
  const t = (x - 3.75) / (x + 3.75);
  // Clenshaw's recurrence.
  let b1 = 0;
  let b2 = 0;
  for (let k = ERFC_CHEBYSHEV.length - 1; k >= 1; k--) {
    const b0 = 2 * t * b1 - b2 + ERFC_CHEBYSHEV[k];
    b2 = b1;
    b1 = b0;
  }
  const scaled = t * b1 - b2 + ERFC_CHEBYSHEV[0];
  // Rounding x² would cost a relative x² ulp of e^(−x²); the square of a float32 is exact.
  const head = Math.fround(x);
  const gaussian = Math.exp(-head * head) * Math.exp((head - x) * (head + x));
  return (gaussian * scaled) / (1 + 2 * x);
}

// ---------------------------------------------------------------- gamma function

// log Γ(2 + z) = (1 − γ) z + Σ_{k ≥ 2} (−1)^k (ζ(k) − 1) z^k / k, |z| < 2 (DLMF 5.7.3), as powers of z over z.
const LOG_GAMMA_AT_2 = [
  0.42278433509846713, 0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986,
  0.0028905103307415234, -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939,
  9.945751278180853e-5, -4.492623673813314e-5, 2.050721277567069e-5, -9.439488275268397e-6,
  4.374866789907488e-6, -2.039215753801366e-6, 9.55141213040742e-7, -4.492469198764566e-7,
  2.1207184805554665e-7, -1.0043224823968099e-7, 4.7698101693639804e-8, -2.2711094608943164e-8,
  1.0838659214896955e-8, -5.183475041970047e-9, 2.4836745438024785e-9, -1.1921401405860912e-9,
  5.731367241678862e-10,
];

// B_2k, k = 1 … 8.
const BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510];
const LOG_GAMMA_TAIL = BERNOULLI.map((b, i) => b / ((2 * i + 2) * (2 * i + 1)));
const DIGAMMA_TAIL = BERNOULLI.map((b, i) => b / (2 * i + 2));

// From here on the asymptotic series, cut after B_16, are exact to float64.
const ASYMPTOTIC = 10;

const HALF_LOG_TWO_PI = 0.9189385332046728;

/** log Γ(2 + z), |z| ≤ ½. */
function logGammaAt2(z: number): number {
  return z * polynomial(z, LOG_GAMMA_AT_2);
}

/**
 * log Γ(x), x > 0 (NaN elsewhere); relative accuracy 1e-15, also beside its zeros at 1 and 2.
 * Its derivative is `digamma`.
 *
 * @source NIST DLMF 5.7.3 (series at 2), 5.5.1 (recurrence), 5.11.1 (Stirling) from x = 10 on
 */
export function logGamma(x: number): number {
  if (!(x > 0)) return Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  if (x < 0.5) return logGammaAt2(x) - Math.log1p(x) - Math.log(x);
  if (x < 1.5) return logGammaAt2(x - 1) - Math.log1p(x - 1);
  if (x < ASYMPTOTIC) {
    let product = 1;
    let y = x;
    while (y > 2.5) {
      y -= 1;
      product *= y;
    }
    return logGammaAt2(y - 2) + Math.log(product);
  }
  const tail = polynomial(1 / (x * x), LOG_GAMMA_TAIL) / x;
  return (x - 0.5) * (Math.log(x) - 1) + (HALF_LOG_TWO_PI - 0.5 + tail);
}

// The zero of digamma as the sum of two float64 numbers, so that x minus the zero is exact beside it.
const DIGAMMA_ZERO = 1.4616321449683622;
const DIGAMMA_ZERO_TAIL = 9.549995429965697e-17;

// ψ^(k)(zero) / k!, k = 1 … 23.
const DIGAMMA_AT_ZERO = [
  0.9676722454476212, -0.4427631689835921, 0.258499760955651, -0.16394270544240652, 0.10782405069126237,
  -0.07219956125645471, 0.04880428816414311, -0.03316112647484736, 0.022597648232218104, -0.01542476590494896,
  0.010538791616612175, -0.007204534386356869, 0.004926781395729853, -0.003369801655439328,
  0.002305126326734928, -0.0015769367714301972, 0.0010788252019162967, -0.0007380709389960052,
  0.000504953265834602, -0.0003454680251063077, 0.00023635601564027053, -0.00016170622091974803,
  0.0001106337276874741,
];

/**
 * ψ(x) = d log Γ(x) / dx, x > 0 (NaN elsewhere); relative accuracy 5e-15, also beside its zero at
 * 1.4616. Its derivative is `trigamma`.
 *
 * @source NIST DLMF 5.5.2 (recurrence), 5.11.2 (asymptotic series); a Taylor series within 0.25 of the zero
 */
export function digamma(x: number): number {
  if (!(x > 0)) return Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  if (Math.abs(x - DIGAMMA_ZERO) < 0.25) {
    const z = x - DIGAMMA_ZERO - DIGAMMA_ZERO_TAIL;
    return z * polynomial(z, DIGAMMA_AT_ZERO);
  }
  let shift = 0;
  let y = x;
  while (y < ASYMPTOTIC) {
    shift += 1 / y;
    y += 1;
  }
  const inverse2 = 1 / (y * y);
  return Math.log(y) - 0.5 / y - inverse2 * polynomial(inverse2, DIGAMMA_TAIL) - shift;
}

/**
 * ψ′(x) = d ψ(x) / dx, x > 0 (NaN elsewhere); relative accuracy 1e-15.
 *
 * @source NIST DLMF 5.15.5 (recurrence), 5.15.8 (asymptotic series)
 */
export function trigamma(x: number): number {
  if (!(x > 0)) return Number.NaN;
  let shift = 0;
  let y = x;
  while (y < ASYMPTOTIC) {
    shift += 1 / (y * y);
    y += 1;
  }
  const inverse = 1 / y;
  const inverse2 = inverse * inverse;
  return shift + inverse + 0.5 * inverse2 + inverse * inverse2 * polynomial(inverse2, BERNOULLI);
}
