// What a core can do when nothing is in its way: multiply-adds that stay in registers, and floats that stream past.
// Compiled as the kernels are (build.mjs), with relaxed SIMD and without.

/** c·x + y: one instruction where the engine has relaxed SIMD and the processor fuses, else two. */
@inline function multiplyAdd(c: v128, x: v128, y: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(c, x, y) : f32x4.add(f32x4.mul(c, x), y);
}

@inline function total(c: v128): f32 {
  return (
    f32x4.extract_lane(c, 0) + f32x4.extract_lane(c, 1) + f32x4.extract_lane(c, 2) + f32x4.extract_lane(c, 3)
  );
}

// Independent sums hide the latency of an instruction; how many it takes differs between processors, and how many fit
// into registers between engines, so the host tries several numbers. Each runs `times` steps of every sum.

export function chains8(times: i32, x: f32, y: f32): f32 {
  const vx = f32x4.splat(x);
  const vy = f32x4.splat(y);
  let c0 = vy;
  let c1 = vy;
  let c2 = vy;
  let c3 = vy;
  let c4 = vy;
  let c5 = vy;
  let c6 = vy;
  let c7 = vy;
  for (; times > 0; --times) {
    c0 = multiplyAdd(c0, vx, vy);
    c1 = multiplyAdd(c1, vx, vy);
    c2 = multiplyAdd(c2, vx, vy);
    c3 = multiplyAdd(c3, vx, vy);
    c4 = multiplyAdd(c4, vx, vy);
    c5 = multiplyAdd(c5, vx, vy);
    c6 = multiplyAdd(c6, vx, vy);
    c7 = multiplyAdd(c7, vx, vy);
  }
  c0 = f32x4.add(c0, c1);
  c0 = f32x4.add(c0, c2);
  c0 = f32x4.add(c0, c3);
  c0 = f32x4.add(c0, c4);
  c0 = f32x4.add(c0, c5);
  c0 = f32x4.add(c0, c6);
  c0 = f32x4.add(c0, c7);
  return total(c0);
}

export function chains10(times: i32, x: f32, y: f32): f32 {
  const vx = f32x4.splat(x);
  const vy = f32x4.splat(y);
  let c0 = vy;
  let c1 = vy;
  let c2 = vy;
  let c3 = vy;
  let c4 = vy;
  let c5 = vy;
  let c6 = vy;
  let c7 = vy;
  let c8 = vy;
  let c9 = vy;
  for (; times > 0; --times) {
    c0 = multiplyAdd(c0, vx, vy);
    c1 = multiplyAdd(c1, vx, vy);
    c2 = multiplyAdd(c2, vx, vy);
    c3 = multiplyAdd(c3, vx, vy);
    c4 = multiplyAdd(c4, vx, vy);
    c5 = multiplyAdd(c5, vx, vy);
    c6 = multiplyAdd(c6, vx, vy);
    c7 = multiplyAdd(c7, vx, vy);
    c8 = multiplyAdd(c8, vx, vy);
    c9 = multiplyAdd(c9, vx, vy);
  }
  c0 = f32x4.add(c0, c1);
  c0 = f32x4.add(c0, c2);
  c0 = f32x4.add(c0, c3);
  c0 = f32x4.add(c0, c4);
  c0 = f32x4.add(c0, c5);
  c0 = f32x4.add(c0, c6);
  c0 = f32x4.add(c0, c7);
  c0 = f32x4.add(c0, c8);
  c0 = f32x4.add(c0, c9);
  return total(c0);
}

