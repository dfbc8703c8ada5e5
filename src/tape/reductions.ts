import { quoted } from '../errors.ts';
import { constant, div, equal, exp, mul, sub } from './elementwise.ts';
import { axisOf, MOST_INDEXED, plain, tooLongToIndex } from './shapes.ts';
import { type Op, record, requireTensor, shapeError, type Tensor } from './tensor.ts';
import { broadcastTo, reshape, stopGradient } from './views.ts';

/** How a reduction puts elements together. */
export type ReductionKind = 'sum' | 'max' | 'min' | 'logSumExp' | 'argMax';
export interface Reduction {
  readonly kind: ReductionKind;
  readonly axes: readonly number[];
  /** Of logSumExp: the largest value is 0, beside which the result is rounded by less than it matters. */
  readonly shifted?: boolean;
}

/** Keeps reduced axes with extent 1; {@link reduce} drops them by a reshape. */
export const reduceOp: Op<Reduction> = {
  name: 'reduce',
  infer: ([x], { axes }) => plain(x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))),
  reduction: true,
  vjp: ({ cotangents: [g], inputs: [x], outputs: [y], attributes: { kind, axes, shifted } }) => {
    if (!g) return [undefined];
    switch (kind) {
      case 'sum':
        return [broadcastTo(g, x.shape)];
      case 'max':
      case 'min': {
        const ties = equal(x, y);
        return [mul(ties, div(g, record(reduceOp, [ties], { kind: 'sum', axes })))];
      }
      case 'logSumExp': {
        const shares = exp(sub(x, y));
        // Where y is large its rounding is a factor of all of them: they add up to 1 only once divided by their sum.
        return [mul(shares, shifted ? g : div(g, record(reduceOp, [shares], { kind: 'sum', axes })))];
      }
      case 'argMax':
        return [undefined];
      default:
        return kind satisfies never;
    }
  },
};

/** One axis, several, or all (null); −1 is the last. */
export type Axes = number | readonly number[] | null;

function reduce(
  kind: ReductionKind,
  x: Tensor,
  axis: Axes,
  { keepDims, shifted = false }: { readonly keepDims: boolean; readonly shifted?: boolean },
): Tensor {
  requireTensor(kind, x);
  const asked = axis === null ? [...x.shape.keys()] : typeof axis === 'number' ? [axis] : axis;
  if (!Array.isArray(asked))
    throw shapeError(kind, [x], `axes are a number, a list of numbers or null; got ${quoted(axis)}`);
  const axes = asked.map((a) => axisOf(kind, x, a));
  if (new Set(axes).size < axes.length) throw shapeError(kind, [x], `the axes [${asked}] name one twice`);
  if (axes.length === 0) return x;
  if (axes.some((a) => x.shape[a] === 0) && kind !== 'sum')
    throw shapeError(kind, [x], 'an empty axis has no such value');
  if (kind === 'argMax' && axes.some((a) => x.shape[a] > MOST_INDEXED))
    throw shapeError(kind, [x], tooLongToIndex);
  const shape = x.shape
    .map((extent, a) => (axes.includes(a) ? 1 : extent))
    .filter((_, a) => keepDims || !axes.includes(a));
  // Over axes of extent 1 nothing is left to fold.
  if (axes.every((a) => x.shape[a] === 1))
    return kind === 'argMax' ? broadcastTo(constant(0), shape) : reshape(x, shape);
  return reshape(record(reduceOp, [x], { kind, axes, ...(shifted ? { shifted } : {}) }), shape);
}

/** Sum over `axis`: all when absent, else these, which are gone from the shape unless `keepDims`. @throws ShapeError for no such axis */
export const sum = (x: Tensor, axis: Axes = null, keepDims = false): Tensor =>
  reduce('sum', x, axis, { keepDims });
/** Maximum; ties share the cotangent evenly. */
export const max = (x: Tensor, axis: Axes = null, keepDims = false): Tensor =>
  reduce('max', x, axis, { keepDims });
/** Minimum; ties share the cotangent evenly. */
export const min = (x: Tensor, axis: Axes = null, keepDims = false): Tensor =>
  reduce('min', x, axis, { keepDims });
/** log Σ exp(x), without overflow. */
export const logSumExp = (x: Tensor, axis: Axes = null, keepDims = false): Tensor =>
  reduce('logSumExp', x, axis, { keepDims });
/** Index of the first maximum along one axis, as a whole number in an f32 tensor; a NaN counts as −∞. No gradient. */
export const argMax = (x: Tensor, axis: number, keepDims = false): Tensor =>
  reduce('argMax', x, axis, { keepDims });

/** Mean over `axis`: all when absent, as for {@link sum}. @throws ShapeError for no such axis */
export function mean(x: Tensor, axis: Axes = null, keepDims = false): Tensor {
  const total = sum(x, axis, keepDims);
  return mul(total, total.size / x.size);
}

/** log mean exp over `axis`: logSumExp − log n. */
export function logMeanExp(x: Tensor, axis: Axes = null, keepDims = false): Tensor {
  const total = logSumExp(x, axis, keepDims);
  return sub(total, Math.log(x.size / total.size));
}

/**
 * x − logSumExp(x) along `axis`. The maximum goes first: beside a large one, the rounding of logSumExp itself would
 * be a relative error of every probability.
 */
export function logSoftmax(x: Tensor, axis: number): Tensor {
  const shifted = sub(x, stopGradient(max(x, axis, true)));
  return sub(shifted, reduce('logSumExp', shifted, axis, { keepDims: true, shifted: true }));
}
/** exp(x)/Σ exp(x) along `axis`, without overflow. */
export const softmax = (x: Tensor, axis: number): Tensor => exp(logSoftmax(x, axis));
