// The matrix product under all dense layers. A tile of sums (2 rows by 4 vectors: with the loads it fills the 16
// vector registers of x86-64 exactly, and any larger tile spills) stays in registers while both operands
// stream past. The left operand is read where it lies, whatever its strides, because a tile takes single
// floats from it; the right one too, unless its rows would push each other out of the first-level cache or
// its columns are not contiguous: then a panel of columns is copied first, once for all rows of the call.
import { bytes } from './block';
import {
  add, atLeast, LANES, load, load1, load2, load3, loadSplat, madd, mul, SIZE, splat, store, store1, store2, store3,
  storePart, sumLanes, transpose, V,
} from './vec';

/** Columns of a full tile. */
export const PANEL: i32 = 4 * LANES;
/** Bytes of a row of a packed panel. */
const ROW: usize = SIZE * 4;
/** Steps of the inner dimension between visits to the sums in memory: a packed panel is then 16 KiB. */
const INNER: i32 = 256;
/** Longest inner dimension whose sums may grow in place; those of a longer one are sums of sums that long. */
const LONG: i32 = 64 * INNER;
/** Rows of a long product that are summed up beside c before they join it. */
const LONG_ROWS: i32 = 32;
/** Bytes at the start of scratch memory: a tile that sticks out, a packed panel, and rows of a long product. */
const PACKED: usize = 512;
const ROWS: usize = PACKED + bytes(INNER * PANEL);
export const GEMM_SCRATCH: usize = ROWS + bytes(LONG_ROWS * PANEL);

/** 16 floats of 0, where sums without a bias start. */
const ZEROS: usize = memory.data(64, 16);

/**
 * 2 rows × 4 vectors of sums, for as many pairs of rows. `start`: the row that sums start from. `o`, if not 0, and `oRow`:
 * what they are added to once they are made; a sum that started from it would lose as much as one of all the terms.
 * `low`: lower bound of what is stored.
 */
function tile2x4(
  pairs: i32, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, inner: i32,
  start: usize, o: usize, oRow: usize, c: usize, cRow: usize, low: f32,
): void {
  const bound = splat(low);
  for (; pairs > 0; --pairs) {
    let at = a;
    let a1 = a + aRow;
    let row = b;
    let c00 = load(start);
    let c01 = load1(start);
    let c02 = load2(start);
    let c03 = load3(start);
    let c10 = c00;
    let c11 = c01;
    let c12 = c02;
    let c13 = c03;
    for (let k = inner; k > 0; --k) {
      const b0 = load(row);
      const b1 = load1(row);
      const b2 = load2(row);
      const b3 = load3(row);
      let x = loadSplat(at);
      c00 = madd(x, b0, c00);
      c01 = madd(x, b1, c01);
      c02 = madd(x, b2, c02);
      c03 = madd(x, b3, c03);
      x = loadSplat(a1);
      c10 = madd(x, b0, c10);
      c11 = madd(x, b1, c11);
      c12 = madd(x, b2, c12);
      c13 = madd(x, b3, c13);
      at += aStep;
      a1 += aStep;
      row += bStep;
    }
    if (o) {
      c00 = add(load(o), c00);
      c01 = add(load1(o), c01);
      c02 = add(load2(o), c02);
      c03 = add(load3(o), c03);
      o += oRow;
      c10 = add(load(o), c10);
      c11 = add(load1(o), c11);
      c12 = add(load2(o), c12);
      c13 = add(load3(o), c13);
      o += oRow;
    }
    store(c, atLeast(c00, bound));
    store1(c, atLeast(c01, bound));
    store2(c, atLeast(c02, bound));
    store3(c, atLeast(c03, bound));
    c += cRow;
    store(c, atLeast(c10, bound));
    store1(c, atLeast(c11, bound));
    store2(c, atLeast(c12, bound));
    store3(c, atLeast(c13, bound));
    a += aRow * 2;
    c += cRow;
  }
}

