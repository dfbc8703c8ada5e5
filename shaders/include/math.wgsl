// Every function that WGSL lacks or leaves too loose. Built-in exp, log, sin, cos and tanh may be off by 2^-11
// absolutely or by many ulp, tanh may overflow, and log1p, expm1 and the special functions do not exist; these
// are accurate to a few ulp of f32 on any adapter. Shaders may be compiled as if NaN did not exist, so tests
// for it look at the bits; and no literal may be infinite or NaN, so their bits wait in variables. So do those of −0, which
// a compiler takes for another 0 of the module.
var<private> negative_zero_bits: u32 = 0x80000000u;
var<private> infinity_bits: u32 = 0x7f800000u;
var<private> nan_bits: u32 = 0x7fc00000u;

fn negative_zero() -> f32 {
  return bitcast<f32>(negative_zero_bits);
}

fn infinity() -> f32 {
  return bitcast<f32>(infinity_bits);
}

fn nan() -> f32 {
  return bitcast<f32>(nan_bits);
}

fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// 2^n for −126 ≤ n ≤ 127, exact.
fn power_of_two(n: i32) -> f32 {
  return bitcast<f32>(u32(n + 127) << 23u);
}

// e^r − 1 for |r| ≤ ½ log 2 (a little more does no harm): the Taylor series, good to 0.1 ulp there.
fn expm1_reduced(r: f32) -> f32 {
  let tail = 0.5 + r * (0.16666667 + r * (0.041666668 + r * (0.008333334 + r * (0.0013888889 + r * 0.0001984127))));
  return r + r * r * tail;
}

// The whole number n nearest to x/log 2 within what powers of two can express, and x − n·log 2 by a two-part
// log 2 whose head has so few bits that n times it is exact.
fn exp_exponent(x: f32) -> f32 {
  return clamp(round(x * 1.442695), -252.0, 252.0);
}

fn exp_remainder(x: f32, n: f32) -> f32 {
  return (x - n * 0.693359375) + n * 0.00021219444;
}

// e^x. The power of two is applied in halves, so that the result may be near either end of the range.
fn safe_exp(x: f32) -> f32 {
  let n = exp_exponent(x);
  let half_n = i32(n) / 2;
  let grown = (1.0 + expm1_reduced(exp_remainder(x, n))) * power_of_two(half_n) * power_of_two(i32(n) - half_n);
  // Far outside the range the remainder is no longer small and the series would be nonsense.
  let low = select(grown, 0.0, x < -104.0);
  return select(low, infinity(), x > 89.0);
}

// e^x − 1, also for tiny x.
fn expm1(x: f32) -> f32 {
  let n = exp_exponent(x);
  let scale = power_of_two(i32(clamp(n, -126.0, 126.0)));
  let near = scale * expm1_reduced(exp_remainder(x, n)) + (scale - 1.0);
  let low = select(near, -1.0, x < -20.0);
  return select(low, safe_exp(x), x > 80.0);
}

// log(1 + f) + e·log 2 for √½ − 1 ≤ f ≤ √2 − 1, with log(1 + f) = 2 artanh(f/(2 + f)) as in fdlibm's logf.
fn log_core(f: f32, e: f32) -> f32 {
  let s = f / (2.0 + f);
  let z = s * s;
  let w = z * z;
  let series = z * (0.6666666 + w * 0.28498787) + w * (0.40000972 + w * 0.24279079);
  let half_square = 0.5 * f * f;
  return e * 0.69313812 - ((half_square - (s * (half_square + series) + e * 9.0580006e-6)) - f);
}

// log x. Subnormal x counts as 0, since adapters may flush it.
fn safe_log(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  // Moves the binade so that its mantissa runs over [√½, √2).
  let shifted = bits + 0x004afb0du;
  let e = f32(i32(shifted >> 23u) - 127);
  let mantissa = bitcast<f32>((shifted & 0x007fffffu) + 0x3f3504f3u);
  let value = log_core(mantissa - 1.0, e);
  let magnitude = bits & 0x7fffffffu;
  let not_negative = select(value, nan(), bits > 0x80000000u);
  let not_special = select(not_negative, x, bits == 0x7f800000u || magnitude > 0x7f800000u);
  return select(not_special, -infinity(), magnitude < 0x00800000u);
}

// log(1 + x), also for tiny x. Where 1 + x is rounded, the logarithm is too large for it to show.
fn log1p(x: f32) -> f32 {
  if (x > -0.2928 && x < 0.4142) {
    return log_core(x, 0.0);
  }
  return safe_log(1.0 + x);
}

fn safe_tanh(x: f32) -> f32 {
  let magnitude = abs(x);
  let em = expm1(2.0 * magnitude);
  let value = select(em / (em + 2.0), 1.0, magnitude > 9.1);
  return select(value, -value, x < 0.0);
}

// 1 − tanh² x = 4 e^(−2|x|)/(1 + e^(−2|x|))², without the cancellation of large |x|.
fn sech_squared(x: f32) -> f32 {
  let e = safe_exp(-2.0 * abs(x));
  let d = 1.0 + e;
  return 4.0 * e / (d * d);
}

