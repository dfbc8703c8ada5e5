// Small matrices against what is written out.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NumericsError, ShapeError } from '../../src/errors.ts';
import { cholesky, identity, plus, product, solveCholesky, transposed } from '../../src/math/matrix.ts';

const x = [
  [1, 2, 3],
  [4, 5, 6],
];

test('products, sums and transposes', () => {
  assert.equal(transposed(x), [
    [1, 4],
    [2, 5],
    [3, 6],
  ]);
  assert.equal(product(x, transposed(x)), [
    [14, 32],
    [32, 77],
  ]);
  assert.equal(plus(x, [x[1], x[0]], -1), [
    [-3, -3, -3],
    [3, 3, 3],
  ]);
  assert.equal(product(x, identity(3)), x);
  assert.throws(
    () => product(x, x),
    (error: unknown) => error instanceof ShapeError && /2×3.*2×3/.test(error.message),
  );
  assert.throws(
    () => product(transposed(x), transposed(x)),
    (error: unknown) => error instanceof ShapeError,
  );
});

test('a positive definite matrix is factored and solved with; a singular one is refused', () => {
  const lower = cholesky([
    [4, 2],
    [2, 10],
  ]);
  assert.equal(lower, [
    [2, 0],
    [1, 3],
  ]);
  // [4 2; 2 10] [1; −1] = [2; −8]
  const [[first], [second]] = solveCholesky(lower, [[2], [-8]]);
  assert.ok(Math.abs(first - 1) < 1e-15 && Math.abs(second + 1) < 1e-15);
  for (const bad of [
    [[0]],
    [
      [1, 2],
      [2, 4],
    ],
    [
      [1, 2],
      [2, 1],
    ],
  ]) {
    assert.throws(
      () => cholesky(bad),
      (error: unknown) =>
        error instanceof NumericsError && /not positive definite: pivot/.test(error.message),
    );
  }
});

test.run();