/** 4 rows × 2 vectors. The rows are at a, a + row1, a + row2, a + row3. */
function tile4x2(
  a: usize, row1: usize, row2: usize, row3: usize, aStep: usize, b: usize, bStep: usize, inner: i32,
  start: usize, o: usize, oRow: usize, c: usize, cRow: usize, low: f32,
): void {
  let a1 = a + row1;
  let a2 = a + row2;
  let a3 = a + row3;
  let c00 = load(start);
  let c01 = load1(start);
  let c10 = c00;
  let c11 = c01;
  let c20 = c00;
  let c21 = c01;
  let c30 = c00;
  let c31 = c01;
  for (; inner > 0; --inner) {
    const b0 = load(b);
    const b1 = load1(b);
    let x = loadSplat(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = loadSplat(a1);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = loadSplat(a2);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = loadSplat(a3);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    a += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    b += bStep;
  }
  if (o) {
    c00 = add(load(o), c00);
    c01 = add(load1(o), c01);
    o += oRow;
    c10 = add(load(o), c10);
    c11 = add(load1(o), c11);
    o += oRow;
    c20 = add(load(o), c20);
    c21 = add(load1(o), c21);
    o += oRow;
    c30 = add(load(o), c30);
    c31 = add(load1(o), c31);
  }
  const bound = splat(low);
  store(c, atLeast(c00, bound));
  store1(c, atLeast(c01, bound));
  c += cRow;
  store(c, atLeast(c10, bound));
  store1(c, atLeast(c11, bound));
  c += cRow;
  store(c, atLeast(c20, bound));
  store1(c, atLeast(c21, bound));
  c += cRow;
  store(c, atLeast(c30, bound));
  store1(c, atLeast(c31, bound));
}

/** 4 rows × 1 vector. */
function tile4x1(
  a: usize, row1: usize, row2: usize, row3: usize, aStep: usize, b: usize, bStep: usize, inner: i32,
  start: usize, o: usize, oRow: usize, c: usize, cRow: usize, low: f32,
): void {
  let a1 = a + row1;
  let a2 = a + row2;
  let a3 = a + row3;
  let c0 = load(start);
  let c1 = c0;
  let c2 = c0;
  let c3 = c0;
  for (; inner > 0; --inner) {
    const b0 = load(b);
    c0 = madd(loadSplat(a), b0, c0);
    c1 = madd(loadSplat(a1), b0, c1);
    c2 = madd(loadSplat(a2), b0, c2);
    c3 = madd(loadSplat(a3), b0, c3);
    a += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    b += bStep;
  }
  if (o) {
    c0 = add(load(o), c0);
    o += oRow;
    c1 = add(load(o), c1);
    o += oRow;
    c2 = add(load(o), c2);
    o += oRow;
    c3 = add(load(o), c3);
  }
  const bound = splat(low);
  store(c, atLeast(c0, bound));
  c += cRow;
  store(c, atLeast(c1, bound));
  c += cRow;
  store(c, atLeast(c2, bound));
  c += cRow;
  store(c, atLeast(c3, bound));
}

/** 1 row × 4 vectors. */
function tile1x4(
  a: usize, aStep: usize, b: usize, bStep: usize, inner: i32, start: usize, o: usize, c: usize, low: f32,
): void {
  let c0 = load(start);
  let c1 = load1(start);
  let c2 = load2(start);
  let c3 = load3(start);
  for (; inner > 0; --inner) {
    const x = loadSplat(a);
    c0 = madd(x, load(b), c0);
    c1 = madd(x, load1(b), c1);
    c2 = madd(x, load2(b), c2);
    c3 = madd(x, load3(b), c3);
    a += aStep;
    b += bStep;
  }
  if (o) {
    c0 = add(load(o), c0);
    c1 = add(load1(o), c1);
    c2 = add(load2(o), c2);
    c3 = add(load3(o), c3);
  }
  const bound = splat(low);
  store(c, atLeast(c0, bound));
  store1(c, atLeast(c1, bound));
  store2(c, atLeast(c2, bound));
  store3(c, atLeast(c3, bound));
}

/** Whether `inner` rows, `step` bytes apart, of a 64-byte wide panel stay in a first-level cache of 64 sets × 8 lines. */
function staysInCache(inner: i32, step: usize): bool {
  const lines = step >> 6;
  // A row off the grid of lines touches two of them.
  if ((step & 63) != 0 || lines == 0) return inner <= 192;
  const apart = min<usize>(lines & (0 - lines), 64);
  return <usize>inner * apart <= 384;
}

/** Copies `inner` rows of `columns` ≤ PANEL columns of b into rows of PANEL floats. */
function packPanel(b: usize, bRow: usize, bColumn: usize, inner: i32, columns: i32, to: usize): void {
  if (bColumn == 4) {
    for (let k: i32 = 0; k < inner; ++k) {
      const b0 = load(b);
      const b1 = load1(b);
      const b2 = load2(b);
      const b3 = load3(b);
      store(to, b0);
      store1(to, b1);
      store2(to, b2);
      store3(to, b3);
      b += bRow;
      to += ROW;
    }
    return;
  }
  let column: i32 = 0;
  if (bRow == 4) {
    for (; column + LANES <= columns; column += LANES) {
      let from = b + <usize>column * bColumn;
      let at = to + bytes(column);
      let k: i32 = 0;
      for (; k + LANES <= inner; k += LANES) {
        transpose(from, bColumn, at, ROW);
        from += SIZE;
        at += ROW * LANES;
      }
      for (; k < inner; ++k) {
        for (let i: i32 = 0; i < LANES; ++i) f32.store(at + bytes(i), f32.load(from + <usize>i * bColumn));
        from += 4;
        at += ROW;
      }
    }
  }
  for (; column < columns; ++column) {
    let from = b + <usize>column * bColumn;
    let at = to + bytes(column);
    for (let k: i32 = 0; k < inner; ++k) {
      f32.store(at, f32.load(from));
      from += bRow;
      at += ROW;
    }
  }
}

/** c [rows, columns] = what is in the tile at `from`, of which only the first columns belong to c. */
@inline function storeTile(from: usize, c: usize, cRow: usize, rows: i32, columns: i32): void {
  for (let row: i32 = 0; row < rows; ++row) {
    for (let i: i32 = 0; i < columns; i += LANES) {
      storePart(c + bytes(i), load(from + bytes(i)), columns - i);
    }
    from += ROW;
    c += cRow;
  }
}

/** One panel of columns; the sums of all rows. */
function panel(
  rows: i32, columns: i32, inner: i32, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize,
  start: usize, o: usize, oRow: usize, c: usize, cRow: usize, low: f32, tile: usize,
): void {
  if (columns == PANEL) {
    tile2x4(rows >> 1, a, aRow, aStep, b, bStep, inner, start, o, oRow, c, cRow, low);
    const last = rows - 1;
    if (rows & 1) tile1x4(a + aRow * last, aStep, b, bStep, inner, start, o ? o + oRow * last : 0, c + cRow * last, low);
    return;
  }
  if (columns > 2 * LANES) {
    for (let row: i32 = 0; row < rows; row += 2) {
      const left = min(2, rows - row);
      tile2x4(1, a, left > 1 ? aRow : 0, aStep, b, bStep, inner, start, o, oRow, tile, ROW, low);
      storeTile(tile, c, cRow, left, columns);
      a += aRow * 2;
      if (o) o += oRow * 2;
      c += cRow * 2;
    }
    return;
  }
  for (let row: i32 = 0; row < rows; row += 4) {
    const left = rows - row;
    // Rows past the end are read from inside; their sums are not stored.
    const row1 = left > 1 ? aRow : 0;
    const row2 = left > 2 ? aRow * 2 : 0;
    const row3 = left > 3 ? aRow * 3 : 0;
    const whole = left > 3 && (columns == LANES || columns == 2 * LANES);
    const to = whole ? c : tile;
    const toRow = whole ? cRow : ROW;
    if (columns > LANES) tile4x2(a, row1, row2, row3, aStep, b, bStep, inner, start, o, oRow, to, toRow, low);
    else tile4x1(a, row1, row2, row3, aStep, b, bStep, inner, start, o, oRow, to, toRow, low);
    if (!whole) storeTile(tile, c, cRow, min(4, left), columns);
    a += aRow * 4;
    if (o) o += oRow * 4;
    c += cRow * 4;
  }
}

// Narrow products: a head with one output, or the gradients through one. Tiles would be mostly empty.

@inline function limited(x: f32, low: f32): f32 {
  return x < low ? low : x; // a NaN stays
}

/** c [rows, 1] = max(o + a·b, low) where the rows of a and the column b are contiguous. */
function dots(
  rows: i32, inner: i32, a: usize, aRow: usize, b: usize, o: usize, oRow: usize, c: usize, cRow: usize, low: f32,
): void {
  for (let row: i32 = 0; row < rows; row += 4) {
    const left = rows - row;
    // Rows past the end are read from inside; their sums are not stored.
    let a0 = a;
    let a1 = left > 1 ? a + aRow : a;
    let a2 = left > 2 ? a + aRow * 2 : a;
    let a3 = left > 3 ? a + aRow * 3 : a;
    let at = b;
    // Sums of INNER terms in float32, and the sum of those in float64.
    let s0: f64 = 0;
    let s1: f64 = 0;
    let s2: f64 = 0;
    let s3: f64 = 0;
    let k = inner;
    do {
      const end = max(0, k - INNER);
      let v0 = splat(0);
      let v1 = v0;
      let v2 = v0;
      let v3 = v0;
      for (; k - LANES >= end; k -= LANES) {
        const x = load(at);
        v0 = madd(load(a0), x, v0);
        v1 = madd(load(a1), x, v1);
        v2 = madd(load(a2), x, v2);
        v3 = madd(load(a3), x, v3);
        at += SIZE;
        a0 += SIZE;
        a1 += SIZE;
        a2 += SIZE;
        a3 += SIZE;
      }
      s0 += sumLanes(v0);
      s1 += sumLanes(v1);
      s2 += sumLanes(v2);
      s3 += sumLanes(v3);
    } while (k >= LANES);
    for (let rest = bytes(k), i: usize = 0; i < rest; i += 4) {
      const x = f32.load(at + i);
      s0 += f32.load(a0 + i) * x;
      s1 += f32.load(a1 + i) * x;
      s2 += f32.load(a2 + i) * x;
      s3 += f32.load(a3 + i) * x;
    }
    f32.store(c, limited(<f32>(s0 + f32.load(o)), low));
    if (left > 1) f32.store(c + cRow, limited(<f32>(s1 + f32.load(o + oRow)), low));
    if (left > 2) f32.store(c + cRow * 2, limited(<f32>(s2 + f32.load(o + oRow * 2)), low));
    if (left > 3) f32.store(c + cRow * 3, limited(<f32>(s3 + f32.load(o + oRow * 3)), low));
    a += aRow * 4;
    o += oRow * 4;
    c += cRow * 4;
  }
}

/** The same where the columns of a are contiguous, and c too, as in the gradient of a head's weights: o is 0 or c. */
function combination(rows: i32, inner: i32, a: usize, aStep: usize, b: usize, bRow: usize, onto: bool, c: usize): void {
  for (let row: i32 = 0; row < rows; row += PANEL) {
    const o = onto ? c : ZEROS;
    let t0 = load(o);
    let t1 = load1(o);
    let t2 = load2(o);
    let t3 = load3(o);
    let from = a;
    let at = b;
    let left = inner;
    // Sums of sums of INNER terms.
    do {
      const last = max(0, left - LONG);
      let u0 = splat(0);
      let u1 = u0;
      let u2 = u0;
      let u3 = u0;
      do {
        const end = max(last, left - INNER);
        let v0 = splat(0);
        let v1 = v0;
        let v2 = v0;
        let v3 = v0;
        for (; left > end; --left) {
          const x = loadSplat(at);
          v0 = madd(load(from), x, v0);
          v1 = madd(load1(from), x, v1);
          v2 = madd(load2(from), x, v2);
          v3 = madd(load3(from), x, v3);
          from += aStep;
          at += bRow;
        }
        u0 = add(u0, v0);
        u1 = add(u1, v1);
        u2 = add(u2, v2);
        u3 = add(u3, v3);
      } while (left > last);
      t0 = add(t0, u0);
      t1 = add(t1, u1);
      t2 = add(t2, u2);
      t3 = add(t3, u3);
    } while (left > 0);
    storePanel(c, t0, t1, t2, t3, rows - row);
    a += ROW;
    c += ROW;
  }
}

/** c = a·b for one column a and one contiguous row b. */
function outerProduct(rows: i32, columns: i32, a: usize, aRow: usize, b: usize, c: usize, cRow: usize): void {
  for (let row: i32 = 0; row < rows; ++row) {
    const x = loadSplat(a);
    let column: i32 = 0;
    let to = c;
    let at = b;
    for (; column + LANES <= columns; column += LANES) {
      store(to, mul(x, load(at)));
      to += SIZE;
      at += SIZE;
    }
    if (column < columns) storePart(to, mul(x, load(at)), columns - column);
    a += aRow;
    c += cRow;
  }
}

/** Stores the first `count` floats of four vectors. */
@inline function storePanel(to: usize, v0: V, v1: V, v2: V, v3: V, count: i32): void {
  storePart(to, v0, count);
  if (count > LANES) storePart(to + SIZE, v1, count - LANES);
  if (count > 2 * LANES) storePart(to + SIZE * 2, v2, count - 2 * LANES);
  if (count > 3 * LANES) storePart(to + SIZE * 3, v3, count - 3 * LANES);
}

/**
 * c = max(o + a·b, low), where o is the bias (a row), c itself when `accumulate`, or 0. Steps are in bytes.
 *
 * @param a element (i, k) at a + i·aRow + k·aStep
 * @param b element (k, j) at b + k·bRow + j·bColumn
 * @param c row-major, rows cRow apart; nothing is written between its rows
 * @param bias [columns], or 0 for none
 * @param low −∞ for no bound, 0 for relu
 * @param scratch GEMM_SCRATCH bytes
 */
export function gemm(
  rows: i32, columns: i32, inner: i32, a: usize, aRow: usize, aStep: usize, b: usize, bRow: usize, bColumn: usize,
  c: usize, cRow: usize, bias: usize, accumulate: bool, low: f32, scratch: usize,
): void {
  if (columns == 1 && bRow == 4 && aStep == 4) {
    const o = accumulate ? c : bias ? bias : ZEROS;
    dots(rows, inner, a, aRow, b, o, accumulate ? cRow : 0, c, cRow, low);
    return;
  }
  const plain = bias == 0 && low == -Infinity;
  if (columns == 1 && aRow == 4 && cRow == 4 && plain) {
    combination(rows, inner, a, aStep, b, bRow, accumulate, c);
    return;
  }
  if (inner > LONG) {
    longProduct(rows, columns, inner, a, aRow, aStep, b, bRow, bColumn, c, cRow, bias, accumulate, low, scratch);
    return;
  }
  if (inner == 1 && bColumn == 4 && plain && !accumulate) {
    outerProduct(rows, columns, a, aRow, b, c, cRow);
    return;
  }
  const tile = scratch;
  const packed = scratch + PACKED;
  let done: i32 = 0;
  do {
    const part = min(INNER, inner - done);
    const bound = done + part == inner ? low : <f32>-Infinity;
    // A panel that few rows use is not worth a copy.
    const direct = bColumn == 4 && (rows <= 8 || staysInCache(part, bRow));
    for (let column: i32 = 0; column < columns; column += PANEL) {
      const width = min(PANEL, columns - column);
      const shift = bytes(column);
      let from = b + <usize>column * bColumn;
      let step = bRow;
      if (!direct) {
        packPanel(from, bRow, bColumn, part, width, packed);
        from = packed;
        step = ROW;
      }
      const onto = accumulate || done > 0;
      const start = !onto && bias ? bias + shift : ZEROS;
      const o = onto ? c + shift : 0;
      panel(rows, width, part, a, aRow, aStep, from, step, start, o, cRow, c + shift, cRow, bound, tile);
    }
    a += <usize>part * aStep;
    b += <usize>part * bRow;
    done += part;
  } while (done < inner);
}

/**
 * As `gemm` where the inner dimension is long: LONG of it at a time are summed up in scratch memory before they join c, so
 * that no sum has many terms.
 */
function longProduct(
  rows: i32, columns: i32, inner: i32, a: usize, aRow: usize, aStep: usize, b: usize, bRow: usize, bColumn: usize,
  c: usize, cRow: usize, bias: usize, accumulate: bool, low: f32, scratch: usize,
): void {
  const sums = scratch + ROWS;
  let done: i32 = 0;
  do {
    const part = min(LONG, inner - done);
    const first = done == 0 && !accumulate;
    const bound = splat(done + part == inner ? low : <f32>-Infinity);
    for (let row: i32 = 0; row < rows; row += LONG_ROWS) {
      const height = min(LONG_ROWS, rows - row);
      for (let column: i32 = 0; column < columns; column += PANEL) {
        const width = min(PANEL, columns - column);
        const shift = bytes(column);
        gemm(
          height, width, part, a + <usize>row * aRow, aRow, aStep, b + <usize>column * bColumn, bRow, bColumn,
          sums, ROW, 0, false, -Infinity, scratch,
        );
        let from = sums;
        let to = c + <usize>row * cRow + shift;
        for (let i: i32 = 0; i < height; ++i) {
          const o = first ? (bias ? bias + shift : ZEROS) : to;
          for (let j: i32 = 0; j < width; j += LANES) {
            storePart(to + bytes(j), atLeast(add(load(o + bytes(j)), load(from + bytes(j))), bound), width - j);
          }
          from += ROW;
          to += cRow;
        }
      }
    }
    a += <usize>part * aStep;
    b += <usize>part * bRow;
    done += part;
  } while (done < inner);
}

/** y [columns] = sum over the rows of x: sums of sums of INNER rows. */
export function columnSums(x: usize, xRow: usize, rows: i32, columns: i32, y: usize): void {
  for (let column: i32 = 0; column < columns; column += PANEL) {
    let t0 = splat(0);
    let t1 = t0;
    let t2 = t0;
    let t3 = t0;
    let from = x + bytes(column);
    let left = rows;
    do {
      const last = max(0, left - LONG);
      let u0 = splat(0);
      let u1 = u0;
      let u2 = u0;
      let u3 = u0;
      do {
        const end = max(last, left - INNER);
        let s0 = splat(0);
        let s1 = s0;
        let s2 = s0;
        let s3 = s0;
        for (; left > end; --left) {
          s0 = add(s0, load(from));
          s1 = add(s1, load1(from));
          s2 = add(s2, load2(from));
          s3 = add(s3, load3(from));
          from += xRow;
        }
        u0 = add(u0, s0);
        u1 = add(u1, s1);
        u2 = add(u2, s2);
        u3 = add(u3, s3);
      } while (left > last);
      t0 = add(t0, u0);
      t1 = add(t1, u1);
      t2 = add(t2, u2);
      t3 = add(t3, u3);
    } while (left > 0);
    storePanel(y + bytes(column), t0, t1, t2, t3, columns - column);
  }
}

