import { formatShape, normalizeAxis, type Shape, sameShape } from '../math/shape.ts';
import { requireTensors, shapeError, type Tensor, type TensorType } from './tensor.ts';

/** The type of one f32 output. */
export const plain = (shape: Shape): TensorType[] => [{ shape, dtype: 'f32' }];

/** Entries of an axis at most whose numbers are tensors: float32 holds no odd number past them. */
export const MOST_INDEXED = 2 ** 24;
export const tooLongToIndex = 'the axis has more than 2^24 entries, whose numbers float32 cannot hold';

/** `-1` counts from the end. @throws ShapeError when there is no such axis */
export function axisOf(op: string, x: Tensor, axis: number): number {
  requireTensors(op, x);
  const result = normalizeAxis(axis, x.shape.length);
  if (result === undefined) throw shapeError(op, [x], `axis ${axis} does not exist`);
  return result;
}

/** Demands equal shapes where broadcasting would hide a mistake, as `[batch]` against `[batch, 1]` in a loss. */
export function requireShape(op: string, x: Tensor, shape: Shape, name: string): Tensor {
  if (!sameShape(x.shape, shape)) throw shapeError(op, [x], `${name} must have shape ${formatShape(shape)}`);
  return x;
}
