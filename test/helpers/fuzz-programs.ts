// Random programs with their gradients, the same on several devices: the float64 CPU says what is right.
import * as fc from 'fast-check';
import type { Device } from '../../src/device.ts';
import { sizeOf } from '../../src/math/shape.ts';
import { add, grad, mean, square, type Tensor } from '../../src/tape/index.ts';
import { exactDevice } from './devices.ts';
import { normals } from './gradcheck.ts';
import { freshStates, type Instruction, inputShapes, instructions, recordRandom } from './random-programs.ts';

type Inputs = Record<keyof typeof inputShapes, number[]>;
const names = Object.keys(inputShapes) as (keyof typeof inputShapes)[];

const inputsOf = (seed: number): Inputs =>
  Object.fromEntries(
    names.map((name, i) => [name, [...normals(sizeOf(inputShapes[name]), seed + i)].map(Math.fround)]),
  ) as Inputs;

/** Comparisons of computed values turn on rounding (where, argMax), and a gradient would need a value that an assignment has replaced. */
const leftOut = new Set([12, 17, 27]);

/** A program as fast-check draws and shrinks it. */
export const programs = (length: number): fc.Arbitrary<{ list: Instruction[]; seed: number }> =>
  fc.record({ list: instructions(length), seed: fc.nat(1_000_000) });

/** The program's outputs and the gradients of the mean of their squares. */
async function compute(
  device: Device,
  list: readonly Instruction[],
  inputs: Inputs,
): Promise<Map<string, Float64Array>> {
  const update = await device.compile(({ input }) => {
    const recorded: Tensor[] = [];
    const { outputs } = recordRandom(
      list,
      (name, shape) => {
        const tensor = input(name, shape);
        recorded.push(tensor);
        return tensor;
      },
      inputs,
      freshStates(),
    );
    const loss = Object.values(outputs)
      .map((output) => mean(square(output)))
      .reduce((total, term) => add(total, term));
    const gradients = grad(loss, recorded);
    return { ...outputs, loss, ...Object.fromEntries(gradients.map((g, i) => [`d.${names[i]}`, g])) };
  });
  update.write(inputs);
  update.run();
  const values = new Map<string, Float64Array>();
  for (const name of update.program.outputs.keys())
    values.set(name, Float64Array.from(await update.read(name)));
  update.dispose();
  return values;
}

/**
 * Compares a program's values and gradients on each device with the float64 CPU's. What a change of the inputs in
 * their 20th bit alters may differ by four times as much: such a program magnifies rounding.
 *
 * @throws Error naming the device, the value and the program
 */
export async function compareDevices(
  devices: Readonly<Record<string, Device>>,
  { list, seed }: { readonly list: readonly Instruction[]; readonly seed: number },
): Promise<void> {
  const kept = list.filter(([operation]) => !leftOut.has(operation));
  const exact = exactDevice();
  const inputs = inputsOf(seed);
  const nudge = (value: number, i: number) => value * (1 + (i % 2 ? 1 : -1) * 2 ** -20);
  const nudged = Object.fromEntries(names.map((name) => [name, inputs[name].map(nudge)])) as Inputs;
  const expected = await compute(exact, kept, inputs);
  const shaken = await compute(exact, kept, nudged);
  await exact.dispose();
  for (const [backend, device] of Object.entries(devices)) {
    const actual = await compute(device, kept, inputs);
    for (const [name, values] of expected) {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      values.forEach((value, i) => {
        const sensitive = 4 * Math.abs((shaken.get(name) as Float64Array)[i] - value);
        const error = Math.abs((actual.get(name) as Float64Array)[i] - value);
        if (error <= 1e-4 * Math.abs(value) + 2e-5 * largest + sensitive) return;
        throw new Error(
          `${backend}: ${name}[${i}] is ${actual.get(name)?.[i]}, should be ${value}; program ${JSON.stringify(kept)}, inputs ${seed}`,
        );
      });
    }
  }
}
