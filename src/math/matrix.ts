// Small dense matrices in float64, as rows: for closed forms on the host, not for networks.

import { NumericsError, ShapeError } from '../errors.ts';

/** [rows][columns] */
export type Matrix = readonly (readonly number[])[];

/** Xᵀ. */
export const transposed = (x: Matrix): number[][] => x[0].map((_, j) => x.map((row) => row[j]));

/** X Y. @throws ShapeError when the inner sizes differ */
export function product(x: Matrix, y: Matrix): number[][] {
  if (x[0].length !== y.length)
    throw new ShapeError(
      `A matrix of ${x.length}×${x[0].length} cannot be multiplied by one of ${y.length}×${y[0].length}.`,
    );
  return x.map((row) => y[0].map((_, j) => row.reduce((total, value, k) => total + value * y[k][j], 0)));
}

/** X + factor · Y. */
export const plus = (x: Matrix, y: Matrix, factor = 1): number[][] =>
  x.map((row, i) => row.map((value, j) => value + factor * y[i][j]));

/**
 * L of X = L Lᵀ, lower triangular; only the lower half of X is read.
 *
 * @throws NumericsError when X is not positive definite
 */
export function cholesky(x: Matrix): number[][] {
  const n = x.length;
  const lower = x.map(() => new Array<number>(n).fill(0));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = x[i][j];
      for (let k = 0; k < j; k++) rest -= lower[i][k] * lower[j][k];
      if (i !== j) lower[i][j] = rest / lower[j][j];
      else if (rest > 0) lower[i][i] = Math.sqrt(rest);
      else throw new NumericsError(`A matrix is not positive definite: pivot ${i} is ${rest}.`);
    }
  }
  return lower;
}

/** X⁻¹ Y for a positive definite X, from its Cholesky factor. */
export function solveCholesky(lower: Matrix, y: Matrix): number[][] {
  const n = lower.length;
  const solution = y.map((row) => [...row]);
  for (let column = 0; column < y[0].length; column++) {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) solution[i][column] -= lower[i][k] * solution[k][column];
      solution[i][column] /= lower[i][i];
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) solution[i][column] -= lower[k][i] * solution[k][column];
      solution[i][column] /= lower[i][i];
    }
  }
  return solution;
}

/** The matrix with ones on its diagonal. */
export const identity = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