// 1/(1 + e^−x)
fn sigmoid(x: f32) -> f32 {
  let e = safe_exp(-abs(x));
  return select(1.0, e, x < 0.0) / (1.0 + e);
}

// log(1 + e^x)
fn softplus(x: f32) -> f32 {
  return max(x, 0.0) + log1p(safe_exp(-abs(x)));
}

fn log_sigmoid(x: f32) -> f32 {
  return -softplus(-x);
}

fn relu(x: f32) -> f32 {
  return select(select(0.0, x, x > 0.0), x, is_nan(x));
}

fn elu(x: f32) -> f32 {
  return select(expm1(min(x, 0.0)), x, x > 0.0 || is_nan(x));
}

// Of two equal numbers the bits differ for zeros only: 0 is above −0.
fn safe_max(a: f32, b: f32) -> f32 {
  let equal = bitcast<f32>(bitcast<u32>(a) & bitcast<u32>(b));
  return select(select(max(a, b), equal, a == b), nan(), is_nan(a) || is_nan(b));
}

fn safe_min(a: f32, b: f32) -> f32 {
  let equal = bitcast<f32>(bitcast<u32>(a) | bitcast<u32>(b));
  return select(select(min(a, b), equal, a == b), nan(), is_nan(a) || is_nan(b));
}

fn safe_clamp(x: f32, low: f32, high: f32) -> f32 {
  return select(select(select(x, high, x > high), low, x < low), x, is_nan(x));
}

fn safe_sign(x: f32) -> f32 {
  return select(select(select(x, -1.0, x < 0.0), 1.0, x > 0.0), x, is_nan(x));
}

// √x: NaN below 0; zeros and infinity are their own, which a reciprocal square root in between would lose.
fn safe_sqrt(x: f32) -> f32 {
  let own = x == 0.0 || is_nan(x) || bitcast<u32>(x) == 0x7f800000u;
  return select(select(sqrt(x), nan(), x < 0.0), x, own);
}

// 1 where a comparison holds, which none with NaN does, else 0.
fn truth(holds: bool, a: f32, b: f32) -> f32 {
  return select(0.0, 1.0, holds && !is_nan(a) && !is_nan(b));
}

// Whether x is not 0, as NaN is not.
fn is_not_zero(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) != 0u;
}

// sin and cos of r for |r| ≤ π/4 (the minimax polynomials of Cephes).
fn sin_reduced(r: f32) -> f32 {
  let z = r * r;
  return r + r * z * (-0.16666655 + z * (0.008332161 - z * 0.00019515296));
}

fn cos_reduced(r: f32) -> f32 {
  let z = r * r;
  return 1.0 - 0.5 * z + z * z * (0.041666646 + z * (-0.0013887316 + z * 0.000024433157));
}

// sin of r + quadrant·π/2.
fn sin_quadrant(r: f32, quadrant: i32) -> f32 {
  let value = select(sin_reduced(r), cos_reduced(r), (quadrant & 1) != 0);
  return select(value, -value, (quadrant & 2) != 0);
}

// x − n·π/2 for whole n, with π/2 in three parts so that the first products are exact to |x| ≈ 10⁴.
fn quadrant_remainder(x: f32, n: f32) -> f32 {
  return ((x - n * 1.5703125) - n * 0.0004837513) - n * 7.54979e-8;
}

fn safe_sin(x: f32) -> f32 {
  let n = round(x * 0.63661975);
  return sin_quadrant(quadrant_remainder(x, n), i32(n));
}

fn safe_cos(x: f32) -> f32 {
  let n = round(x * 0.63661975);
  return sin_quadrant(quadrant_remainder(x, n), i32(n) + 1);
}

// (cos, sin) of 2π·turns for 0 ≤ turns ≤ 1: the reduction is exact.
fn cos_sin_turns(turns: f32) -> vec2f {
  let n = round(4.0 * turns);
  let r = (4.0 * turns - n) * 1.5707964;
  return vec2f(sin_quadrant(r, i32(n) + 1), sin_quadrant(r, i32(n)));
}

// a^b as JavaScript has it: whole exponents also take negative a.
fn safe_pow(a: f32, b: f32) -> f32 {
  let magnitude = safe_exp(b * safe_log(abs(a)));
  let whole = floor(b) == b;
  let odd = whole && abs(b) < 16777216.0 && fract(0.5 * b) != 0.0;
  let negative = select(nan(), select(magnitude, -magnitude, odd), whole);
  return select(select(magnitude, negative, a < 0.0), 1.0, b == 0.0);
}

