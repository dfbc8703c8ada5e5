// Small differences of large numbers, in forms that lose no digits: what log-densities and divergences of concentrated or
// nearly equal distributions are made of.
import { digamma as digammaOf, logGamma as logGammaOf } from '../math/special.ts';
import {
  abs,
  add,
  digamma,
  div,
  expm1,
  greater,
  log,
  log1p,
  logGamma,
  mul,
  type Operand,
  square,
  stopGradient,
  sub,
  type Tensor,
  where,
} from '../tape/index.ts';

/**
 * The value of one form with the gradient of another of the same function: a series is exact where the other form cancels, and
 * where the other's gradient is exact too it says nothing new in many more operations.
 */
export const withValue = (form: Tensor, value: Tensor): Tensor =>
  sub(stopGradient(value), sub(stopGradient(form), form));

/** Σ coefficients[k] x^k. */
function polynomial(x: Tensor, coefficients: readonly number[]): Tensor {
  const last = coefficients[coefficients.length - 1];
  return coefficients.slice(0, -1).reduceRight<Operand>((total, c) => add(mul(total, x), c), last) as Tensor;
}

/** |u| up to which log(1 + u) − u is taken from its series. */
export const nearOne = 0.3;

/** log(1 + u) − u by its series in s = u/(2 + u): −us + 2s³(1/3 + s²/5 + …); relative accuracy 1e-15 for |u| < {@link nearOne}. */
export function log1pSeries(u: Tensor): Tensor {
  const s = div(u, add(2, u));
  const tail = polynomial(
    square(s),
    Array.from({ length: 11 }, (_, k) => 2 / (2 * k + 3)),
  );
  return sub(mul(mul(s, square(s)), tail), mul(u, s));
}

/** log(1 + u) − u for u > −1, accurate where u is small: about −u²/2. */
export const log1pMinus = (u: Tensor): Tensor =>
  where(greater(nearOne, abs(u)), log1pSeries(u), sub(log1p(u), u));

/** log r − (r − 1) of a ratio r, from r − 1 and log r each as accurate as they are to be had. */
export const logRatioMinus = (gap: Tensor, logRatio: Tensor): Tensor =>
  where(greater(nearOne, abs(gap)), log1pSeries(gap), sub(logRatio, gap));

/** e^x − 1 − x by its series, relative accuracy 1e-15 for |x| < ½. */
export function expm1Series(x: Tensor): Tensor {
  let factorial = 1;
  // 1/2!, 1/3!, …
  const coefficients = Array.from({ length: 14 }, (_, k) => {
    factorial *= k + 2;
    return 1 / factorial;
  });
  return mul(square(x), polynomial(x, coefficients));
}

/** e^x − 1 − x, accurate where x is small, about x²/2, and so is its gradient e^x − 1. */
export function expm1Minus(x: Tensor): Tensor {
  const isSmall = greater(0.5, abs(x));
  return where(isSmall, expm1Series(where(isSmall, x, 0)), sub(expm1(x), x));
}

/** From where on the asymptotic series below are exact to float64. */
const asymptotic = 10;
/** B_2k, k = 1 … 8. */
const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510];

/** A function of x by a series in 1/x from {@link asymptotic} on, and directly below, each on its side only. */
function joined(x: Tensor, series: (inverse: Tensor) => Tensor, direct: (x: Tensor) => Tensor): Tensor {
  const large = greater(x, asymptotic);
  return where(large, series(div(1, where(large, x, asymptotic))), direct(where(large, asymptotic, x)));
}

/**
 * What log Γ(x) is above Stirling's (x − ½) log x − x + ½ log 2π: about 1/(12x).
 * @source NIST DLMF 5.11.1
 */
export const stirlingRest = (x: Tensor): Tensor =>
  joined(
    x,
    (r) =>
      mul(
        r,
        polynomial(
          square(r),
          bernoulli.map((b, i) => b / ((2 * i + 2) * (2 * i + 1))),
        ),
      ),
    (y) => sub(logGamma(y), add(sub(mul(sub(y, 0.5), log(y)), y), 0.5 * Math.log(2 * Math.PI))),
  );

/**
 * What ψ(x) is below log x − 1/(2x): about 1/(12x²); minus the derivative of {@link stirlingRest}.
 * @source NIST DLMF 5.11.2
 */
export const digammaRest = (x: Tensor): Tensor =>
  joined(
    x,
    (r) =>
      mul(
        square(r),
        polynomial(
          square(r),
          bernoulli.map((b, i) => b / (2 * i + 2)),
        ),
      ),
    (y) => sub(sub(log(y), div(0.5, y)), digamma(y)),
  );

/** Coefficients of 1/x, 1/x³, … of {@link halfStep}; −(2k − 1) times them those of 1/x², 1/x⁴, … of its slope. */
const halfSteps = bernoulli.map((b, i) => (-(1 - 4 ** -(i + 1)) * b) / ((i + 1) * (2 * i + 1)));
const halfStepSlopes = halfSteps.map((c, i) => -(2 * i + 1) * c);

/**
 * log Γ(x + ½) − log Γ(x) − ½ log x: about −1/(8x).
 * @source NIST DLMF 5.11.1 and 5.11.8
 */
export const halfStep = (x: Tensor): Tensor =>
  joined(
    x,
    (r) => mul(r, polynomial(square(r), halfSteps)),
    (y) => sub(sub(logGamma(add(y, 0.5)), logGamma(y)), mul(0.5, log(y))),
  );

/** The slope of {@link halfStep}: ψ(x + ½) − ψ(x) − 1/(2x), about 1/(8x²). */
export const halfStepSlope = (x: Tensor): Tensor =>
  joined(
    x,
    (r) => mul(square(r), polynomial(square(r), halfStepSlopes)),
    (y) => sub(sub(digamma(add(y, 0.5)), digamma(y)), div(0.5, y)),
  );

/** {@link halfStep} and {@link halfStepSlope} of a number. */
export function halfStepAt(x: number): { readonly rest: number; readonly slope: number } {
  if (x <= asymptotic)
    return {
      rest: logGammaOf(x + 0.5) - logGammaOf(x) - 0.5 * Math.log(x),
      slope: digammaOf(x + 0.5) - digammaOf(x) - 0.5 / x,
    };
  const sum = (coefficients: readonly number[]) => coefficients.reduceRight((s, c) => s / x ** 2 + c, 0);
  return { rest: sum(halfSteps) / x, slope: sum(halfStepSlopes) / x ** 2 };
}
