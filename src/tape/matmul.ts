import { requireKnown } from '../arguments.ts';
import { matmul as kernel } from '../kernels/index.ts';
import { broadcastShapes, type Shape, sizeOf } from '../math/shape.ts';
import { isPadded, type View } from '../math/view.ts';
import { plain } from './shapes.ts';
import {
  callOf,
  inputAt,
  type Op,
  outputAt,
  record,
  requireTensor,
  shapeError,
  type Tensor,
} from './tensor.ts';
import { broadcastTo, transpose } from './views.ts';

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
    return callOf(
      kernel,
      { a: inputAt(0), b: inputAt(1), bias: null, y: outputAt(0), z: null },
      {
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
    );
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

const transposing = { transA: true, transB: true } as const;

/**
 * Matrix product over the last two axes; leading axes broadcast. A transposed operand is stored with its last
 * two axes swapped.
 */
export function matmul(a: Tensor, b: Tensor, options: { transA?: boolean; transB?: boolean } = {}): Tensor {
  requireTensor('matmul', a);
  requireTensor('matmul', b);
  requireKnown('matmul', options, transposing, 'matmul(a, b, { transB: true })');
  if (a.shape.length < 2 || b.shape.length < 2)
    throw shapeError('matmul', [a, b], 'both operands need at least two axes');
  const left = options.transA ? transpose(a) : a;
  const right = options.transB ? transpose(b) : b;
  const lead = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2));
  if (!lead) throw shapeError('matmul', [a, b], 'batch axes do not broadcast');
  const widen = (x: Tensor) => (lead.length === 0 ? x : broadcastTo(x, [...lead, ...x.shape.slice(-2)]));
  return record(matmulOp, [widen(left), widen(right)], null);
}
