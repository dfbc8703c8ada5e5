import { UsageError } from '../errors.ts';
import { formatShape, type Shape, sizeOf } from '../math/shape.ts';
import { constant, type Operand } from './elementwise.ts';
import { plain } from './shapes.ts';
import { currentRecording, type Op, record, shapeError, Tensor } from './tensor.ts';

/** Values known when the program is recorded. */
export interface Literal {
  readonly values: Float64Array;
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
    : record(literalOp, [], { values: Float64Array.from(values), shape });
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

export const toOperand = (x: Operand): Tensor => (x instanceof Tensor ? x : constant(x));