export function chains12(times: i32, x: f32, y: f32): f32 {
  const vx = f32x4.splat(x);
  const vy = f32x4.splat(y);
  let c0 = vy;
  let c1 = vy;
  let c2 = vy;
  let c3 = vy;
  let c4 = vy;
  let c5 = vy;
  let c6 = vy;
  let c7 = vy;
  let c8 = vy;
  let c9 = vy;
  let c10 = vy;
  let c11 = vy;
  for (; times > 0; --times) {
    c0 = multiplyAdd(c0, vx, vy);
    c1 = multiplyAdd(c1, vx, vy);
    c2 = multiplyAdd(c2, vx, vy);
    c3 = multiplyAdd(c3, vx, vy);
    c4 = multiplyAdd(c4, vx, vy);
    c5 = multiplyAdd(c5, vx, vy);
    c6 = multiplyAdd(c6, vx, vy);
    c7 = multiplyAdd(c7, vx, vy);
    c8 = multiplyAdd(c8, vx, vy);
    c9 = multiplyAdd(c9, vx, vy);
    c10 = multiplyAdd(c10, vx, vy);
    c11 = multiplyAdd(c11, vx, vy);
  }
  c0 = f32x4.add(c0, c1);
  c0 = f32x4.add(c0, c2);
  c0 = f32x4.add(c0, c3);
  c0 = f32x4.add(c0, c4);
  c0 = f32x4.add(c0, c5);
  c0 = f32x4.add(c0, c6);
  c0 = f32x4.add(c0, c7);
  c0 = f32x4.add(c0, c8);
  c0 = f32x4.add(c0, c9);
  c0 = f32x4.add(c0, c10);
  c0 = f32x4.add(c0, c11);
  return total(c0);
}

/**
 * 8 sums of products that do not wait for each other, as in a matrix product: without a fused multiply-add more of them are
 * under way at once than in a chain. The two left factors come from p, or the engine would multiply once, before the loop.
 */
export function products(times: i32, p: usize): f32 {
  const y0 = f32x4.splat(0.25);
  const y1 = f32x4.splat(0.5);
  const y2 = f32x4.splat(0.75);
  const y3 = f32x4.splat(1.25);
  let c00 = y0;
  let c01 = y1;
  let c02 = y2;
  let c03 = y3;
  let c10 = y3;
  let c11 = y2;
  let c12 = y1;
  let c13 = y0;
  for (; times > 0; --times) {
    const x0 = v128.load_splat<f32>(p);
    c00 = multiplyAdd(x0, y0, c00);
    c01 = multiplyAdd(x0, y1, c01);
    c02 = multiplyAdd(x0, y2, c02);
    c03 = multiplyAdd(x0, y3, c03);
    const x1 = v128.load_splat<f32>(p, 4);
    c10 = multiplyAdd(x1, y0, c10);
    c11 = multiplyAdd(x1, y1, c11);
    c12 = multiplyAdd(x1, y2, c12);
    c13 = multiplyAdd(x1, y3, c13);
  }
  c00 = f32x4.add(f32x4.add(c00, c01), f32x4.add(c02, c03));
  c10 = f32x4.add(f32x4.add(c10, c11), f32x4.add(c12, c13));
  return total(f32x4.add(c00, c10));
}

// ---- memory: what cannot be computed away is that every byte passes. `bytes` is a multiple of 192.

/** Sums the floats in `bytes` bytes at p, `times` times over. */
export function read(p: usize, bytes: usize, times: i32): f32 {
  let c0 = f32x4.splat(0);
  let c1 = c0;
  let c2 = c0;
  let c3 = c0;
  for (; times > 0; --times) {
    const end = p + bytes;
    for (let at = p; at < end; at += 64) {
      c0 = f32x4.add(c0, v128.load(at));
      c1 = f32x4.add(c1, v128.load(at, 16));
      c2 = f32x4.add(c2, v128.load(at, 32));
      c3 = f32x4.add(c3, v128.load(at, 48));
    }
  }
  return total(f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3)));
}

/** a = b + scale·c over three arrays that fill `bytes` bytes at p, `times` times over: two reads to a write. */
export function triad(p: usize, bytes: usize, times: i32, scale: f32): void {
  const third = bytes / 3;
  const v = f32x4.splat(scale);
  for (; times > 0; --times) {
    const end = p + third;
    for (let a = p; a < end; a += 64) {
      const b = a + third;
      const c = b + third;
      v128.store(a, f32x4.add(v128.load(b), f32x4.mul(v, v128.load(c))));
      v128.store(a, f32x4.add(v128.load(b, 16), f32x4.mul(v, v128.load(c, 16))), 16);
      v128.store(a, f32x4.add(v128.load(b, 32), f32x4.mul(v, v128.load(c, 32))), 32);
      v128.store(a, f32x4.add(v128.load(b, 48), f32x4.mul(v, v128.load(c, 48))), 48);
    }
  }
}

/** Where memory that the module does not use itself begins. */
export function heapBase(): usize {
  return __heap_base;
}
