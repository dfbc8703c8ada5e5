// Elementary functions on vectors of floats. Range reductions and polynomials are those of Cephes' single
// precision routines (Moshier), which need no tables and no branches. Errors are in units in the last place
// (ulp) of the correctly rounded result, as test/backend/wasm-math.test.ts measures them.
import {
  abs, add, any, atLeast, atMost, copySign, div, eq, exponent, floor, ge, gt, load, LANES, lt, madd, mantissa,
  max, mul, nearest, neg, nmadd, or, pow2, select, SIZE, splat, store, sub, V,
} from './vec';

const LOG2_E: f32 = 1.44269504088896341;
// log 2 in two parts; the first has few enough bits that its product with an exponent is exact.
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440e-4;

/** (e^r − 1 − r)/r² for |r| ≤ ½ log 2. */
@inline function expTail(r: V): V {
  let p = madd(splat(1.9875691500e-4), r, splat(1.3981999507e-3));
  p = madd(p, r, splat(8.3334519073e-3));
  p = madd(p, r, splat(4.1665795894e-2));
  p = madd(p, r, splat(1.6666665459e-1));
  return madd(p, r, splat(5.0000001201e-1));
}

/** e^x; 0 and infinity beyond the range of a float. */
@inline export function exp(x: V): V {
  x = atLeast(atMost(x, splat(88.9)), splat(-104));
  const n = nearest(mul(x, splat(LOG2_E)));
  const r = nmadd(n, splat(LN2_LOW), nmadd(n, splat(LN2_HIGH), x));
  const y = add(madd(expTail(r), mul(r, r), r), splat(1));
  // Two factors, because 2^n itself may lie outside the floats when the result does not.
  const half = floor(mul(n, splat(0.5)));
  return mul(mul(y, pow2(half)), pow2(sub(n, half)));
}

/** e^x − 1, exact near 0. */
@inline export function expm1(x: V): V {
  const c = atLeast(atMost(x, splat(88.9)), splat(-20));
  const n = nearest(mul(c, splat(LOG2_E)));
  const r = nmadd(n, splat(LN2_LOW), nmadd(n, splat(LN2_HIGH), c));
  const p = madd(expTail(r), mul(r, r), r);
  const s = pow2(sub(n, splat(1)));
  const y = madd(s, p, sub(s, splat(0.5)));
  return add(y, y);
}

/** Natural logarithm; −∞ at 0, NaN below. */
@inline export function log(x: V): V {
  const tiny = lt(x, splat(1.17549435e-38));
  const scaled = select(tiny, mul(x, splat(8388608)), x);
  let e = sub(exponent(scaled), select(tiny, splat(23), splat(0)));
  let f = mantissa(scaled);
  const big = gt(f, splat(1.41421356));
  f = sub(select(big, mul(f, splat(0.5)), f), splat(1));
  e = add(e, select(big, splat(1), splat(0)));
  const z = mul(f, f);
  let p = madd(splat(7.0376836292e-2), f, splat(-1.1514610310e-1));
  p = madd(p, f, splat(1.1676998740e-1));
  p = madd(p, f, splat(-1.2420140846e-1));
  p = madd(p, f, splat(1.4249322787e-1));
  p = madd(p, f, splat(-1.6668057665e-1));
  p = madd(p, f, splat(2.0000714765e-1));
  p = madd(p, f, splat(-2.4999993993e-1));
  p = madd(p, f, splat(3.3333331174e-1));
  let y = mul(mul(p, f), z);
  y = madd(e, splat(LN2_LOW), y);
  y = nmadd(splat(0.5), z, y);
  y = madd(e, splat(LN2_HIGH), add(f, y));
  // What the bits of 0, negative numbers, infinity and NaN gave is no logarithm.
  y = select(eq(x, splat(0)), splat(-Infinity), y);
  const finite = lt(x, splat(Infinity));
  y = select(finite, y, x);
  return select(lt(x, splat(0)), splat(NaN), y);
}

