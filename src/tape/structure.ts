import { UsageError } from '../errors.ts';
import { broadcastShapes, formatShape, normalizeAxis, type Shape, sameShape, sizeOf } from '../math/shape.ts';
import { isPadded, type View } from '../math/view.ts';
import { add, constant, div, equal, exp, mul, type Operand, sub } from './elementwise.ts';
import { currentRecording, type Op, record, shapeError, Tensor } from './tensor.ts';

const plain = (shape: Shape) => [{ shape, dtype: 'f32' as const }];

// ---- views: no data moves -------------------------------------------------------------------------

export const reshapeOp: Op<Shape> = {
  name: 'reshape',
  infer: ([x], shape) => [{ shape, dtype: x.dtype }],
  view: (shape) => ({ kind: 'reshape', shape }),
  vjp: ({ cotangents: [g], inputs: [x] }) => [g && reshape(g, x.shape)],
};

/** The same elements in row-major order under another shape; one extent may be −1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = sizeOf(shape.filter((extent) => extent !== -1));
  const full = shape.map((extent) => (extent === -1 ? x.size / known : extent));
  if (sizeOf(full) !== x.size || full.some((extent) => !Number.isInteger(extent))) {
    throw shapeError('reshape', [x], `${x.size} elements do not fill ${formatShape(shape)}`);
  }
  return sameShape(full, x.shape) ? x : record(reshapeOp, [x], full);
}

export const transposeOp: Op<readonly number[]> = {
  name: 'transpose',
  infer: ([x], permutation) => plain(permutation.map((axis) => x.shape[axis])),
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
  infer: ([x], shape) => [{ shape, dtype: x.dtype }],
  view: (shape) => ({ kind: 'broadcast', shape }),
  vjp: ({ cotangents }) => [cotangents[0]],
};

/** x repeated to `shape`, by NumPy's rule. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
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
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  view: () => ({ kind: 'alias' }),
  vjp: () => [undefined],
};

/** The same value, through which no gradient passes. */
export function stopGradient(x: Tensor): Tensor {
  return record(stopGradientOp, [x], null);
}

// ---- reductions -----------------------------------------------------------------------------------

export type ReductionKind = 'sum' | 'max' | 'min' | 'logSumExp' | 'argMax';
export interface Reduction {
  readonly kind: ReductionKind;
  readonly axes: readonly number[];
}

/** Keeps reduced axes with extent 1; {@link reduce} drops them by a reshape. */
export const reduceOp: Op<Reduction> = {
  name: 'reduce',
  infer: ([x], { axes }) => plain(x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))),
  reduction: true,
  vjp: ({ cotangents: [g], inputs: [x], outputs: [y], attributes: { kind, axes } }) => {
    if (!g) return [undefined];
    switch (kind) {
      case 'sum':
        return [broadcastTo(g, x.shape)];
      case 'max':
      case 'min': {
        const ties = equal(x, y);
        return [mul(ties, div(g, record(reduceOp, [ties], { kind: 'sum', axes })))];
      }
      case 'logSumExp':
        return [mul(g, exp(sub(x, y)))];
      case 'argMax':
        return [undefined];
      default:
        return kind satisfies never;
    }
  },
};

export type Axes = number | readonly number[] | null;

function reduce(kind: ReductionKind, x: Tensor, axis: Axes, keepDims: boolean): Tensor {
  const axes = (axis === null ? [...x.shape.keys()] : typeof axis === 'number' ? [axis] : axis).map((a) =>
    axisOf(kind, x, a),
  );
  if (axes.length === 0) return x;
  if (axes.some((a) => x.shape[a] === 0) && kind !== 'sum')
    throw shapeError(kind, [x], 'an empty axis has no such value');
  const shape = x.shape
    .map((extent, a) => (axes.includes(a) ? 1 : extent))
    .filter((_, a) => keepDims || !axes.includes(a));
  // Over axes of extent 1 nothing is left to fold.
  if (axes.every((a) => x.shape[a] === 1))
    return kind === 'argMax' ? broadcastTo(constant(0), shape) : reshape(x, shape);
  return reshape(record(reduceOp, [x], { kind, axes }), shape);
}

/** Sum over `axis` (a number, several, or null for all). */
export const sum = (x: Tensor, axis: Axes = null, keepDims = false): Tensor =>
  reduce('sum', x, axis, keepDims);
