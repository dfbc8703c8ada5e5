import { gather as gatherKernel, scatterAdd } from '../kernels/index.ts';
import { type Shape, sizeOf } from '../math/shape.ts';
import { axisOf, MOST_INDEXED, plain, tooLongToIndex } from './shapes.ts';
import {
  callOf,
  inputAt,
  type Op,
  outputAt,
  record,
  requireTensors,
  shapeError,
  type Tensor,
} from './tensor.ts';
import { broadcastTo, reshape } from './views.ts';

/** Inputs x [outer, entries, inner] and index [outer, picks, inner]. */
export const gatherOp: Op<null> = {
  name: 'gather',
  infer: ([, index]) => plain(index.shape),
  vjp: ({ cotangents: [g], inputs: [x, index] }) => [
    g && record(scatterAddOp, [g, index], x.shape[1]),
    undefined,
  ],
  call: ({ node }) => gatherCall(gatherKernel, node.inputs[0].shape[1], node.outputs[0].shape),
};

/** Adds g [outer, picks, inner] into zeros [outer, entries, inner]; repeated indices accumulate. */
export const scatterAddOp: Op<number> = {
  name: 'scatterAdd',
  infer: ([g], entries) => plain([g.shape[0], entries, g.shape[2]]),
  vjp: ({ cotangents: [g], inputs: [, index] }) => [g && record(gatherOp, [g, index], null), undefined],
  call: ({ node, attributes }) => gatherCall(scatterAdd, attributes, node.inputs[0].shape),
};

const gatherCall = (
  kernel: typeof gatherKernel | typeof scatterAdd,
  entries: number,
  [outer, picks, inner]: Shape,
) => callOf(kernel, { x: inputAt(0), index: inputAt(1), y: outputAt(0) }, { outer, entries, picks, inner });

/**
 * `y[..., j, ...] = x[..., index[..., j, ...], ...]` along `axis`; the index has x's other extents.
 * Indices are whole numbers in an f32 tensor, which is why the axis has at most 2^24 entries; one outside gives NaN.
 */
export function gather(x: Tensor, index: Tensor, axis: number): Tensor {
  requireTensors('gather', index);
  const at = axisOf('gather', x, axis);
  if (
    index.shape.length !== x.shape.length ||
    index.shape.some((extent, i) => i !== at && extent !== x.shape[i])
  ) {
    throw shapeError('gather', [x, index], `the index must match x on every axis but ${at}`);
  }
  if (x.shape[at] > MOST_INDEXED) throw shapeError('gather', [x, index], tooLongToIndex);
  const outer = sizeOf(x.shape.slice(0, at));
  const inner = sizeOf(x.shape.slice(at + 1));
  const flat = record(
    gatherOp,
    [reshape(x, [outer, x.shape[at], inner]), reshape(index, [outer, index.shape[at], inner])],
    null,
  );
  return reshape(flat, index.shape);
}

/** Rows `index [picks]` of x along `axis`. */
export function indexSelect(x: Tensor, index: Tensor, axis: number): Tensor {
  requireTensors('indexSelect', index);
  const at = axisOf('indexSelect', x, axis);
  if (index.shape.length !== 1) throw shapeError('indexSelect', [x, index], 'the index must have one axis');
  const shape = x.shape.map((extent, i) => (i === at ? index.size : extent));
  return gather(
    x,
    broadcastTo(
      reshape(
        index,
        shape.map((_, i) => (i === at ? index.size : 1)),
      ),
      shape,
    ),
    at,
  );
}
