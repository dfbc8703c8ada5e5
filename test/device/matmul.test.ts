// Products of matrices by the kernel alone, against sums of whole numbers, which float32 holds exactly: every edge of a tile,
// any strides, sums past every block. How long sums round: sums.test.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/backend/backend.ts';
import { BackendError } from '../../src/errors.ts';
import { activations, MATMUL_TILE } from '../../src/kernels/index.ts';
import { Data, openTested, runKernelOn } from '../helpers/kernel-run.ts';

let backend: Backend;
test.before(async () => {
  backend = await openTested();
});
test.after(() => backend.dispose());

interface Strides {
  readonly aOffset: number;
  readonly aBatch: number;
  readonly aRow: number;
  readonly aColumn: number;
  readonly bOffset: number;
  readonly bBatch: number;
  readonly bRow: number;
  readonly bColumn: number;
}
type Sizes = readonly [batch: number, rows: number, columns: number, inner: number];

/** Row by row, one matrix after another. */
const inOrder = ([, rows, columns, inner]: Sizes): Strides => ({
  ...{ aOffset: 0, aBatch: rows * inner, aRow: inner, aColumn: 1 },
  ...{ bOffset: 0, bBatch: inner * columns, bRow: columns, bColumn: 1 },
});

/** Elements that strides reach. */
const reach = (offset: number, ...axes: readonly (readonly [stride: number, count: number])[]): number =>
  axes.reduce((last, [stride, count]) => last + stride * (count - 1), offset) + 1;

/** What follows y in its buffer, and must stay. */
const GUARD = 99;

/** Runs the kernel over whole numbers and compares every element with the sum that it stands for. */
async function compare(
  sizes: Sizes,
  strides: Strides,
  { bias = false, z = false, activation = 'identity' as (typeof activations)[number], most = 3 } = {},
): Promise<void> {
  const [batch, rows, columns, inner] = sizes;
  const data = new Data(rows + 7 * columns + 31 * inner);
  const whole = (count: number) => data.integers(count, 2 * most + 1).map((x) => x - most);
  const { aOffset, aBatch, aRow, aColumn, bOffset, bBatch, bRow, bColumn } = strides;
  const a = whole(reach(aOffset, [aBatch, batch], [aRow, rows], [aColumn, inner]));
  const b = whole(reach(bOffset, [bBatch, batch], [bRow, inner], [bColumn, columns]));
  const added = whole(2 + batch * columns);
  const count = batch * rows * columns;
  const out = () => new Float32Array(count + 5).fill(GUARD);
  const params = {
    ...{ batch, rows, columns, inner, ...strides, biasOffset: 2, biasBatch: columns },
    ...{ hasBias: Number(bias), storeZ: Number(z), activation: activations.indexOf(activation) },
  };
  const bindings = { a, b, bias: bias ? added : undefined, y: out(), z: z ? out() : undefined };
  const found = await runKernelOn(backend, 'matmul', params, bindings);
  const what = `${JSON.stringify(params)}`;
  for (let i = 0; i < count; i++) {
    const [matrix, row, column] = [
      Math.floor(i / (rows * columns)),
      Math.floor(i / columns) % rows,
      i % columns,
    ];
    let sum = bias ? added[2 + matrix * columns + column] : 0;
    for (let k = 0; k < inner; k++)
      sum +=
        a[aOffset + matrix * aBatch + row * aRow + k * aColumn] *
        b[bOffset + matrix * bBatch + k * bRow + column * bColumn];
    const expected = activation === 'relu' ? Math.max(0, sum) : sum;
    if (found.y[i] !== expected) assert.is(found.y[i], expected, `y[${i}] of ${what}`);
    if (z && found.z[i] !== sum) assert.is(found.z[i], sum, `z[${i}] of ${what}`);
  }
  for (const each of z ? [found.y, found.z] : [found.y])
    assert.equal([...each.slice(count)], Array(5).fill(GUARD), `past the end of ${what}`);
}

