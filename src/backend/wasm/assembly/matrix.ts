import { activate, RELU } from './activation';
import { address, bytes, word } from './block';
import { gemm } from './gemm';

/** An item is a matrix of the batch and a block of its rows. */
export function matmul(p: usize, item: i32, scratch: usize): void {
  const rows = word(p, 6);
  const columns = word(p, 7);
  const inner = word(p, 8);
  const activation = word(p, 20);
  const storeZ = word(p, 21) != 0;
  const rowBlock = word(p, 22);
  const blocks = (rows + rowBlock - 1) / rowBlock;
  const batch = item / blocks;
  const first = (item % blocks) * rowBlock;
  const count = min(rowBlock, rows - first);
  const aRow = bytes(word(p, 11));
  const a = address(p, 0) + bytes(word(p, 9) + batch * word(p, 10)) + <usize>first * aRow;
  const b = address(p, 1) + bytes(word(p, 13) + batch * word(p, 14));
  const bias = word(p, 19) ? address(p, 2) + bytes(word(p, 17) + batch * word(p, 18)) : 0;
  const at = bytes((batch * rows + first) * columns);
  const y = address(p, 3) + at;
  const z = storeZ ? address(p, 4) + at : y;
  const fused = activation == RELU && !storeZ;
  gemm(
    count, columns, inner, a, aRow, bytes(word(p, 12)), b, bytes(word(p, 15)), bytes(word(p, 16)),
    z, bytes(columns), bias, false, fused ? 0 : -Infinity, scratch,
  );
  if (!fused) activate(activation, z, y, count * columns);
}

/** An item is one of `outer`. An index outside the entries gives NaN. */
export function gather(p: usize, item: i32): void {
  const entries = word(p, 4);
  const picks = word(p, 5);
  const inner = word(p, 6);
  const size = picks * inner;
  const x = address(p, 0) + bytes(item * entries * inner);
  let index = address(p, 1) + bytes(item * size);
  let y = address(p, 2) + bytes(item * size);
  for (let pick: i32 = 0; pick < picks; ++pick) {
    for (let i: i32 = 0; i < inner; ++i) {
      const entry = f32.load(index);
      const inside = entry >= 0 && entry < <f32>entries;
      f32.store(y, inside ? f32.load(x + bytes(<i32>entry * inner + i)) : NaN);
      index += 4;
      y += 4;
    }
  }
}

/** An item is one of `outer`. An index outside the entries adds nowhere. Sums are in float64, in scratch memory. */
export function scatterAdd(p: usize, item: i32, scratch: usize): void {
  const entries = word(p, 4);
  const picks = word(p, 5);
  const inner = word(p, 6);
  const size = picks * inner;
  let x = address(p, 0) + bytes(item * size);
  let index = address(p, 1) + bytes(item * size);
  const y = address(p, 2) + bytes(item * entries * inner);
  const count = entries * inner;
  memory.fill(scratch, 0, bytes(2 * count));
  for (let pick: i32 = 0; pick < picks; ++pick) {
    for (let i: i32 = 0; i < inner; ++i) {
      const entry = f32.load(index);
      if (entry >= 0 && entry < <f32>entries) {
        const to = scratch + bytes(2 * (<i32>entry * inner + i));
        f64.store(to, f64.load(to) + f32.load(x));
      }
      x += 4;
      index += 4;
    }
  }
  for (let i: i32 = 0; i < count; ++i) f32.store(y + bytes(i), <f32>f64.load(scratch + bytes(2 * i)));
}

export function assign(p: usize): void {
  memory.copy(address(p, 1), address(p, 0), bytes(word(p, 2)));
}
