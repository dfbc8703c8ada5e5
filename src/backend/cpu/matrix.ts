import type * as kernels from '../../kernels/index.ts';
import { activate, activationOf } from './activation.ts';
import type { CpuKernel } from './call.ts';
import { multiply, pack, packedSize, padded, ROW_BLOCK } from './gemm.ts';

/** y [batch, rows, columns] = activation(a·b + bias); z receives the sum before the activation. */
export const matmul: CpuKernel<typeof kernels.matmul> = (call) => {
  const { batch, rows, columns, inner, aOffset, aBatch, aRow, aColumn, bOffset, bBatch, bRow, bColumn } =
    call.params;
  const { biasOffset, biasBatch, hasBias, storeZ } = call.params;
  const activation = activationOf(call.params.activation);
  const a = call.floats('a');
  const b = call.floats('b');
  const bias = call.floats('bias');
  const y = call.floats('y');
  const z = call.floats('z');
  const block = Math.min(rows, ROW_BLOCK);
  const stride = padded(columns);
  const left = call.scratch.take('left', packedSize(block, inner));
  const right = call.scratch.take('right', packedSize(columns, inner));
  const product = call.scratch.take('product', padded(block) * stride);
  return () => {
    for (let item = 0; item < batch; item++) {
      if (item === 0 || bBatch !== 0)
        pack(right, 0, b, bOffset + item * bBatch, bColumn, bRow, columns, inner);
      for (let first = 0; first < rows; first += block) {
        const count = Math.min(block, rows - first);
        pack(left, 0, a, aOffset + item * aBatch + first * aRow, aRow, aColumn, count, inner);
        multiply(left, right, 0, product, count, columns, inner, false);
        for (let row = 0; row < count; row++) {
          const from = row * stride;
          const to = (item * rows + first + row) * columns;
          if (hasBias) {
            const biasFrom = biasOffset + item * biasBatch;
            for (let column = 0; column < columns; column++)
              product[from + column] += bias[biasFrom + column];
          }
          if (storeZ)
            for (let column = 0; column < columns; column++) z[to + column] = product[from + column];
          activate(activation, product, from, from + columns);
          for (let column = 0; column < columns; column++) y[to + column] = product[from + column];
        }
      }
    }
  };
};

/** y [outer, picks, inner] = x [outer, entries, inner] at `index`; an index outside the entries gives NaN. */
export const gather: CpuKernel<typeof kernels.gather> = (call) => {
  const { outer, entries, picks, inner } = call.params;
  const x = call.floats('x');
  const index = call.floats('index');
  const y = call.floats('y');
  return () => {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < picks * inner; i++) {
        const entry = index[o * picks * inner + i];
        const inside = entry >= 0 && entry < entries;
        y[o * picks * inner + i] = inside
          ? x[(o * entries + Math.trunc(entry)) * inner + (i % inner)]
          : Number.NaN;
      }
    }
  };
};

/** y [outer, entries, inner] = 0, then y at `index` += x [outer, picks, inner]; an index outside adds nowhere. */
export const scatterAdd: CpuKernel<typeof kernels.scatterAdd> = (call) => {
  const { outer, entries, picks, inner } = call.params;
  const x = call.floats('x');
  const index = call.floats('index');
  const y = call.floats('y');
  const size = outer * entries * inner;
  // Sums stay in float64 until all terms are in, as in every other kernel.
  const total = call.scratch.take('scatter', size);
  return () => {
    total.fill(0, 0, size);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < picks * inner; i++) {
        const entry = index[o * picks * inner + i];
        if (!(entry >= 0 && entry < entries)) continue;
        total[(o * entries + Math.trunc(entry)) * inner + (i % inner)] += x[o * picks * inner + i];
      }
    }
    for (let i = 0; i < size; i++) y[i] = total[i];
  };
};

/** y = x. */
export const assign: CpuKernel<typeof kernels.assign> = (call) => {
  const { count } = call.params;
  const x = call.values('x');
  const y = call.values('y');
  return () => {
    for (let i = 0; i < count; i++) y[i] = x[i];
  };
};
