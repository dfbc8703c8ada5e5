// The matrix product under all dense layers. Operands are first packed into panels of PANEL rows (or columns)
// as float64, so that the inner loop reads both with stride 1, whatever their layout and storage, and keeps a
// PANEL × PANEL tile of sums in local variables. That is what brings plain JavaScript near the speed of
// scalar machine arithmetic.

/** Rows and columns of the tile of sums; a larger tile does not fit the registers. */
export const PANEL = 4;

/** Rows worked on at a time, so that a packed operand and the product stay in the second-level cache. */
export const ROW_BLOCK = 64;

/** `count` rounded up to whole panels. */
export const padded = (count: number): number => Math.ceil(count / PANEL) * PANEL;

/** Elements of a packed operand of `count` rows (or columns) by `inner`. */
export const packedSize = (count: number, inner: number): number => padded(count) * inner;

/**
 * Packs vector `i` (a row of the left operand, a column of the right one), `i` in [0, count), whose element
 * `k` in [0, inner) is `source[offset + i·stride + k·innerStride]`. Missing vectors of the last panel are 0.
 */
export function pack(
  target: Float64Array,
  targetOffset: number,
  source: ArrayLike<number>,
  offset: number,
  stride: number,
  innerStride: number,
  count: number,
  inner: number,
): void {
  let to = targetOffset;
  let first = 0;
  for (; first + PANEL <= count; first += PANEL) {
    let from0 = offset + first * stride;
    let from1 = from0 + stride;
    let from2 = from1 + stride;
    let from3 = from2 + stride;
    for (let k = 0; k < inner; k++) {
      target[to] = source[from0];
      target[to + 1] = source[from1];
      target[to + 2] = source[from2];
      target[to + 3] = source[from3];
      to += PANEL;
      from0 += innerStride;
      from1 += innerStride;
      from2 += innerStride;
      from3 += innerStride;
    }
  }
  if (first === count) return;
  target.fill(0, to, to + PANEL * inner);
  for (let i = first; i < count; i++) {
    for (let k = 0; k < inner; k++)
      target[to + k * PANEL + i - first] = source[offset + i * stride + k * innerStride];
  }
}

/**
 * product = left·right, or product += left·right.
 *
 * @param left packed [rows, inner]
 * @param right packed [inner, columns], from `rightOffset` on
 * @param product row-major [padded(rows), padded(columns)]
 */
export function multiply(
  left: Float64Array,
  right: Float64Array,
  rightOffset: number,
  product: Float64Array,
  rows: number,
  columns: number,
  inner: number,
  accumulate: boolean,
): void {
  const stride = padded(columns);
  const panel = PANEL * inner;
  for (let column = 0; column < columns; column += PANEL) {
    const b = rightOffset + (column / PANEL) * panel;
    for (let row = 0; row < rows; row += PANEL) {
      tile(left, (row / PANEL) * panel, right, b, product, row * stride + column, stride, inner, accumulate);
    }
  }
}

/** One PANEL × PANEL tile of the product. */
function tile(
  left: Float64Array,
  a: number,
  right: Float64Array,
  b: number,
  product: Float64Array,
  at: number,
  stride: number,
  inner: number,
  accumulate: boolean,
): void {
  const at1 = at + stride;
  const at2 = at1 + stride;
  const at3 = at2 + stride;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  let s30 = 0;
  let s31 = 0;
  let s32 = 0;
  let s33 = 0;
  if (accumulate) {
    s00 = product[at];
    s01 = product[at + 1];
    s02 = product[at + 2];
    s03 = product[at + 3];
    s10 = product[at1];
    s11 = product[at1 + 1];
    s12 = product[at1 + 2];
    s13 = product[at1 + 3];
    s20 = product[at2];
    s21 = product[at2 + 1];
    s22 = product[at2 + 2];
    s23 = product[at2 + 3];
    s30 = product[at3];
    s31 = product[at3 + 1];
    s32 = product[at3 + 2];
    s33 = product[at3 + 3];
  }
  const end = a + PANEL * inner;
  while (a < end) {
    const a0 = left[a];
    const a1 = left[a + 1];
    const a2 = left[a + 2];
    const a3 = left[a + 3];
    const b0 = right[b];
    s00 += a0 * b0;
    s10 += a1 * b0;
    s20 += a2 * b0;
    s30 += a3 * b0;
    const b1 = right[b + 1];
    s01 += a0 * b1;
    s11 += a1 * b1;
    s21 += a2 * b1;
    s31 += a3 * b1;
    const b2 = right[b + 2];
    s02 += a0 * b2;
    s12 += a1 * b2;
    s22 += a2 * b2;
    s32 += a3 * b2;
    const b3 = right[b + 3];
    s03 += a0 * b3;
    s13 += a1 * b3;
    s23 += a2 * b3;
    s33 += a3 * b3;
    a += PANEL;
    b += PANEL;
  }
  product[at] = s00;
  product[at + 1] = s01;
  product[at + 2] = s02;
  product[at + 3] = s03;
  product[at1] = s10;
  product[at1 + 1] = s11;
  product[at1 + 2] = s12;
  product[at1 + 3] = s13;
  product[at2] = s20;
  product[at2 + 1] = s21;
  product[at2 + 2] = s22;
  product[at2 + 3] = s23;
  product[at3] = s30;
  product[at3 + 1] = s31;
  product[at3 + 2] = s32;
  product[at3 + 3] = s33;
}
