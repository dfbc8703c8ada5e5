/** A tensor's extents, outermost first, e.g. `[batch, actions]`. `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** The NumPy broadcast of two shapes, or `undefined` when they do not broadcast. */
export function broadcastShapes(a: Shape, b: Shape): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    result[i] = left === 1 ? right : left;
  }
  return result;
}

/** Axes of `to` over which a tensor of shape `from` is repeated when broadcast. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  const axes: number[] = [];
  const pad = to.length - from.length;
  for (let axis = 0; axis < to.length; axis++) {
    if (axis < pad || (from[axis - pad] === 1 && to[axis] !== 1)) axes.push(axis);
  }
  return axes;
}

/** `-1` counts from the end; returns `undefined` when out of range. */
export function normalizeAxis(axis: number, rank: number): number | undefined {
  const result = axis < 0 ? axis + rank : axis;
  return Number.isInteger(result) && result >= 0 && result < rank ? result : undefined;
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
