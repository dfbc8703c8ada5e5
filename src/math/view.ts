import { type Shape, sameShape, sizeOf, stridesOf } from './shape.ts';

/**
 * How the elements of a logical tensor lie in a buffer: element `i` is at
 * `offset + Σ_axis stride·(i − begin)/step` where `(i − begin)/step` is a whole number in `[0, count)`,
 * and is zero elsewhere. An axis without padding has begin 0, step 1 and count = size.
 */
export interface ViewAxis {
  readonly size: number;
  readonly stride: number;
  readonly begin: number;
  readonly step: number;
  readonly count: number;
}

/** A tensor as it lies in a buffer: an offset and a stride for each axis. */
export interface View {
  readonly axes: readonly ViewAxis[];
  readonly offset: number;
}

/** The operations that move no data: each maps the view of its input to the view of its output. */
export type ViewOperation =
  | { readonly kind: 'reshape'; readonly shape: Shape }
  | { readonly kind: 'transpose'; readonly permutation: readonly number[] }
  | { readonly kind: 'broadcast'; readonly shape: Shape }
  | {
      readonly kind: 'slice';
      readonly begin: readonly number[];
      readonly size: readonly number[];
      readonly step: readonly number[];
    }
  | {
      readonly kind: 'pad';
      readonly begin: readonly number[];
      readonly size: readonly number[];
      readonly step: readonly number[];
    }
  | { readonly kind: 'alias' };

const plainAxis = (size: number, stride: number): ViewAxis => ({
  size,
  stride,
  begin: 0,
  step: 1,
  count: size,
});

export const isPadded = (axis: ViewAxis): boolean =>
  axis.begin !== 0 || axis.step !== 1 || axis.count !== axis.size;

/** The row-major view of a whole buffer. */
export function contiguousView(shape: Shape, offset = 0): View {
  const strides = stridesOf(shape);
  return { axes: shape.map((size, axis) => plainAxis(size, strides[axis])), offset };
}

export const viewShape = (view: View): number[] => view.axes.map((axis) => axis.size);

/** Whether the view is row-major without gaps (its offset may be anything). */
export function isContiguous(view: View): boolean {
  if (view.axes.some(isPadded)) return false;
  let stride = 1;
  for (let i = view.axes.length - 1; i >= 0; i--) {
    const axis = view.axes[i];
    if (axis.size !== 1 && axis.stride !== stride) return false;
    stride *= axis.size;
  }
  return true;
}

/** Whether the view is its buffer, row by row from the start: what kernels without strides can read. */
export const isPlain = (view: View): boolean => view.offset === 0 && isContiguous(view);

/**
 * Applies a view operation, or returns `undefined` when the result has no such form and the data must be
 * copied (reshaping a transposed view, say).
 */
export function applyView(view: View, operation: ViewOperation): View | undefined {
  switch (operation.kind) {
    case 'alias':
      return view;
    case 'reshape':
      return reshapeView(view, operation.shape);
    case 'transpose':
      return { offset: view.offset, axes: operation.permutation.map((axis) => view.axes[axis]) };
    case 'broadcast': {
      const pad = operation.shape.length - view.axes.length;
      const axes = operation.shape.map((size, i): ViewAxis => {
        const axis = i < pad ? undefined : view.axes[i - pad];
        if (!axis) return plainAxis(size, 0);
        if (axis.size === size) return axis;
        return plainAxis(size, 0);
      });
      // A padded axis of extent 1 may hold a zero; repeating it would lose that.
      if (view.axes.some((axis, i) => isPadded(axis) && axis.size !== operation.shape[i + pad]))
        return undefined;
      return { offset: view.offset, axes };
    }
    case 'slice': {
      let offset = view.offset;
      const axes: ViewAxis[] = [];
      for (let i = 0; i < view.axes.length; i++) {
        const axis = view.axes[i];
        const begin = operation.begin[i];
        const size = operation.size[i];
        const step = operation.step[i];
        if (isPadded(axis)) {
          if (step !== 1) return undefined;
          axes.push({ ...axis, size, begin: axis.begin - begin });
        } else {
          offset += begin * axis.stride;
          axes.push(plainAxis(size, axis.stride * step));
        }
      }
      return { offset, axes };
    }
    case 'pad': {
      if (view.axes.some(isPadded)) return undefined;
      const axes = view.axes.map(
        (axis, i): ViewAxis => ({
          size: operation.size[i],
          stride: axis.stride,
          begin: operation.begin[i],
          step: operation.step[i],
          count: axis.size,
        }),
      );
      return { offset: view.offset, axes };
    }
    default:
      return operation satisfies never;
  }
}

/** Splits and merges axes; fails when a merged pair is not laid out as one axis. */
function reshapeView(view: View, shape: Shape): View | undefined {
  if (sameShape(viewShape(view), shape)) return view;
  if (sizeOf(shape) === 0) return contiguousView(shape, view.offset);
  if (view.axes.some((axis) => axis.size !== 1 && isPadded(axis))) return undefined;
  if (view.axes.some(isPadded)) return undefined;
  const merged: { size: number; stride: number }[] = [];
  for (const axis of view.axes) {
    if (axis.size === 1) continue;
    const last = merged.at(-1);
    if (last && last.stride === axis.stride * axis.size) {
      last.size *= axis.size;
      last.stride = axis.stride;
    } else merged.push({ size: axis.size, stride: axis.stride });
  }
  const axes = new Array<ViewAxis>(shape.length);
  let source = merged.length - 1;
  let left = source >= 0 ? merged[source].size : 1;
  let stride = source >= 0 ? merged[source].stride : 0;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i];
    if (size === 1) {
      axes[i] = plainAxis(1, 0);
      continue;
    }
    if (left === 1 && source > 0) {
      source--;
      left = merged[source].size;
      stride = merged[source].stride;
    }
    if (left % size !== 0) return undefined;
    axes[i] = plainAxis(size, stride);
    stride *= size;
    left /= size;
  }
  return { offset: view.offset, axes };
}
