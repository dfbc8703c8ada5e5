import { matrix, multiply } from 'mathjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PhiloxStream } from '../../src/math/philox.ts';
import { close, runKernel } from '../helpers/cpu-run.ts';

const random = new PhiloxStream(1);
const normals = (count: number) => Float64Array.from({ length: count }, () => random.nextNormal());
const rowsOf = (data: ArrayLike<number>, rows: number, columns: number, offset = 0) =>
  Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => data[offset + r * columns + c]),
  );

const plain = (batch: number, rows: number, columns: number, inner: number) => ({
  batch,
  rows,
  columns,
  inner,
  aOffset: 0,
  aBatch: rows * inner,
  aRow: inner,
  aColumn: 1,
  bOffset: 0,
  bBatch: inner * columns,
  bRow: columns,
  bColumn: 1,
});

for (const [rows, columns, inner] of [
  [1, 1, 1],
  [3, 5, 2],
  [4, 4, 4],
  [63, 9, 17],
  [64, 8, 16],
  [65, 7, 33],
  [130, 31, 5],
]) {
  test(`matmul [${rows}, ${inner}]·[${inner}, ${columns}] equals mathjs`, async () => {
    const a = normals(2 * rows * inner);
    const b = normals(2 * inner * columns);
    const { y } = await runKernel('matmul', plain(2, rows, columns, inner), { a, b, y: 2 * rows * columns });
    for (const item of [0, 1]) {
      const expected = multiply(
        matrix(rowsOf(a, rows, inner, item * rows * inner)),
        matrix(rowsOf(b, inner, columns, item * inner * columns)),
      ).toArray() as number[][];
      close(y.slice(item * rows * columns, (item + 1) * rows * columns), expected.flat(), 'y');
    }
  });
}

test('matmul reads transposed, offset and repeated operands', async () => {
  const [rows, columns, inner] = [6, 3, 5];
  const a = normals(2 + inner * rows); // stored [inner, rows] after two elements
  const b = normals(columns * inner); // stored [columns, inner], shared by both items
  const params = {
    ...plain(2, rows, columns, inner),
    ...{ aOffset: 2, aBatch: 0, aRow: 1, aColumn: rows, bBatch: 0, bRow: 1, bColumn: inner },
  };
  const { y } = await runKernel('matmul', params, { a, b, y: 2 * rows * columns });
  const expected: number[] = [];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[2 + k * rows + r] * b[c * inner + k];
      expected.push(sum);
    }
  }
  close(y, [...expected, ...expected], 'y');
});

test('matmul adds a bias, stores the sum, and applies the activation', async () => {
  const [rows, columns, inner] = [5, 6, 3];
  const [a, b, bias] = [normals(rows * inner), normals(inner * columns), normals(1 + columns)];
  const size = rows * columns;
  const params = { ...plain(1, rows, columns, inner), biasOffset: 1, hasBias: 1, activation: 2, storeZ: 1 };
  const { y, z } = await runKernel('matmul', params, { a, b, bias, y: size, z: size });
  const product = (multiply(rowsOf(a, rows, inner), rowsOf(b, inner, columns)) as number[][]).flat();
  const expected = product.map((v, i) => v + bias[1 + (i % columns)]);
  close(z, expected, 'z');
  close(y, expected.map(Math.tanh), 'y');
});

test('matmul keeps a NaN in its row, also against zeros', async () => {
  const { y } = await runKernel('matmul', plain(1, 2, 2, 2), {
    a: [Number.NaN, 1, 2, 3],
    b: [0, 0, 0, 0],
    y: 4,
  });
  close(y, [Number.NaN, Number.NaN, 0, 0], 'y');
});

test('gather picks entries, and NaN outside; scatter_add is its transpose', async () => {
  const params = { outer: 2, entries: 3, picks: 4, inner: 2 };
  const x = Float64Array.from({ length: 12 }, (_, i) => i);
  const index = [0, 2, 1, 1, 2, 0, 0, 0, 2, 2, 2, 1, -1, 3, Number.NaN, 0];
  const { y } = await runKernel('gather', params, { x, index, y: 16 });
  const none = Number.NaN;
  close(y, [0, 5, 2, 3, 4, 1, 0, 1, 10, 11, 10, 9, none, none, none, 7], 'gather');
  const g = Float64Array.from({ length: 16 }, (_, i) => 1 + i);
  const scattered = await runKernel('scatter_add', params, { x: g, index, y: 12 });
  close(scattered.y, [1 + 7, 6 + 8, 3, 4, 5, 2, 0, 16, 0, 12, 9 + 11, 10], 'scatter_add');
});

test('assign copies its count and no more', async () => {
  const { y } = await runKernel('assign', { count: 2 }, { x: [1, 2, 3], y: [7, 8, 9] }, 'f32');
  assert.equal([...y], [1, 2, 9]);
});

test.run();
