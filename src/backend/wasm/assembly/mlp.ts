// The three kernels of a network. Each item is worked on by one thread from beginning to end, so its result does
// not depend on how many threads there are.
import { MlpBackwardInputs, MlpBackwardWeights, MlpForward } from './layouts';
import { activate, differentiate, RELU, savesInput } from './activation';
import { address, bytes, word } from './block';
import { columnSums, gemm, GEMM_SCRATCH } from './gemm';
import { add, LANES, load, storePart } from './vec';

/** Parameters of one network. */
function parameterCount(dims: usize, layers: i32): i32 {
  let count: i32 = 0;
  for (let layer: i32 = 0; layer < layers; ++layer) count += (word(dims, layer) + 1) * word(dims, layer + 1);
  return count;
}

/** Widest of all layers, in floats. */
function widest(dims: usize, layers: i32): i32 {
  let most: i32 = 0;
  for (let i: i32 = 0; i <= layers; ++i) most = max(most, word(dims, i));
  return most;
}

/** Copies columns [from, to) of rows first … first + count of the two input segments into `target`, row by row. */
function gatherInputs(
  x0: usize, x1: usize, segments: usize, first: i32, count: i32, from: i32, to: i32, target: usize,
): void {
  const width0 = word(segments, 3);
  let at = target;
  const pitch = bytes(to - from);
  for (let part: i32 = 0; part < 2; ++part) {
    const s = segments + <usize>part * 16;
    const x = (part == 0 ? x0 : x1) + bytes(word(s, 0));
    const stride = word(s, 1);
    const rows = word(s, 2);
    const shift = part == 0 ? 0 : width0;
    const low = max(from, shift) - shift;
    const high = min(to, shift + word(s, 3)) - shift;
    if (low >= high) continue;
    let row = first % rows;
    let to0 = at;
    for (let i: i32 = 0; i < count; ++i) {
      const source = x + bytes(row * stride);
      let out = to0;
      for (let column = low; column < high; ++column) {
        f32.store(out, f32.load(source + bytes(column)));
        out += 4;
      }
      to0 += pitch;
      if (++row == rows) row = 0;
    }
    at += bytes(high - low);
  }
}

/** Whether the input is one segment that holds every row of the batch. */
function isPlain(segments: usize, rows: i32): bool {
  return word(segments, 7) == 0 && word(segments, 2) >= rows;
}

/** An item is a network and a block of rows, which it carries through all layers. */
export function mlpForward(p: usize, item: i32, scratch: usize): void {
  const nets = word(p, MlpForward.nets);
  const rows = word(p, MlpForward.rows);
  const layers = word(p, MlpForward.layers);
  const activation = word(p, MlpForward.activation);
  const store = word(p, MlpForward.storeSaved) != 0;
  const segments = p + bytes(MlpForward.x0Offset);
  const dims = p + bytes(MlpForward.d0);
  const rowBlock = word(p, MlpForward.rowBlock);
  const blocks = (rows + rowBlock - 1) / rowBlock;
  const net = item / blocks;
  const first = (item % blocks) * rowBlock;
  const count = min(rowBlock, rows - first);
  const tile = bytes(count * widest(dims, layers));
  let here = scratch + GEMM_SCRATCH;
  let there = here + ((tile + 63) & ~63);

  let weights = address(p, MlpForward.parameters) + bytes(net * parameterCount(dims, layers));
  let saved = address(p, MlpForward.saved);
  let a: usize;
  let aRow: usize;
  if (isPlain(segments, rows)) {
    aRow = bytes(word(segments, 1));
    a = address(p, MlpForward.x0) + bytes(word(segments, 0)) + <usize>first * aRow;
  } else {
    gatherInputs(address(p, MlpForward.x0), address(p, MlpForward.x1), segments, first, count, 0, word(dims, 0), there);
    a = there;
    aRow = bytes(word(dims, 0));
  }
  for (let layer: i32 = 0; layer < layers; ++layer) {
    const inputs = word(dims, layer);
    const outputs = word(dims, layer + 1);
    const cRow = bytes(outputs);
    const bias = weights + <usize>inputs * cRow;
    if (layer == layers - 1) {
      if (address(p, MlpForward.y) == 0) return; // only the hidden layers are wanted, for a gradient
      const y = address(p, MlpForward.y) + <usize>(net * rows + first) * cRow;
      gemm(count, outputs, inputs, a, aRow, 4, weights, cRow, 4, y, cRow, bias, false, -Infinity, scratch);
      return;
    }
    const kept = saved + <usize>(net * rows + first) * cRow;
    const z = store ? kept : here;
    const y = store && !savesInput(activation) ? kept : here;
    const low: f32 = activation == RELU ? 0 : -Infinity;
    gemm(count, outputs, inputs, a, aRow, 4, weights, cRow, 4, z, cRow, bias, false, low, scratch);
    if (activation != RELU) activate(activation, z, y, count * outputs);
    a = y;
    aRow = cRow;
    const swap = here;
    here = there;
    there = swap;
    weights = bias + cRow;
    saved += <usize>(nets * rows) * cRow;
  }
}

