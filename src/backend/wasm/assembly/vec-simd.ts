// Four floats at a time. `vec-scalar.ts` offers the same names one float at a time for engines without SIMD;
// the build puts one of the two in the place of `./vec`, so every kernel is written once.

/** A vector of floats. */
export type V = v128;
/** The result of a comparison: all bits of a lane set, or none. */
export type M = v128;

/** Floats in a vector. */
export const LANES: i32 = 4;
/** Bytes in a vector. */
export const SIZE: usize = 16;

@inline export function load(p: usize): V { return v128.load(p); }
@inline export function load1(p: usize): V { return v128.load(p, 16); }
@inline export function load2(p: usize): V { return v128.load(p, 32); }
@inline export function load3(p: usize): V { return v128.load(p, 48); }
/** One float in every lane. */
@inline export function loadSplat(p: usize): V { return v128.load_splat<f32>(p); }
@inline export function store(p: usize, x: V): void { v128.store(p, x); }
@inline export function store1(p: usize, x: V): void { v128.store(p, x, 16); }
@inline export function store2(p: usize, x: V): void { v128.store(p, x, 32); }
@inline export function store3(p: usize, x: V): void { v128.store(p, x, 48); }
/** Stores the first `n` lanes, 1 to LANES. */
@inline export function storePart(p: usize, x: V, n: i32): void {
  if (n >= 4) v128.store(p, x);
  else {
    v128.store_lane<f32>(p, x, 0);
    if (n > 1) v128.store_lane<f32>(p, x, 1, 4);
    if (n > 2) v128.store_lane<f32>(p, x, 2, 8);
  }
}
@inline export function splat(x: f32): V { return f32x4.splat(x); }

@inline export function add(a: V, b: V): V { return f32x4.add(a, b); }
@inline export function sub(a: V, b: V): V { return f32x4.sub(a, b); }
@inline export function mul(a: V, b: V): V { return f32x4.mul(a, b); }
@inline export function div(a: V, b: V): V { return f32x4.div(a, b); }
/** a·b + c, rounded once where the engine has relaxed SIMD. */
@inline export function madd(a: V, b: V, c: V): V {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(c, f32x4.mul(a, b));
}
/** c − a·b */
@inline export function nmadd(a: V, b: V, c: V): V {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_nmadd(a, b, c) : f32x4.sub(c, f32x4.mul(a, b));
}
@inline export function neg(a: V): V { return f32x4.neg(a); }
@inline export function abs(a: V): V { return f32x4.abs(a); }
@inline export function sqrt(a: V): V { return f32x4.sqrt(a); }
@inline export function nearest(a: V): V { return f32x4.nearest(a); }
@inline export function floor(a: V): V { return f32x4.floor(a); }
/** Smaller; NaN if either is. */
@inline export function min(a: V, b: V): V { return f32x4.min(a, b); }
/** Larger; NaN if either is. */
@inline export function max(a: V, b: V): V { return f32x4.max(a, b); }
/** a limited to at most `bound`; a NaN in `a` stays. */
@inline export function atMost(a: V, bound: V): V { return f32x4.pmin(a, bound); }
/** a limited to at least `bound`; a NaN in `a` stays. */
@inline export function atLeast(a: V, bound: V): V { return f32x4.pmax(a, bound); }

@inline export function lt(a: V, b: V): M { return f32x4.lt(a, b); }
@inline export function gt(a: V, b: V): M { return f32x4.gt(a, b); }
@inline export function ge(a: V, b: V): M { return f32x4.ge(a, b); }
@inline export function eq(a: V, b: V): M { return f32x4.eq(a, b); }
@inline export function ne(a: V, b: V): M { return f32x4.ne(a, b); }
@inline export function or(a: M, b: M): M { return v128.or(a, b); }
@inline export function any(m: M): bool { return v128.any_true(m); }
/** a where the mask is set, else b. */
@inline export function select(m: M, a: V, b: V): V { return v128.bitselect(a, b, m); }
/** a where the mask is set, else 0. */
@inline export function keep(m: M, a: V): V { return v128.and(m, a); }
/** The first `n` lanes. */
@inline export function firstLanes(n: i32): M { return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n)); }

/** Magnitude of a with the sign of b. */
@inline export function copySign(a: V, b: V): V {
  return v128.bitselect(b, a, i32x4.splat(0x80000000));
}
/** 2^n for whole n from −126 to 127; 128 gives infinity. */
@inline export function pow2(n: V): V {
  return i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
}
/** e of x = m·2^e with m in [1, 2), for positive normal x. */
@inline export function exponent(x: V): V {
  return f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_u(x, 23), i32x4.splat(127)));
}
/** m of x = m·2^e with m in [1, 2), for positive normal x. */
@inline export function mantissa(x: V): V {
  return v128.or(v128.and(x, i32x4.splat(0x007fffff)), i32x4.splat(0x3f800000));
}
/** (⌊bits/2^9⌋ + ½)·2^−23 of u32 lanes. */
@inline export function unitFromBits(bits: V): V {
  return f32x4.mul(
    f32x4.add(f32x4.convert_i32x4_u(i32x4.shr_u(bits, 9)), f32x4.splat(0.5)),
    f32x4.splat(<f32>1.1920928955078125e-7),
  );
}

@inline export function sumLanes(x: V): f32 {
  const y = f32x4.add(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(y, 0) + f32x4.extract_lane(y, 1);
}
/** A sum in float64, of which every lane holds a part. */
export type Wide = v128;
@inline export function wideZero(): Wide { return f64x2.splat(0); }
/** The sum with all lanes of x. */
@inline export function addWide(sum: Wide, x: V): Wide {
  const high = i32x4.shuffle(x, x, 2, 3, 0, 1);
  return f64x2.add(sum, f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(high)));
}
@inline export function sumWide(sum: Wide): f64 {
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}
@inline export function maxLanes(x: V): f32 {
  const y = f32x4.max(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.max(y, i32x4.shuffle(y, y, 1, 0, 3, 2)), 0);
}
@inline export function minLanes(x: V): f32 {
  const y = f32x4.min(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.min(y, i32x4.shuffle(y, y, 1, 0, 3, 2)), 0);
}

/** Lanes 0, 2, … of a, then of b. */
@inline export function evens(a: V, b: V): V { return i32x4.shuffle(a, b, 0, 2, 4, 6); }
/** Lanes 1, 3, … of a, then of b. */
@inline export function odds(a: V, b: V): V { return i32x4.shuffle(a, b, 1, 3, 5, 7); }
/** First half of a0 b0 a1 b1 … */
@inline export function zipLow(a: V, b: V): V { return i32x4.shuffle(a, b, 0, 4, 1, 5); }
/** Second half of a0 b0 a1 b1 … */
@inline export function zipHigh(a: V, b: V): V { return i32x4.shuffle(a, b, 2, 6, 3, 7); }

/** Transposes a LANES × LANES block: rows `from`, `from + stride`, … become columns at `to`, rows `toStride` apart. */
@inline export function transpose(from: usize, stride: usize, to: usize, toStride: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + stride);
  const c = v128.load(from + 2 * stride);
  const d = v128.load(from + 3 * stride);
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const ab2 = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const cd2 = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(to, i32x4.shuffle(ab, cd, 0, 1, 4, 5));
  v128.store(to + toStride, i32x4.shuffle(ab, cd, 2, 3, 6, 7));
  v128.store(to + 2 * toStride, i32x4.shuffle(ab2, cd2, 0, 1, 4, 5));
  v128.store(to + 3 * toStride, i32x4.shuffle(ab2, cd2, 2, 3, 6, 7));
}
