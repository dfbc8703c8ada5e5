import { quoted, UsageError } from '../errors.ts';
import { formatShape, type Shape, sizeOf } from '../math/shape.ts';
import { constant, constantValue, type Operand } from './elementwise.ts';
import { plain } from './shapes.ts';
import {
  currentRecording,
  type Op,
  record,
  requireExtents,
  requireTensor,
  shapeError,
  type Tensor,
} from './tensor.ts';
import { broadcastOp, reshapeOp } from './views.ts';

/** Values known when the program is recorded. */
export interface Literal {
  readonly values: Float64Array;
  readonly shape: Shape;
}

export const literalOp: Op<Literal> = { name: 'literal', infer: (_inputs, { shape }) => plain(shape) };
/** A named input and, where it has one, the value of its elements until it is written. */
export interface Input {
  readonly name: string;
  readonly shape: Shape;
  readonly initial?: number;
}

export const inputOp: Op<Input> = {
  name: 'input',
  infer: (_inputs, { shape }) => plain(shape),
};

/** Values of a literal, also under another shape; undefined for what an update computes. */
export function literalValues(x: Tensor): readonly number[] | undefined {
  const { op, attributes, inputs } = x.node;
  if (op === literalOp) return Array.from((attributes as Literal).values);
  const constant = constantValue(x);
  if (constant !== undefined) return [constant];
  return op === reshapeOp || op === broadcastOp ? literalValues(inputs[0]) : undefined;
}

/** A constant array recorded into the program. @throws ShapeError when the values do not fill the shape */
export function literal(values: ArrayLike<number>, shape: Shape): Tensor {
  requireExtents('literal', shape);
  requireNumbers(values);
  if (values.length !== sizeOf(shape))
    throw shapeError('literal', [], `${values.length} values do not fill ${formatShape(shape)}`);
  return values.length === 1 && shape.length === 0
    ? constant(values[0])
    : record(literalOp, [], { values: Float64Array.from(values), shape });
}

function requireNumbers(values: ArrayLike<number>): void {
  if (typeof values?.length !== 'number')
    throw new UsageError(`literal takes an array of numbers; got ${quoted(values)}.`, {
      hint: 'A single number is constant(number).',
    });
  if (ArrayBuffer.isView(values)) return;
  for (let i = 0; i < values.length; i++)
    if (typeof values[i] !== 'number')
      throw new UsageError(`literal takes an array of numbers; got ${quoted(values[i])} at position ${i}.`, {
        hint: 'Rows are written one after the other: literal([1, 2, 3, 4], [2, 2]).',
      });
}

/**
 * A named input, written by the host before a run.
 *
 * @param initial value of every element until the host writes it; without one, a run before that is refused
 * @throws UsageError when the name is taken, ShapeError unless extents are whole numbers from 1
 */
export function input(name: string, shape: Shape, initial?: number): Tensor {
  const recording = currentRecording();
  if (recording.inputs.has(name)) throw new UsageError(`input '${name}' is declared twice`);
  requireExtents(`input '${name}'`, shape);
  const tensor = record(inputOp, [], {
    name,
    shape: [...shape],
    ...(initial === undefined ? {} : { initial }),
  });
  recording.inputs.set(name, tensor);
  return tensor;
}

/** @throws UsageError naming what was given when it is neither a tensor nor a number */
export const toOperand = (x: Operand, what = 'an operand'): Tensor =>
  typeof x === 'number' ? constant(x) : requireTensor(what, x, 'a tensor or a number');