/** Byte offset of a layer's weights within a network's parameters. */
function weightOffset(dims: usize, layer: i32): usize {
  return bytes(parameterCount(dims, layer));
}

/** Byte offset of a hidden layer's [nets, rows, width] in `saved` and `dz`. */
function savedOffset(dims: usize, layer: i32, netRows: i32): usize {
  let widths: i32 = 0;
  for (let i: i32 = 0; i < layer; ++i) widths += word(dims, i + 1);
  return bytes(widths * netRows);
}

/** An item is a block of rows: of all networks where their input gradients are wanted, which are summed, else of one. */
export function mlpBackwardInputs(p: usize, item: i32, scratch: usize): void {
  const nets = word(p, MlpBackwardInputs.nets);
  const rows = word(p, MlpBackwardInputs.rows);
  const layers = word(p, MlpBackwardInputs.layers);
  const activation = word(p, MlpBackwardInputs.activation);
  const storeDz = word(p, MlpBackwardInputs.storeDz) != 0;
  const storeDx0 = word(p, MlpBackwardInputs.storeDx0) != 0;
  const storeDx1 = word(p, MlpBackwardInputs.storeDx1) != 0;
  const width0 = word(p, MlpBackwardInputs.x0Width);
  const width1 = word(p, MlpBackwardInputs.x1Width);
  const dims = p + bytes(MlpBackwardInputs.d0);
  const rowBlock = word(p, MlpBackwardInputs.rowBlock);
  const blocks = (rows + rowBlock - 1) / rowBlock;
  const each = storeDx0 || storeDx1 ? nets : 1;
  const firstNet = item / blocks * each;
  const first = item % blocks * rowBlock;
  const count = min(rowBlock, rows - first);
  const tile = (bytes(count * widest(dims, layers)) + 63) & ~63;
  const size = parameterCount(dims, layers);
  // Inputs whose gradient is wanted: a range, since the segments lie side by side.
  const from = storeDx0 ? 0 : width0;
  const wanted = (storeDx1 ? width0 + width1 : width0) - from;
  const both = storeDx0 && storeDx1;
  const total = scratch + GEMM_SCRATCH + tile * 2;
  const dx0 = address(p, MlpBackwardInputs.dx0) + bytes(first * width0);
  const dx1 = address(p, MlpBackwardInputs.dx1) + bytes(first * width1);
  const dx = both ? total : storeDx0 ? dx0 : dx1;

  for (let net = firstNet; net < firstNet + each; ++net) {
    let here = scratch + GEMM_SCRATCH;
    let there = here + tile;
    const parameters = address(p, MlpBackwardInputs.parameters) + bytes(net * size);
    let gRow = bytes(word(dims, layers));
    let g = address(p, MlpBackwardInputs.dy) + <usize>(net * rows + first) * gRow;
    for (let layer = layers - 1; layer > 0; --layer) {
      const inputs = word(dims, layer);
      const outputs = word(dims, layer + 1);
      const cRow = bytes(inputs);
      const at = savedOffset(dims, layer - 1, nets * rows) + <usize>(net * rows + first) * cRow;
      const c = storeDz ? address(p, MlpBackwardInputs.dz) + at : here;
      const weights = parameters + weightOffset(dims, layer);
      gemm(count, inputs, outputs, g, gRow, 4, weights, 4, gRow, c, cRow, 0, false, -Infinity, scratch);
      differentiate(activation, c, address(p, MlpBackwardInputs.saved) + at, count * inputs);
      g = c;
      gRow = cRow;
      const swap = here;
      here = there;
      there = swap;
    }
    if (wanted > 0) {
      const weights = parameters + <usize>from * gRow;
      const outputs = word(dims, 1);
      gemm(count, wanted, outputs, g, gRow, 4, weights, 4, gRow, dx, bytes(wanted), 0, net > 0, -Infinity, scratch);
    }
  }
  if (both) {
    let source = total;
    for (let row: usize = 0; row < <usize>count; ++row) {
      memory.copy(dx0 + 4 * row * <usize>width0, source, bytes(width0));
      memory.copy(dx1 + 4 * row * <usize>width1, source + bytes(width0), bytes(width1));
      source += bytes(wanted);
    }
  }
}

