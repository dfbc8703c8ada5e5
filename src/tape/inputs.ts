import { UsageError } from '../errors.ts';
import { formatShape, type Shape, sizeOf } from '../math/shape.ts';
import { constant, type Operand } from './elementwise.ts';
import { plain } from './shapes.ts';
import { currentRecording, type Op, record, requireExtents, shapeError, type Tensor } from './tensor.ts';

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

/** A constant array recorded into the program. @throws ShapeError when the values do not fill the shape */
export function literal(values: ArrayLike<number>, shape: Shape): Tensor {
  requireExtents('literal', shape);
  if (values.length !== sizeOf(shape))
    throw shapeError('literal', [], `${values.length} values do not fill ${formatShape(shape)}`);
  return values.length === 1 && shape.length === 0
    ? constant(values[0])
    : record(literalOp, [], { values: Float64Array.from(values), shape });
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

export const toOperand = (x: Operand): Tensor => (typeof x === 'number' ? constant(x) : x);
