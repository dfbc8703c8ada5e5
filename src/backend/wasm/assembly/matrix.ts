import { Assign, Gather, Matmul, ScatterAdd } from './layouts';
import { activate, RELU } from './activation';
import { address, bytes, word } from './block';
import { gemm } from './gemm';

/** An item is a matrix of the batch and a block of its rows. */
export function matmul(p: usize, item: i32, scratch: usize): void {
  const rows = word(p, Matmul.rows);
  const columns = word(p, Matmul.columns);
  const inner = word(p, Matmul.inner);
  const activation = word(p, Matmul.activation);
  const storeZ = word(p, Matmul.storeZ) != 0;
  const rowBlock = word(p, Matmul.rowBlock);
  const blocks = (rows + rowBlock - 1) / rowBlock;
  const batch = item / blocks;
  const first = (item % blocks) * rowBlock;
  const count = min(rowBlock, rows - first);
  const aRow = bytes(word(p, Matmul.aRow));
  const a = address(p, Matmul.a) + bytes(word(p, Matmul.aOffset) + batch * word(p, Matmul.aBatch)) + <usize>first * aRow;
  const b = address(p, Matmul.b) + bytes(word(p, Matmul.bOffset) + batch * word(p, Matmul.bBatch));
  const bias = word(p, Matmul.hasBias) ? address(p, Matmul.bias) + bytes(word(p, Matmul.biasOffset) + batch * word(p, Matmul.biasBatch)) : 0;
  const at = bytes((batch * rows + first) * columns);
  const y = address(p, Matmul.y) + at;
  const z = storeZ ? address(p, Matmul.z) + at : y;
  const clamps = activation == RELU && !storeZ;
  gemm(
    count, columns, inner, a, aRow, bytes(word(p, Matmul.aColumn)), b, bytes(word(p, Matmul.bRow)), bytes(word(p, Matmul.bColumn)),
    z, bytes(columns), bias, false, clamps ? 0 : -Infinity, scratch,
  );
  if (!clamps) activate(activation, z, y, count * columns);
}

/** An item is one of `outer`. An index outside the entries gives NaN. */
export function gather(p: usize, item: i32): void {
  const entries = word(p, Gather.entries);
  const picks = word(p, Gather.picks);
  const inner = word(p, Gather.inner);
  const size = picks * inner;
  const x = address(p, Gather.x) + bytes(item * entries * inner);
  let index = address(p, Gather.index) + bytes(item * size);
  let y = address(p, Gather.y) + bytes(item * size);
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
  const entries = word(p, ScatterAdd.entries);
  const picks = word(p, ScatterAdd.picks);
  const inner = word(p, ScatterAdd.inner);
  const size = picks * inner;
  let x = address(p, ScatterAdd.x) + bytes(item * size);
  let index = address(p, ScatterAdd.index) + bytes(item * size);
  const y = address(p, ScatterAdd.y) + bytes(item * entries * inner);
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
  memory.copy(address(p, Assign.y), address(p, Assign.x), bytes(word(p, Assign.count)));
}