/** y += x for n floats; nothing is written past them. */
function addTo(y: usize, x: usize, n: i32): void {
  for (let i: i32 = 0; i < n; i += LANES) {
    storePart(y + bytes(i), add(load(y + bytes(i)), load(x + bytes(i))), n - i);
  }
}

/** An item is a network, a layer and a block of the layer's inputs: rows of its weight gradient. */
export function mlpBackwardWeights(p: usize, item: i32, scratch: usize): void {
  const nets = word(p, MlpBackwardWeights.nets);
  const rows = word(p, MlpBackwardWeights.rows);
  const layers = word(p, MlpBackwardWeights.layers);
  const activation = word(p, MlpBackwardWeights.activation);
  const segments = p + bytes(MlpBackwardWeights.x0Offset);
  const dims = p + bytes(MlpBackwardWeights.d0);
  const block = word(p, MlpBackwardWeights.inputBlock);
  const perNet = word(p, MlpBackwardWeights.perNet);
  const net = item / perNet;
  let left = item % perNet;
  let layer: i32 = 0;
  for (; ; ++layer) {
    const blocks = (word(dims, layer) + block - 1) / block;
    if (left < blocks) break;
    left -= blocks;
  }
  const inputs = word(dims, layer);
  const outputs = word(dims, layer + 1);
  const first = left * block;
  const count = min(block, inputs - first);
  const gRow = bytes(outputs);
  const g =
    (layer == layers - 1 ? address(p, MlpBackwardWeights.dy) : address(p, MlpBackwardWeights.dz) + savedOffset(dims, layer, nets * rows)) +
    <usize>(net * rows) * gRow;
  const weights =
    address(p, MlpBackwardWeights.dparameters) + bytes(net * parameterCount(dims, layers)) + weightOffset(dims, layer);
  const c = weights + <usize>first * gRow;
  if (first == 0) columnSums(g, gRow, rows, outputs, weights + <usize>inputs * gRow);

  let a: usize;
  let aRow: usize;
  if (layer == 0) {
    if (isPlain(segments, rows)) {
      aRow = bytes(word(segments, 1));
      a = address(p, MlpBackwardWeights.x0) + bytes(word(segments, 0));
    } else {
      a = 0;
      aRow = 0;
    }
  } else {
    aRow = bytes(inputs);
    a = address(p, MlpBackwardWeights.saved) + savedOffset(dims, layer - 1, nets * rows) + <usize>(net * rows) * aRow;
    if (!savesInput(activation)) {
      gemm(count, outputs, rows, a + bytes(first), 4, aRow, g, gRow, 4, c, gRow, 0, false, -Infinity, scratch);
      return;
    }
  }
  if (a != 0 && layer == 0) {
    gemm(count, outputs, rows, a + bytes(first), 4, aRow, g, gRow, 4, c, gRow, 0, false, -Infinity, scratch);
    return;
  }
  // What must be gathered or activated first is taken some rows at a time.
  const buffer = scratch + GEMM_SCRATCH;
  const pitch = bytes(count);
  const sums = buffer + MlpBackwardWeights.GATHER_ROWS * pitch;
  for (let row: i32 = 0; row < rows; row += MlpBackwardWeights.GATHER_ROWS) {
    const part = min(MlpBackwardWeights.GATHER_ROWS, rows - row);
    if (layer == 0) {
      gatherInputs(address(p, MlpBackwardWeights.x0), address(p, MlpBackwardWeights.x1), segments, row, part, first, first + count, buffer);
    } else {
      for (let i: i32 = 0; i < part; ++i) {
        activate(activation, a + <usize>(row + i) * aRow + bytes(first), buffer + <usize>i * pitch, count);
      }
    }
    const from = g + <usize>row * gRow;
    const to = row < MlpBackwardWeights.LONG_ROWS ? c : sums;
    gemm(count, outputs, part, buffer, 4, pitch, from, gRow, 4, to, gRow, 0, row % MlpBackwardWeights.LONG_ROWS > 0, -Infinity, scratch);
    if (to == sums && (row + part == rows || (row + part) % MlpBackwardWeights.LONG_ROWS == 0)) addTo(c, sums, count * outputs);
  }
}