/** Maximum; ties share the cotangent evenly. */
export const max = (x: Tensor, axis: Axes = null, keepDims = false): Tensor =>
  reduce('max', x, axis, keepDims);
/** Minimum; ties share the cotangent evenly. */
export const min = (x: Tensor, axis: Axes = null, keepDims = false): Tensor =>
  reduce('min', x, axis, keepDims);
/** log Σ exp(x), without overflow. */
export const logSumExp = (x: Tensor, axis: Axes = null, keepDims = false): Tensor =>
  reduce('logSumExp', x, axis, keepDims);
/** Index of the first maximum along one axis, as a whole number in an f32 tensor; no gradient. */
export const argMax = (x: Tensor, axis: number, keepDims = false): Tensor =>
  reduce('argMax', x, axis, keepDims);

/** Mean over `axis`. */
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
  return sub(shifted, logSumExp(shifted, axis, true));
}
/** exp(x)/Σ exp(x) along `axis`, without overflow. */
export const softmax = (x: Tensor, axis: number): Tensor => exp(logSoftmax(x, axis));

// ---- matrix product -------------------------------------------------------------------------------

export const matmulOp: Op<null> = {
  name: 'matmul',
  infer: ([a, b]) => {
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    if (!batch || a.shape.at(-1) !== b.shape.at(-2)) {
      throw shapeError(
        'matmul',
        [a, b],
        `columns of the first (${a.shape.at(-1)}) must equal rows of the second (${b.shape.at(-2)}), batch axes broadcast`,
      );
    }
    return plain([...batch, a.shape.at(-2) as number, b.shape.at(-1) as number]);
  },
  vjp: ({ cotangents: [g], inputs: [a, b], needs }) => {
    if (!g) return [undefined, undefined];
    return [needs[0] ? matmul(g, transpose(b)) : undefined, needs[1] ? matmul(transpose(a), g) : undefined];
  },
  accepts: (_i, view) => matrixStrides(view) !== undefined,
  call: ({ node, view }) => {
    const [batch, rows, columns] = flatMatrix(node.outputs[0].shape);
    const a = matrixStrides(view(0)) as MatrixStrides;
    const b = matrixStrides(view(1)) as MatrixStrides;
    return {
      kernel: 'matmul',
      bindings: [{ input: 0 }, { input: 1 }, null, { output: 0 }, null],
      params: {
        batch,
        rows,
        columns,
        inner: node.inputs[0].shape.at(-1) as number,
        aOffset: a.offset,
        aBatch: a.batch,
        aRow: a.row,
        aColumn: a.column,
        bOffset: b.offset,
        bBatch: b.batch,
        bRow: b.row,
        bColumn: b.column,
        biasOffset: 0,
        biasBatch: 0,
        hasBias: 0,
        activation: 0,
        storeZ: 0,
      },
    };
  },
};

interface MatrixStrides {
  readonly offset: number;
  readonly batch: number;
  readonly row: number;
  readonly column: number;
}

/** A view as a batch of strided matrices, if its leading axes lie as one. Extents of 1 may have any stride. */
export function matrixStrides(view: View): MatrixStrides | undefined {
  if (view.axes.some(isPadded)) return undefined;
  const rank = view.axes.length;
  const lead = view.axes.slice(0, rank - 2).filter((axis) => axis.size !== 1);
  for (let i = lead.length - 2; i >= 0; i--) {
    if (lead[i].stride !== lead[i + 1].stride * lead[i + 1].size) return undefined;
  }
  return {
    offset: view.offset,
    batch: lead.at(-1)?.stride ?? 0,
    row: view.axes[rank - 2].stride,
    column: view.axes[rank - 1].stride,
  };
}

export function flatMatrix(shape: Shape): [batch: number, rows: number, columns: number] {
  return [sizeOf(shape.slice(0, -2)), shape.at(-2) as number, shape.at(-1) as number];
}

/**
 * Matrix product over the last two axes; leading axes broadcast. A transposed operand is stored with its last
 * two axes swapped.
 */
export function matmul(a: Tensor, b: Tensor, options: { transA?: boolean; transB?: boolean } = {}): Tensor {
  if (a.shape.length < 2 || b.shape.length < 2)
    throw shapeError('matmul', [a, b], 'both operands need at least two axes');
  const left = options.transA ? transpose(a) : a;
  const right = options.transB ? transpose(b) : b;
  const lead = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2));
  if (!lead) throw shapeError('matmul', [a, b], 'batch axes do not broadcast');
  const widen = (x: Tensor) => (lead.length === 0 ? x : broadcastTo(x, [...lead, ...x.shape.slice(-2)]));
  return record(matmulOp, [widen(left), widen(right)], null);
}