/** log(1 + x), exact near 0. @source the correction of Kahan's log1p: log(u)·(x/(u − 1)) with u = 1 + x rounded */
@inline export function log1p(x: V): V {
  const u = add(splat(1), x);
  const y = mul(log(u), div(x, sub(u, splat(1))));
  const same = or(eq(u, splat(1)), eq(u, splat(Infinity)));
  return select(same, x, y);
}

@inline export function tanh(x: V): V {
  const z = mul(x, x);
  let p = madd(splat(-5.70498872745e-3), z, splat(2.06390887954e-2));
  p = madd(p, z, splat(-5.37397155531e-2));
  p = madd(p, z, splat(1.33314422036e-1));
  p = madd(p, z, splat(-3.33332819422e-1));
  const near = madd(mul(p, z), x, x);
  const a = abs(x);
  const far = sub(splat(1), div(splat(2), add(exp(add(a, a)), splat(1))));
  return select(lt(a, splat(0.625)), near, copySign(far, x));
}

/** 1/(1 + e^−x), with full relative accuracy for negative x too. */
@inline export function sigmoid(x: V): V {
  const e = exp(neg(abs(x)));
  return div(select(lt(x, splat(0)), e, splat(1)), add(splat(1), e));
}

/** log(1 + e^x) */
@inline export function softplus(x: V): V {
  return add(max(x, splat(0)), log1p(exp(neg(abs(x)))));
}

/** log(1 − tanh² u), which loses no digits for large |u|. */
@inline export function logJacobian(u: V): V {
  const a = abs(u);
  const e = exp(mul(splat(-2), a));
  return mul(splat(2), sub(sub(splat(0.69314718055994531), a), log1p(e)));
}

/** 1 − tanh² u, whose digits 1 − tanh·tanh loses for large |u|. */
@inline export function tanhSlope(u: V): V {
  const e = exp(mul(splat(-2), abs(u)));
  const d = add(splat(1), e);
  return div(mul(splat(4), e), mul(d, d));
}

@inline function sinNear(r: V, z: V): V {
  let p = madd(splat(-1.9515295891e-4), z, splat(8.3321608736e-3));
  p = madd(p, z, splat(-1.6666654611e-1));
  return madd(mul(p, z), r, r);
}

@inline function cosNear(z: V): V {
  let p = madd(splat(2.443315711809948e-5), z, splat(-1.388731625493765e-3));
  p = madd(p, z, splat(4.166664568298827e-2));
  return madd(mul(p, z), z, nmadd(splat(0.5), z, splat(1)));
}

/** sin of r + quarter·π/2 for |r| ≤ π/4 and whole `quarter`. */
@inline export function sinAt(r: V, quarter: V): V {
  const m = sub(quarter, mul(splat(4), floor(mul(quarter, splat(0.25)))));
  const z = mul(r, r);
  const odd = or(eq(m, splat(1)), eq(m, splat(3)));
  const y = select(odd, cosNear(z), sinNear(r, z));
  return select(ge(m, splat(2)), neg(y), y);
}

/** Angles above this lose their reduction in float32; they take float64. */
const LARGEST_ANGLE: f32 = 8192;

/** sin(x + shift·π/2) over `n` floats: shift 0 is the sine, 1 the cosine. */
export function sinArray(y: usize, x: usize, n: i32, shift: f32): void {
  for (let i: i32 = 0; i < n; i += LANES) {
    const v = load(x);
    if (any(gt(abs(v), splat(LARGEST_ANGLE)))) {
      for (let lane: usize = 0; lane < SIZE; lane += 4) {
        const angle = <f64>f32.load(x + lane);
        f32.store(y + lane, <f32>(shift == 0 ? Math.sin(angle) : Math.cos(angle)));
      }
    } else {
      const q = nearest(mul(v, splat(0.63661977236758134)));
      let r = nmadd(q, splat(1.5703125), v);
      r = nmadd(q, splat(4.837512969970703125e-4), r);
      r = nmadd(q, splat(7.54978995489188216e-8), r);
      store(y, sinAt(r, add(q, splat(shift))));
    }
    x += SIZE;
    y += SIZE;
  }
}