// Gauss error function: its Taylor series below 0.75, beyond it 1 − erfc by a Chebyshev series of
// (1 + 2x) e^(x²) erfc(x) in (x − 3.75)/(x + 3.75), written as a polynomial.
fn erf(x: f32) -> f32 {
  let m = abs(x);
  let z = min(m, 0.75) * min(m, 0.75);
  let series = 1.1283792 + z * (-0.37612639 + z * (0.11283792 + z * (-0.02686617 + z * (0.0052239776
    + z * (-0.00085483270 + z * (0.00012055333 + z * -0.000014925651))))));
  let t = (m - 3.75) / (m + 3.75);
  let scaled = 1.23751261 + t * (-0.140241369 + t * (0.00360212025 + t * (0.0827528933 + t * (-0.104943925 + t * (0.107031227 + t * (-0.0295859548 + t * (0.056769442)))))));
  let erfc = safe_exp(-m * m) * scaled / (1.0 + 2.0 * m);
  let large = select(1.0 - erfc, 1.0, m > 4.0);
  return select(select(large, -large, x < 0.0), x * series, m < 0.75);
}

// log Γ(2 + z)/z for |z| ≤ ½, from DLMF 5.7.3.
fn log_gamma_at_2(z: f32) -> f32 {
  return 0.42278433 + z * (0.32246703 + z * (-0.0673523 + z * (0.020580808 + z * (-0.007385551 + z * (0.0028905103
    + z * (-0.0011927539 + z * (0.00050966952 + z * (-0.00022315476 + z * (0.00009945751 + z * (-0.000044926237
    + z * (0.000020507212 + z * (-0.000009439488 + z * 0.000004374867))))))))))));
}

// log Γ(x), x > 0 (else NaN); relative accuracy holds beside the zeros at 1 and 2.
fn log_gamma(x: f32) -> f32 {
  if (!(x > 0.0)) {
    return nan();
  }
  if (x < 0.5) {
    return x * log_gamma_at_2(x) - log1p(x) - safe_log(x);
  }
  if (x < 1.5) {
    let z = x - 1.0;
    return z * log_gamma_at_2(z) - log1p(z);
  }
  if (x < 8.0) {
    var product = 1.0;
    var y = x;
    while (y > 2.5) {
      y -= 1.0;
      product *= y;
    }
    return (y - 2.0) * log_gamma_at_2(y - 2.0) + safe_log(product);
  }
  let inverse = 1.0 / x;
  let inverse2 = inverse * inverse;
  let tail = inverse * (0.083333336 + inverse2 * (-0.0027777778 + inverse2 * 0.0007936508));
  return (x - 0.5) * (safe_log(x) - 1.0) + (0.4189385332 + tail);
}

// ψ(x), x > 0 (else NaN): a Taylor series about its zero, elsewhere recurrence and asymptotic series.
fn digamma(x: f32) -> f32 {
  if (!(x > 0.0)) {
    return nan();
  }
  let z = (x - 1.46163213) - 1.24381498e-08;
  if (abs(z) < 0.25) {
    return z * (0.96767225 + z * (-0.44276317 + z * (0.25849976 + z * (-0.1639427 + z * (0.10782405
      + z * (-0.07219956 + z * (0.048804288 + z * (-0.033161126 + z * (0.022597648 + z * (-0.015424766
      + z * (0.010538792 + z * (-0.0072045344 + z * 0.0049267814))))))))))));
  }
  var shift = 0.0;
  var y = x;
  while (y < 6.0) {
    shift += 1.0 / y;
    y += 1.0;
  }
  let inverse2 = 1.0 / (y * y);
  let tail = inverse2 * (0.083333336 - inverse2 * (0.008333333 - inverse2 * (0.003968254 - inverse2 * 0.0041666667)));
  return safe_log(y) - 0.5 / y - tail - shift;
}

// ψ′(x), x > 0 (else NaN).
fn trigamma(x: f32) -> f32 {
  if (!(x > 0.0)) {
    return nan();
  }
  var shift = 0.0;
  var y = x;
  while (y < 6.0) {
    shift += 1.0 / (y * y);
    y += 1.0;
  }
  let inverse = 1.0 / y;
  let inverse2 = inverse * inverse;
  let tail = 0.16666667 - inverse2 * (0.033333335 - inverse2 * (0.023809524 - inverse2 * 0.033333335));
  return shift + inverse + 0.5 * inverse2 + inverse * inverse2 * tail;
}

// A sum of exponentials kept as (largest exponent, sum relative to it), which cannot overflow; adds two such
// sums. Equal exponents need no difference, which infinities would make NaN.
fn add_exponentials(a: vec2f, b: vec2f) -> vec2f {
  let e = safe_exp(-abs(select(b.x - a.x, 0.0, a.x == b.x)));
  return vec2f(safe_max(a.x, b.x), select(a.y + b.y * e, a.y * e + b.y, b.x > a.x));
}

// The larger of two (value, index) pairs, the first where they tie. A NaN counts as −∞.
fn larger_of(a: vec2f, b: vec2f) -> vec2f {
  let x = select(a.x, -infinity(), is_nan(a.x));
  let y = select(b.x, -infinity(), is_nan(b.x));
  return select(vec2f(x, a.y), vec2f(y, b.y), y > x || (y == x && b.y < a.y));
}