test('every edge of a tile: one below, at and one past it, and primes', async () => {
  const { rows: tall, columns: wide } = MATMUL_TILE;
  const edges = (tile: number) => [1, 3, tile / 2 - 1, tile / 2, tile / 2 + 1, tile - 1, tile, tile + 1];
  for (const rows of [...edges(tall), 131])
    for (const columns of [1, wide - 1, wide, wide + 1, 67])
      await compare([1, rows, columns, 5], inOrder([1, rows, columns, 5]), { bias: rows % 2 === 1 });
  for (const columns of edges(tall))
    await compare([3, 9, columns, 7], inOrder([3, 9, columns, 7]), { z: true });
});

test('bias, activation and what lies before it', async () => {
  for (const sizes of [
    [1, 1, 1, 1],
    [2, 33, 31, 63],
    [3, 65, 33, 64],
    [2, 64, 32, 65],
  ] as const)
    for (const bias of [false, true])
      for (const z of [false, true]) await compare(sizes, inOrder(sizes), { bias, z, activation: 'relu' });
});

test('transposed, repeated, spaced and shifted matrices', async () => {
  const sizes: Sizes = [3, 35, 37, 11];
  const [, rows, columns, inner] = sizes;
  const plain = inOrder(sizes);
  const ways: Readonly<Record<string, Partial<Strides>>> = {
    'a transposed': { aRow: 1, aColumn: rows },
    'b transposed': { bRow: 1, bColumn: inner },
    'both transposed': { aRow: 1, aColumn: rows, bRow: 1, bColumn: inner },
    'one a for all': { aBatch: 0 },
    'one b for all': { bBatch: 0 },
    'one row of a': { aRow: 0, aBatch: inner },
    'one column of b': { bColumn: 0, bRow: 1, bBatch: inner },
    'one element a row': { aColumn: 0, aRow: 1, aBatch: rows },
    'rows with gaps': { aRow: inner + 3, aBatch: rows * (inner + 3), bRow: columns + 2, bBatch: 500 },
    'elements with gaps': {
      aColumn: 2,
      aRow: 2 * inner,
      aBatch: 2 * rows * inner,
      bColumn: 3,
      bRow: 3 * columns,
    },
    'from the midst': { aOffset: 13, bOffset: 7 },
  };
  for (const way of Object.values(ways)) await compare(sizes, { ...plain, ...way }, { bias: true });
});

test('sums past every block', async () => {
  for (const inner of [1, 2, 127, 128, 129, 16_383, 16_384, 16_385, 40_001]) {
    const sizes: Sizes = [1, 9, 5, inner];
    // Of ones and minus ones: no partial sum passes 2^24.
    await compare(sizes, inOrder(sizes), { most: 1 });
  }
});

test('more terms than a driver loops: right, or refused by name', async () => {
  const inner = 100_003;
  const params = {
    ...{ batch: 1, rows: 1, columns: 1, inner, aOffset: 0, aBatch: 0, aRow: inner, aColumn: 1 },
    ...{ bOffset: 0, bBatch: 0, bRow: 1, bColumn: 1, biasOffset: 0, biasBatch: 0 },
    ...{ hasBias: 0, activation: 0, storeZ: 0 },
  };
  const ones = new Float32Array(inner).fill(1);
  const outcome = await runKernelOn(backend, 'matmul', params, { a: ones, b: ones, y: 1 }).catch(
    (error: Error) => error,
  );
  if (outcome instanceof Error) {
    // Mesa's software drivers end all loops of an invocation after so many passes.
    assert.instance(outcome, BackendError);
    assert.match(outcome.message, /^'matmul' goes through up to \d+ passes .* after 65535 .*llvmpipe/);
  } else assert.is(outcome.y[0], inner);
});

test('a batch, rows and columns past 65,535', async () => {
  for (const sizes of [
    [65_537, 2, 3, 2],
    [1, 65_537, 3, 2],
    [1, 3, 65_537, 2],
  ] as const)
    await compare(sizes, inOrder(sizes));
});

test.run();
