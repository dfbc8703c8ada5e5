import type { Values } from '../../src/backend/backend.ts';
import { createCpuBackend, type Precision } from '../../src/backend/cpu/backend.ts';
import { kernelSpec, type Params } from '../../src/kernels/index.ts';
import { type GeneratedKernel, generatedOutputs, Program, type Step } from '../../src/program/program.ts';

/** What a binding starts with: its values, or a number of zeros. A Uint32Array makes a buffer of words. */
export type Binding = ArrayLike<number> | number;
export type Results = Record<string, Float64Array>;

/** Runs one step on a fresh CPU backend and returns the content of all its buffers. */
async function runStep(
  makeStep: (buffers: number[]) => Step,
  bindings: readonly (Binding | undefined)[],
  words: readonly boolean[],
  precision: Precision,
): Promise<Values[]> {
  const backend = createCpuBackend({ precision });
  const used = bindings.flatMap((binding, i) => (binding === undefined ? [] : [i]));
  const buffers = used.map((i) => {
    const binding = bindings[i] as Binding;
    const dtype = words[i] || binding instanceof Uint32Array ? ('u32' as const) : ('f32' as const);
    const count = typeof binding === 'number' ? binding : binding.length;
    const buffer = backend.allocate(count, dtype, `b${i}`);
    if (typeof binding !== 'number') {
      backend.write(buffer, dtype === 'u32' ? Uint32Array.from(binding) : Float64Array.from(binding));
    }
    return buffer;
  });
  const program = new Program(
    [makeStep(bindings.map((_, i) => used.indexOf(i)))],
    buffers.map(({ count, dtype }, i) => ({ name: `b${i}`, count, dtype, kind: 'input' as const })),
    [],
    new Map(),
    new Map(),
    [],
  );
  const executable = await backend.load(program, buffers);
  executable.run(1);
  return Promise.all(buffers.map((buffer) => backend.read(buffer)));
}

const base = { label: 'test', shapes: '' };

/**
 * Runs one hand-written kernel.
 *
 * @param bindings by name; those left out are unused
 * @returns what every used binding holds afterwards
 */
export async function runKernel(
  kernel: string,
  params: Params,
  bindings: Readonly<Record<string, Binding>>,
  precision: Precision = 'f64',
): Promise<Results> {
  const spec = kernelSpec(kernel);
  for (const name of [...Object.keys(bindings), ...Object.keys(params)]) {
    const known = spec.params.includes(name) || spec.bindings.some((binding) => binding.name === name);
    if (!known) throw new Error(`${kernel} has neither a binding nor a parameter '${name}'`);
  }
  const given = spec.bindings.map(({ name }) => bindings[name]);
  // The random kernel also writes numbers into float buffers, so its output is words only when asked for.
  const words = spec.bindings.map(
    ({ type, access }) => (type === 'u32' || type === 'atomic') && access !== 'write',
  );
  const after = await runStep(
    (buffers) => ({ ...base, kind: 'kernel', kernel, params, buffers }),
    given,
    words,
    precision,
  );
  const names = spec.bindings.flatMap(({ name }, i) => (given[i] === undefined ? [] : [name]));
  return Object.fromEntries(names.map((name, i) => [name, Float64Array.from(after[i])]));
}

/** Runs one generated kernel; returns its outputs. */
export async function runGenerated(
  generated: GeneratedKernel,
  inputs: readonly ArrayLike<number>[],
  precision: Precision = 'f64',
): Promise<Float64Array[]> {
  const bindings = [...inputs, ...generated.outputs.map(() => generatedOutputs(generated))];
  const words = bindings.map(() => false);
  const step = (buffers: number[]): Step => ({ ...base, kind: 'generated', generated, buffers });
  const after = await runStep(step, bindings, words, precision);
  return after.slice(inputs.length).map((values) => Float64Array.from(values));
}

/**
 * Central finite differences of a scalar function in every element of one of its arguments.
 *
 * @param f called with the argument changed; its other arguments are its own affair
 */
export async function finiteDifferences(
  f: (x: Float64Array) => Promise<number>,
  x: ArrayLike<number>,
  step = 1e-5,
): Promise<Float64Array> {
  const gradient = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const up = Float64Array.from(x);
    const down = Float64Array.from(x);
    up[i] += step;
    down[i] -= step;
    gradient[i] = ((await f(up)) - (await f(down))) / (up[i] - down[i]);
  }
  return gradient;
}

/** Σ a·b, to make a scalar of an output: its gradient in the output is b. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Throws unless |actual − expected| ≤ atol + rtol·|expected| everywhere; NaN equals NaN. */
export function close(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  { rtol = 1e-12, atol = 1e-12 } = {},
): void {
  if (actual.length !== expected.length)
    throw new Error(`${what}: ${actual.length} elements, not ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    const error = Math.abs(actual[i] - expected[i]);
    if (!(error <= atol + rtol * Math.abs(expected[i]))) {
      throw new Error(`${what}[${i}] is ${actual[i]}, expected ${expected[i]} (error ${error})`);
    }
  }
}
