// The names of `vec-simd.ts` one float at a time, for engines without SIMD.

/** A vector of floats: here one. */
export type V = f32;
/** The result of a comparison. */
export type M = bool;

/** Floats in a vector. */
export const LANES: i32 = 1;
/** Bytes in a vector. */
export const SIZE: usize = 4;

@inline export function load(p: usize): V { return f32.load(p); }
@inline export function load1(p: usize): V { return f32.load(p, 4); }
@inline export function load2(p: usize): V { return f32.load(p, 8); }
@inline export function load3(p: usize): V { return f32.load(p, 12); }
@inline export function loadSplat(p: usize): V { return f32.load(p); }
@inline export function store(p: usize, x: V): void { f32.store(p, x); }
@inline export function store1(p: usize, x: V): void { f32.store(p, x, 4); }
@inline export function store2(p: usize, x: V): void { f32.store(p, x, 8); }
@inline export function store3(p: usize, x: V): void { f32.store(p, x, 12); }
@inline export function storePart(p: usize, x: V, n: i32): void { f32.store(p, x); }
@inline export function splat(x: f32): V { return x; }

@inline export function add(a: V, b: V): V { return a + b; }
@inline export function sub(a: V, b: V): V { return a - b; }
@inline export function mul(a: V, b: V): V { return a * b; }
@inline export function div(a: V, b: V): V { return a / b; }
@inline export function madd(a: V, b: V, c: V): V { return c + a * b; }
@inline export function nmadd(a: V, b: V, c: V): V { return c - a * b; }
@inline export function neg(a: V): V { return -a; }
@inline export function abs(a: V): V { return f32.abs(a); }
@inline export function sqrt(a: V): V { return f32.sqrt(a); }
@inline export function nearest(a: V): V { return f32.nearest(a); }
@inline export function floor(a: V): V { return f32.floor(a); }
@inline export function min(a: V, b: V): V { return f32.min(a, b); }
@inline export function max(a: V, b: V): V { return f32.max(a, b); }
@inline export function atMost(a: V, bound: V): V { return bound < a ? bound : a; }
@inline export function atLeast(a: V, bound: V): V { return a < bound ? bound : a; }

@inline export function lt(a: V, b: V): M { return a < b; }
@inline export function gt(a: V, b: V): M { return a > b; }
@inline export function ge(a: V, b: V): M { return a >= b; }
@inline export function eq(a: V, b: V): M { return a == b; }
@inline export function ne(a: V, b: V): M { return a != b; }
@inline export function or(a: M, b: M): M { return a || b; }
@inline export function any(m: M): bool { return m; }
@inline export function select(m: M, a: V, b: V): V { return m ? a : b; }
@inline export function keep(m: M, a: V): V { return m ? a : 0; }
@inline export function firstLanes(n: i32): M { return n > 0; }

@inline export function copySign(a: V, b: V): V { return f32.copysign(a, b); }
@inline export function pow2(n: V): V { return reinterpret<f32>((<i32>n + 127) << 23); }
@inline export function exponent(x: V): V { return <f32>(<i32>(reinterpret<u32>(x) >> 23) - 127); }
@inline export function mantissa(x: V): V {
  return reinterpret<f32>((reinterpret<u32>(x) & 0x007fffff) | 0x3f800000);
}
@inline export function unitFromBits(bits: V): V {
  return (<f32>(reinterpret<u32>(bits) >> 9) + 0.5) * <f32>1.1920928955078125e-7;
}

@inline export function sumLanes(x: V): f32 { return x; }
export type Wide = f64;
@inline export function wideZero(): Wide { return 0; }
@inline export function addWide(sum: Wide, x: V): Wide { return sum + <f64>x; }
@inline export function sumWide(sum: Wide): f64 { return sum; }
@inline export function maxLanes(x: V): f32 { return x; }
@inline export function minLanes(x: V): f32 { return x; }

@inline export function evens(a: V, b: V): V { return a; }
@inline export function odds(a: V, b: V): V { return b; }
@inline export function zipLow(a: V, b: V): V { return a; }
@inline export function zipHigh(a: V, b: V): V { return b; }

@inline export function transpose(from: usize, stride: usize, to: usize, toStride: usize): void {
  f32.store(to, f32.load(from));
}
