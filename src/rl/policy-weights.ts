// A policy's weights as PyTorch has them: nn.Sequential(Linear, activation, Linear, …), whose layers are numbered 0, 2, 4 … and
// whose Linear holds [out, in], where ours holds [in, out].
import { DataError } from '../errors.ts';
import { formatShape } from '../math/shape.ts';
import type { NamedArray } from './safetensors.ts';

/** Widths of a network, from its inputs to its outputs. */
type Widths = readonly number[];

const transposed = (values: ArrayLike<number>, rows: number, columns: number): Float64Array =>
  Float64Array.from(
    { length: rows * columns },
    (_, i) => values[(i % rows) * columns + Math.floor(i / rows)],
  );

/** Flat parameters W0 [in, out], b0, W1, … as arrays by PyTorch's names. */
export function torchArrays(widths: Widths, parameters: ArrayLike<number>): Map<string, NamedArray> {
  const flat = Float64Array.from(parameters);
  const arrays = new Map<string, NamedArray>();
  let at = 0;
  for (let layer = 0; layer < widths.length - 1; layer++) {
    const [inputs, outputs] = [widths[layer], widths[layer + 1]];
    const weights = flat.subarray(at, at + inputs * outputs);
    at += inputs * outputs;
    arrays.set(`${2 * layer}.weight`, {
      shape: [outputs, inputs],
      values: transposed(weights, inputs, outputs),
    });
    arrays.set(`${2 * layer}.bias`, { shape: [outputs], values: flat.slice(at, at + outputs) });
    at += outputs;
  }
  return arrays;
}

/**
 * The flat parameters of arrays by PyTorch's names.
 *
 * @throws DataError naming the array that is missing, has another shape, or is none of the network's
 */
export function flatParameters(
  widths: Widths,
  arrays: ReadonlyMap<string, NamedArray>,
  where: string,
): number[] {
  const wanted = torchArrays(widths, new Float64Array(countOf(widths)));
  const strange = [...arrays.keys()].find((name) => !wanted.has(name));
  const names = [...wanted.keys()].join(', ');
  if (strange !== undefined)
    throw new DataError(`${where} holds '${strange}', which a policy of ${widths.join('-')} does not have.`, {
      hint: `It has ${names}: the names of nn.Sequential(Linear, activation, Linear, …).`,
    });
  const flat: number[] = [];
  for (const [name, { shape }] of wanted) {
    const found = arrays.get(name);
    if (!found || String(found.shape) !== String(shape))
      throw new DataError(
        `${where} ${found ? `has '${name}' of shape ${formatShape(found.shape)}` : `lacks '${name}'`}; a policy of ${widths.join('-')} has it of shape ${formatShape(shape)}.`,
        { hint: 'Weights are [out, in], as nn.Linear has them.' },
      );
    for (const value of shape.length === 2
      ? transposed(found.values, shape[0], shape[1])
      : Array.from(found.values))
      flat.push(value);
  }
  return flat;
}

const countOf = (widths: Widths): number =>
  widths.slice(1).reduce((total, width, i) => total + (widths[i] + 1) * width, 0);