// ---- gather ---------------------------------------------------------------------------------------

/** Inputs x [outer, entries, inner] and index [outer, picks, inner]. */
export const gatherOp: Op<null> = {
  name: 'gather',
  infer: ([, index]) => plain(index.shape),
  vjp: ({ cotangents: [g], inputs: [x, index] }) => [
    g && record(scatterAddOp, [g, index], x.shape[1]),
    undefined,
  ],
  call: ({ node }) => gatherCall('gather', node.inputs[0].shape[1], node.outputs[0].shape),
};

/** Adds g [outer, picks, inner] into zeros [outer, entries, inner]; repeated indices accumulate. */
export const scatterAddOp: Op<number> = {
  name: 'scatterAdd',
  infer: ([g], entries) => plain([g.shape[0], entries, g.shape[2]]),
  vjp: ({ cotangents: [g], inputs: [, index] }) => [g && record(gatherOp, [g, index], null), undefined],
  call: ({ node, attributes }) => gatherCall('scatter_add', attributes, node.inputs[0].shape),
};

const gatherCall = (kernel: string, entries: number, [outer, picks, inner]: Shape) => ({
  kernel,
  bindings: [{ input: 0 }, { input: 1 }, { output: 0 }],
  params: { outer, entries, picks, inner },
});

/**
 * `y[..., j, ...] = x[..., index[..., j, ...], ...]` along `axis`; the index has x's other extents.
 * Indices are whole numbers in an f32 tensor (exact below 2^24); one outside the axis gives NaN.
 */
export function gather(x: Tensor, index: Tensor, axis: number): Tensor {
  const at = axisOf('gather', x, axis);
  if (
    index.shape.length !== x.shape.length ||
    index.shape.some((extent, i) => i !== at && extent !== x.shape[i])
  ) {
    throw shapeError('gather', [x, index], `the index must match x on every axis but ${at}`);
  }
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

// ---- data and inputs ------------------------------------------------------------------------------

/** Values known when the program is recorded. */
export interface Literal {
  readonly values: Float32Array;
  readonly shape: Shape;
}

export const literalOp: Op<Literal> = { name: 'literal', infer: (_inputs, { shape }) => plain(shape) };
export const inputOp: Op<{ name: string; shape: Shape }> = {
  name: 'input',
  infer: (_inputs, { shape }) => plain(shape),
};

/** A constant array recorded into the program. */
export function literal(values: ArrayLike<number>, shape: Shape): Tensor {
  if (values.length !== sizeOf(shape))
    throw shapeError('literal', [], `${values.length} values do not fill ${formatShape(shape)}`);
  return values.length === 1 && shape.length === 0
    ? constant(values[0])
    : record(literalOp, [], { values: Float32Array.from(values), shape });
}

/** A named input, written by the host before a run. @throws UsageError when the name is taken */
export function input(name: string, shape: Shape): Tensor {
  const recording = currentRecording();
  if (recording.inputs.has(name)) throw new UsageError(`input '${name}' is declared twice`);
  if (shape.some((extent) => !Number.isInteger(extent) || extent < 1)) {
    throw shapeError(
      'input',
      [],
      `'${name}' has shape ${formatShape(shape)}; extents must be whole numbers from 1`,
    );
  }
  const tensor = record(inputOp, [], { name, shape: [...shape] });
  recording.inputs.set(name, tensor);
  return tensor;
}

function axisOf(op: string, x: Tensor, axis: number): number {
  const result = normalizeAxis(axis, x.shape.length);
  if (result === undefined) throw shapeError(op, [x], `axis ${axis} does not exist`);
  return result;
}

/** Demands equal shapes where broadcasting would hide a mistake, as `[batch]` against `[batch, 1]` in a loss. */
export function requireShape(op: string, x: Tensor, shape: Shape, name: string): Tensor {
  if (!sameShape(x.shape, shape)) throw shapeError(op, [x], `${name} must have shape ${formatShape(shape)}`);
  return x;
}

export const toOperand = (x: Operand): Tensor => (x instanceof Tensor ? x : constant(x));
