import { PhiloxStream } from '../../src/math/philox.ts';
import { sizeOf } from '../../src/math/shape.ts';
import { grad, literal, type MlpKernels, mul, sum, type Tensor } from '../../src/tape/index.ts';
import { allclose, type Tolerance } from './allclose.ts';
import { exactDevice } from './devices.ts';

export interface CheckedInput {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** Standard normals, the same for the same seed. */
export function normals(count: number, seed = 1, scale = 1): Float64Array {
  const stream = new PhiloxStream(seed);
  return Float64Array.from({ length: count }, () => scale * stream.nextNormal());
}

/** An input of standard normals. */
export const randomInput = (shape: readonly number[], seed = 1, scale = 1): CheckedInput => ({
  shape,
  values: normals(sizeOf(shape), seed, scale),
});

/**
 * Compares `grad` with central finite differences in float64, in every element of every input. A result that is
 * no scalar is weighted by fixed random numbers and summed, so that every element of it counts.
 *
 * @returns the gradients by `grad`, by input
 */
export async function gradcheck(
  body: (inputs: Readonly<Record<string, Tensor>>) => Tensor,
  inputs: Readonly<Record<string, CheckedInput>>,
  { step = 1e-5, mlp, ...tolerance }: Tolerance & { readonly step?: number; readonly mlp?: MlpKernels } = {},
): Promise<Record<string, Float64Array>> {
  const device = exactDevice();
  const names = Object.keys(inputs);
  const update = await device.compile(
    ({ input }) => {
      const tensors = Object.fromEntries(names.map((name) => [name, input(name, inputs[name].shape)]));
      const y = body(tensors);
      const loss = y.size === 1 ? sum(y) : sum(mul(y, literal(normals(y.size, 97), y.shape)));
      const gradients = grad(
        loss,
        names.map((name) => tensors[name]),
      );
      return { loss, ...Object.fromEntries(names.map((name, i) => [`d${name}`, gradients[i]])) };
    },
    mlp ? { mlp } : {},
  );
  const at = async (name: string, values: ArrayLike<number>): Promise<number> => {
    update.write({ [name]: values });
    update.run();
    return update.readScalar('loss');
  };
  for (const name of names) update.write({ [name]: inputs[name].values });
  update.run();
  const result: Record<string, Float64Array> = {};
  for (const name of names) result[name] = Float64Array.from(await update.read(`d${name}`));
  for (const name of names) {
    const values = Float64Array.from(inputs[name].values);
    const numeric = new Float64Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const [up, down] = [values.slice(), values.slice()];
      up[i] += step;
      down[i] -= step;
      numeric[i] = ((await at(name, up)) - (await at(name, down))) / (up[i] - down[i]);
    }
    await at(name, values);
    allclose(result[name], numeric, { rtol: 1e-6, atol: 1e-8, ...tolerance }, `gradient of ${name}`);
  }
  await device.dispose();
  return result;
}
