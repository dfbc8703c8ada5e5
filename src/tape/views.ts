import { UsageError } from '../errors.ts';
import { broadcastShapes, formatShape, type Shape, sameShape, sizeOf } from '../math/shape.ts';
import { add } from './elementwise.ts';
import { axisOf, plain } from './shapes.ts';
import { type Op, record, requireTensors, shapeError, type Tensor } from './tensor.ts';

// Views move no data: a kernel reads through them, and only what no kernel can read as it lies is copied.

export const reshapeOp: Op<Shape> = {
  name: 'reshape',
  words: [0],
  infer: ([x], shape) => [{ shape, dtype: x.dtype }],
  view: (shape) => ({ kind: 'reshape', shape }),
  vjp: ({ cotangents: [g], inputs: [x] }) => [g && reshape(g, x.shape)],
};

/** The same elements in row-major order under another shape; one extent may be −1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  requireTensors('reshape', x);
  const known = sizeOf(shape.filter((extent) => extent !== -1));
  const full = shape.map((extent) => (extent === -1 ? x.size / known : extent));
  if (sizeOf(full) !== x.size || full.some((extent) => !Number.isInteger(extent))) {
    throw shapeError('reshape', [x], `${x.size} elements do not fill ${formatShape(shape)}`);
  }
  return sameShape(full, x.shape) ? x : record(reshapeOp, [x], full);
}

export const transposeOp: Op<readonly number[]> = {
  name: 'transpose',
  words: [0],
  infer: ([x], permutation) => [{ shape: permutation.map((axis) => x.shape[axis]), dtype: x.dtype }],
  view: (permutation) => ({ kind: 'transpose', permutation }),
  vjp: ({ cotangents: [g], attributes }) => [
    g &&
      transpose(
        g,
        attributes.map((_, axis) => attributes.indexOf(axis)),
      ),
  ],
};

/** Axis n of the result is axis `permutation[n]` of x; without a permutation the last two axes swap. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  requireTensors('transpose', x);
  const rank = x.shape.length;
  const order =
    permutation ?? [...x.shape.keys()].map((axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  if (
    order.length !== rank ||
    new Set(order).size !== rank ||
    order.some((axis) => axis < 0 || axis >= rank)
  ) {
    throw shapeError('transpose', [x], `[${order}] is not a permutation of its ${rank} axes`);
  }
  return record(transposeOp, [x], order);
}

export const broadcastOp: Op<Shape> = {
  name: 'broadcastTo',
  words: [0],
  infer: ([x], shape) => [{ shape, dtype: x.dtype }],
  view: (shape) => ({ kind: 'broadcast', shape }),
  vjp: ({ cotangents }) => [cotangents[0]],
};

/** x repeated to `shape`, by NumPy's rule. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  requireTensors('broadcastTo', x);
  const joined = broadcastShapes(x.shape, shape);
  if (!joined || !sameShape(joined, shape))
    throw shapeError('broadcastTo', [x], `cannot be repeated to ${formatShape(shape)}`);
  return sameShape(x.shape, shape) ? x : record(broadcastOp, [x], shape);
}

interface Window {
  readonly begin: readonly number[];
  readonly size: readonly number[];
  readonly step: readonly number[];
}

export const sliceOp: Op<Window> = {
  name: 'slice',
  words: [0],
  infer: ([x], { size }) => [{ shape: size, dtype: x.dtype }],
  view: (window) => ({ kind: 'slice', ...window }),
  vjp: ({ cotangents: [g], inputs: [x], attributes }) => [
    g && record(padOp, [g], { ...attributes, size: x.shape }),
  ],
};

export const padOp: Op<Window> = {
  name: 'pad',
  infer: (_inputs, { size }) => plain(size),
  view: (window) => ({ kind: 'pad', ...window }),
  vjp: ({ cotangents: [g], inputs: [x], attributes }) => [
    g && record(sliceOp, [g], { ...attributes, size: x.shape }),
  ],
};

/** `x[begin:end:step]` on each axis; `end` is exclusive, `step` at least 1. */
export function slice(
  x: Tensor,
  begin: readonly number[],
  end: readonly number[],
  step?: readonly number[],
): Tensor {
  requireTensors('slice', x);
  const steps = step ?? begin.map(() => 1);
  if (begin.length !== x.shape.length || end.length !== begin.length || steps.length !== begin.length) {
    throw shapeError(
      'slice',
      [x],
      `begin [${begin}], end [${end}] and step [${steps}] need one entry an axis`,
    );
  }
  x.shape.forEach((extent, axis) => {
    if (!(begin[axis] >= 0 && begin[axis] <= end[axis] && end[axis] <= extent && steps[axis] >= 1)) {
      throw shapeError(
        'slice',
        [x],
        `axis ${axis}: ${begin[axis]}:${end[axis]}:${steps[axis]} is outside its ${extent} entries`,
      );
    }
  });
  const size = begin.map((from, axis) => Math.ceil((end[axis] - from) / steps[axis]));
  return record(sliceOp, [x], { begin, size, step: steps });
}

/** One entry range of one axis. */
export function sliceAxis(x: Tensor, axis: number, begin: number, end: number): Tensor {
  const at = axisOf('slice', x, axis);
  return slice(
    x,
    x.shape.map((_, i) => (i === at ? begin : 0)),
    x.shape.map((extent, i) => (i === at ? end : extent)),
  );
}

/** The tensors one after the other along `axis`; their other extents must agree. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  if (tensors.length === 0) throw new UsageError('concat needs at least one tensor');
  const first = tensors[0];
  const at = axisOf('concat', first, axis);
  for (const tensor of tensors) {
    if (
      tensor.shape.length !== first.shape.length ||
      tensor.shape.some((extent, i) => i !== at && extent !== first.shape[i])
    ) {
      throw shapeError('concat', tensors, `only axis ${at} may differ`);
    }
  }
  const total = tensors.reduce((sum, tensor) => sum + tensor.shape[at], 0);
  const size = first.shape.map((extent, i) => (i === at ? total : extent));
  const step = size.map(() => 1);
  let from = 0;
  let result: Tensor | undefined;
  for (const tensor of tensors) {
    const begin = size.map((_, i) => (i === at ? from : 0));
    const padded = tensors.length === 1 ? tensor : record(padOp, [tensor], { begin, size, step });
    result = result ? add(result, padded) : padded;
    from += tensor.shape[at];
  }
  return result as Tensor;
}

/** The tensors along a new axis. */
export function stack(tensors: readonly Tensor[], axis: number): Tensor {
  const rank = tensors[0].shape.length + 1;
  const at = axis < 0 ? axis + rank : axis;
  const expand = (x: Tensor) => reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
  return concat(tensors.map(expand), at);
}

export const stopGradientOp: Op<null> = {
  name: 'stopGradient',
  words: [0],
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  view: () => ({ kind: 'alias' }),
  vjp: () => [undefined],
};

/** The same value, through which no gradient passes. */
export function stopGradient(x: Tensor): Tensor {
  return record(stopGradientOp, [x], null);
}
