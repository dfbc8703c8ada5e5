import type { Backend, DeviceBuffer, Values } from '../../src/backend/backend.ts';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { kernelSpec, type Params } from '../../src/kernels/index.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import {
  type GeneratedKernel,
  generatedOutputs,
  Program,
  type ProgramBuffer,
  type Step,
} from '../../src/program/program.ts';

/** What a binding starts with: its values, a number of zeros, or nothing when unused. */
export type Start = Float32Array | Uint32Array | number | undefined;

/** The backend this run of the device tests is for. */
export function openTested(): Promise<Backend> {
  switch (globalThis.DIVERGRAD_TEST_BACKEND) {
    case 'webgpu':
      return openWebGpu();
    case 'wasm':
      return openWasm();
    default:
      return Promise.resolve(createCpuBackend({ precision: 'f32' }));
  }
}

/** The oracle: the same kernel in float64. */
export const oracle = createCpuBackend({ precision: 'f64' });

const base = { label: 'test', shapes: '' };

/** A program of one step over the buffers given. */
export const oneStep = (step: Step, buffers: readonly DeviceBuffer[]): Program => manySteps([step], buffers);

/** A program of these steps over the buffers given. */
export function manySteps(steps: readonly Step[], buffers: readonly DeviceBuffer[]): Program {
  const described = buffers.map(
    ({ count, dtype }, i): ProgramBuffer => ({ name: `b${i}`, count, dtype, kind: 'input' }),
  );
  return new Program(steps, described, [], new Map(), new Map(), []);
}

async function runStep(
  backend: Backend,
  makeStep: (buffers: number[]) => Step,
  starts: readonly Start[],
  words: readonly boolean[],
): Promise<(Values | undefined)[]> {
  const buffers: DeviceBuffer[] = [];
  const indices = starts.map((start, i) => {
    if (start === undefined) return -1;
    const count = typeof start === 'number' ? start : start.length;
    const buffer = backend.allocate(count, words[i] ? 'u32' : 'f32', `binding ${i}`);
    if (typeof start !== 'number') backend.write(buffer, start);
    return buffers.push(buffer) - 1;
  });
  const executable = await backend.load(oneStep(makeStep(indices), buffers), buffers);
  executable.run(1);
  const values = await Promise.all(indices.map((i) => (i < 0 ? undefined : backend.read(buffers[i]))));
  executable.dispose();
  for (const buffer of buffers) backend.free(buffer);
  return values;
}

/**
 * Runs one hand-written kernel.
 *
 * @param bindings by name; those left out are unused
 * @returns what every used binding holds afterwards, by name
 */
export async function runKernelOn(
  backend: Backend,
  kernel: string,
  params: Params,
  bindings: Readonly<Record<string, Start>>,
): Promise<Record<string, Values>> {
  const { bindings: specs } = kernelSpec(kernel);
  const values = await runStep(
    backend,
    (buffers) => ({ ...base, kind: 'kernel', kernel, params, buffers }),
    specs.map(({ name }) => bindings[name]),
    specs.map(
      ({ type, name }) =>
        (type === 'u32' || type === 'atomic') && !(name === 'y' && kernel === 'philox' && params.kind !== 0),
    ),
  );
  return Object.fromEntries(
    specs.flatMap(({ name }, i) => (values[i] === undefined ? [] : [[name, values[i]]])),
  ) as Record<string, Values>;
}

/** Runs one generated kernel; returns its outputs. */
export async function runGeneratedOn(
  backend: Backend,
  generated: GeneratedKernel,
  inputs: readonly Float32Array[],
): Promise<Values[]> {
  const starts = [...inputs, ...generated.outputs.map(() => generatedOutputs(generated))];
  const values = await runStep(
    backend,
    (buffers) => ({ ...base, kind: 'generated', generated, buffers }),
    starts,
    starts.map(() => false),
  );
  return values.slice(inputs.length) as Values[];
}

/**
 * Throws unless |actual − expected| ≤ atol + rtol·max(|expected|, scale·largest |expected|) everywhere. The
 * `scale` is for sums, whose rounding follows the size of their terms and not of the result. NaN equals NaN.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  { rtol = 1e-6, atol = 0, scale = 0 } = {},
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${what}: ${actual.length} elements, not ${expected.length}`);
  }
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i])) largest = Math.max(largest, Math.abs(expected[i]));
  }
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i]) || actual[i] === expected[i]) continue;
    const allowed = atol + rtol * Math.max(Math.abs(expected[i]), scale * largest);
    const error = Math.abs(actual[i] - expected[i]);
    if (!(error <= allowed)) {
      throw new Error(
        `${what}[${i}] is ${actual[i]}, expected ${expected[i]}: off by ${error}, allowed ${allowed}`,
      );
    }
  }
}

/** Test data from one seed: the same numbers on every platform. */
export class Data {
  private readonly stream: PhiloxStream;

  constructor(seed: number) {
    this.stream = new PhiloxStream(seed, 'plain', 77);
  }

  uniform(count: number, low = -1, high = 1): Float32Array {
    return Float32Array.from({ length: count }, () => this.stream.uniformIn(low, high));
  }

  normal(count: number, scale = 1): Float32Array {
    return Float32Array.from({ length: count }, () => scale * this.stream.nextNormal());
  }

  /** Whole number below n. */
  below(n: number): number {
    return this.stream.nextInt(n);
  }

  integers(count: number, n: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.stream.nextInt(n));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}
