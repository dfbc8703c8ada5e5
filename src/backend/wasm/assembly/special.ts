// Special functions one at a time in float64: src/math/special.ts, function for function, so that rounding the
// result to float32 is the only error that counts. They are too rare to vectorise.

const ERF_SERIES: StaticArray<f64> = [
  1.0, -0.3333333333333333, 0.1, -0.023809523809523808, 0.004629629629629629, -0.0007575757575757576,
  0.00010683760683760684, -1.3227513227513228e-05, 1.4589169000933706e-06, -1.4503852223150468e-07,
  1.3122532963802806e-08, -1.0892221037148573e-09, 8.35070279514724e-11, -5.9477940136376354e-12,
  3.9554295164585257e-13, -2.466827010264457e-14, 1.4483264643598138e-15, -8.032735012415773e-17,
  4.221407288807088e-18,
];
const ERFC_CHEBYSHEV: StaticArray<f64> = [
  1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189,
  -0.026658668435305753, 0.009074997670705265, -0.002413163540417608, 0.0004907758365258086,
  -6.916973302501207e-5, 4.13902798607301e-6, 7.74038306619849e-7, -2.1886401049234397e-7,
  1.076499946567091e-8, 4.521959811218287e-9, -7.754400208831351e-10, -6.318088340886684e-11,
  2.86879501093067e-11, 1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14,
  3.3478119482868056e-14, -1.864562880419313e-15, -1.2507950530688648e-15, 7.418235256624044e-17,
  5.068148904796111e-17,
];
const LOG_GAMMA_AT_2: StaticArray<f64> = [
  0.42278433509846713, 0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986,
  0.0028905103307415234, -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939,
  9.945751278180853e-5, -4.492623673813314e-5, 2.050721277567069e-5, -9.439488275268397e-6,
  4.374866789907488e-6, -2.039215753801366e-6, 9.55141213040742e-7, -4.492469198764566e-7,
  2.1207184805554665e-7, -1.0043224823968099e-7, 4.7698101693639804e-8, -2.2711094608943164e-8,
  1.0838659214896955e-8, -5.183475041970047e-9, 2.4836745438024785e-9, -1.1921401405860912e-9,
  5.731367241678862e-10,
];
const LOG_GAMMA_TAIL: StaticArray<f64> = [
  0.08333333333333333, -0.002777777777777778, 0.0007936507936507937, -0.0005952380952380952,
  0.0008417508417508418, -0.0019175269175269174, 0.006410256410256411, -0.02955065359477124,
];
const DIGAMMA_TAIL: StaticArray<f64> = [
  0.08333333333333333, -0.008333333333333333, 0.003968253968253968, -0.004166666666666667,
  0.007575757575757576, -0.02109279609279609, 0.08333333333333334, -0.4432598039215686,
];
const DIGAMMA_AT_ZERO: StaticArray<f64> = [
  0.9676722454476212, -0.4427631689835921, 0.258499760955651, -0.16394270544240652, 0.10782405069126237,
  -0.07219956125645471, 0.04880428816414311, -0.03316112647484736, 0.022597648232218104,
  -0.01542476590494896, 0.010538791616612175, -0.007204534386356869, 0.004926781395729853,
  -0.003369801655439328, 0.002305126326734928, -0.0015769367714301972, 0.0010788252019162967,
  -0.0007380709389960052, 0.000504953265834602, -0.0003454680251063077, 0.00023635601564027053,
  -0.00016170622091974803, 0.0001106337276874741,
];
const BERNOULLI: StaticArray<f64> = [
  0.16666666666666666, -0.03333333333333333, 0.023809523809523808, -0.03333333333333333,
  0.07575757575757576, -0.2531135531135531, 1.1666666666666667, -7.092156862745098,
];

const TWO_OVER_SQRT_PI: f64 = 1.1283791670955126;
const HALF_LOG_TWO_PI: f64 = 0.9189385332046728;
const DIGAMMA_ZERO: f64 = 1.4616321449683622;
const DIGAMMA_ZERO_TAIL: f64 = 9.549995429965697e-17;
const ASYMPTOTIC: f64 = 10;

/** Σ coefficients[k] x^k. */
function polynomial(x: f64, coefficients: StaticArray<f64>): f64 {
  let sum: f64 = 0;
  for (let k = coefficients.length - 1; k >= 0; --k) sum = sum * x + unchecked(coefficients[k]);
  return sum;
}

function erfcOfPositive(x: f64): f64 {
  if (x > 28) return 0;
  const t = (x - 3.75) / (x + 3.75);
  let b1: f64 = 0;
  let b2: f64 = 0;
  for (let k = ERFC_CHEBYSHEV.length - 1; k >= 1; --k) {
    const b0 = 2 * t * b1 - b2 + unchecked(ERFC_CHEBYSHEV[k]);
    b2 = b1;
    b1 = b0;
  }
  const scaled = t * b1 - b2 + unchecked(ERFC_CHEBYSHEV[0]);
  return (Math.exp(-x * x) * scaled) / (1 + 2 * x);
}

export function erf(x: f64): f64 {
  const magnitude = Math.abs(x);
  if (magnitude < 0.75) return TWO_OVER_SQRT_PI * x * polynomial(x * x, ERF_SERIES);
  const y = 1 - erfcOfPositive(magnitude);
  return x < 0 ? -y : y;
}

function logGammaAt2(z: f64): f64 {
  return z * polynomial(z, LOG_GAMMA_AT_2);
}

export function logGamma(x: f64): f64 {
  if (!(x > 0)) return NaN;
  if (x == Infinity) return x;
  if (x < 0.5) return logGammaAt2(x) - Math.log1p(x) - Math.log(x);
  if (x < 1.5) return logGammaAt2(x - 1) - Math.log1p(x - 1);
  if (x < ASYMPTOTIC) {
    let product: f64 = 1;
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

export function digamma(x: f64): f64 {
  if (!(x > 0)) return NaN;
  if (x == Infinity) return x;
  if (Math.abs(x - DIGAMMA_ZERO) < 0.25) {
    const z = x - DIGAMMA_ZERO - DIGAMMA_ZERO_TAIL;
    return z * polynomial(z, DIGAMMA_AT_ZERO);
  }
  let shift: f64 = 0;
  let y = x;
  while (y < ASYMPTOTIC) {
    shift += 1 / y;
    y += 1;
  }
  const inverse2 = 1 / (y * y);
  return Math.log(y) - 0.5 / y - inverse2 * polynomial(inverse2, DIGAMMA_TAIL) - shift;
}

export function trigamma(x: f64): f64 {
  if (!(x > 0)) return NaN;
  let shift: f64 = 0;
  let y = x;
  while (y < ASYMPTOTIC) {
    shift += 1 / (y * y);
    y += 1;
  }
  const inverse = 1 / y;
  const inverse2 = inverse * inverse;
  return shift + inverse + 0.5 * inverse2 + inverse * inverse2 * polynomial(inverse2, BERNOULLI);
}
