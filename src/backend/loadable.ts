// What a backend can count and hold: asked before anything is allocated, so that a program is right or refused by name.
import { BackendError, NumericsError } from '../errors.ts';
import { kernelSpec } from '../kernels/index.ts';
import { formatShape, sizeOf } from '../math/shape.ts';
import { formatCount, type Program, type SingleStep, separateSteps } from '../program/program.ts';
import type { Backend, BackendName } from './backend.ts';

/**
 * Elements that one kernel goes through at most. Those of wasm and webgpu count in words of 32 bits, and in steps that
 * must not pass the last word.
 */
export const mostElements: Readonly<Record<BackendName, number>> = {
  cpu: Number.MAX_SAFE_INTEGER,
  wasm: 2 ** 31 - 2 ** 16,
  webgpu: 2 ** 31 - 2 ** 16,
};

type Storage = Pick<Backend, 'name' | 'information'>;

/** Whether f32 buffers hold float64. */
const isExact = ({ information }: Storage): boolean => information.precision === 'f64';

/**
 * @throws BackendError for a step of more elements than the backend can count, NumericsError for a constant that is finite,
 *   and infinite as the backend stores it, or for an initial value of an input that is not finite
 */
export function requireLoadable(program: Program, backend: Storage): void {
  for (const step of separateSteps(program.steps)) {
    requireCountable(step, backend.name);
    if (isExact(backend)) continue;
    for (const value of constantsOf(step))
      if (isBeyond(value)) throw beyond(`Step '${step.label}' ${step.shapes} has the constant`, value);
  }
  for (const [name, { initial }] of program.inputs)
    if (initial !== undefined) requireStorable([initial], `the initial value of input '${name}'`, backend);
  if (isExact(backend)) return;
  for (const buffer of program.buffers) {
    const value = buffer.kind === 'literal' ? buffer.values.find(isBeyond) : undefined;
    if (value !== undefined) throw beyond(`The literal '${buffer.name}' holds`, value);
  }
}

const isBeyond = (value: number): boolean => Number.isFinite(value) && !Number.isFinite(Math.fround(value));

const beyond = (what: string, value: number): NumericsError =>
  new NumericsError(`${what} ${value}, beyond float32 (${Math.fround(value)}).`, {
    hint: 'Rescale what is computed, or open the cpu backend with precision f64. A mask may be -Infinity.',
  });

function constantsOf(step: SingleStep): number[] {
  if (step.kind === 'kernel') return kernelSpec(step.kernel).floats.map((name) => step.params[name] ?? 0);
  const { element, result } = step.generated;
  return [...element, ...result].flatMap((each) => (each.kind === 'literal' ? [each.value] : []));
}

function requireCountable(step: SingleStep, name: BackendName): void {
  const most = mostElements[name];
  const [what, count] = largestOf(step);
  if (count <= most) return;
  throw new BackendError(
    `Step '${step.label}' ${step.shapes} goes through ${what} (${formatCount(count).trim()}), more than the ${most} that a kernel of the ${name} backend can count.`,
    { fault: 'limit', limit: 'elements of a kernel', hint: 'Take it apart, or use the cpu backend.' },
  );
}

/** The largest number that the kernel of a step counts to, and of what it is. */
function largestOf(step: SingleStep): readonly [what: string, count: number] {
  if (step.kind === 'generated') {
    const count = sizeOf(step.generated.shape);
    return [`${count} elements ${formatShape(step.generated.shape)}`, count];
  }
  const { params, floats, grid } = kernelSpec(step.kernel);
  const size = grid(step.params);
  const counted: [string, number][] = params
    .filter((each) => !floats.includes(each))
    .map((each) => [`${each} ${step.params[each] ?? 0}`, step.params[each] ?? 0]);
  counted.push('items' in size ? [`${size.items} items`, size.items] : ['its workgroups', size.workgroups]);
  return counted.reduce((largest, each) => (each[1] > largest[1] ? each : largest));
}

/**
 * Whether a device can hold what the host hands it.
 *
 * @throws NumericsError unless all values are finite as the backend stores them (1e39 is not, in float32), and whole
 *   numbers from 0 to 2^32 − 1 where it stores words
 */
export function requireStorable(
  values: ArrayLike<number>,
  what: string,
  backend: Storage,
  dtype: 'f32' | 'u32' = 'f32',
): void {
  if (dtype === 'u32') {
    requireWords(values, what);
    return;
  }
  const stored = isExact(backend) ? (x: number) => x : Math.fround;
  for (let i = 0; i < values.length; i++) {
    const known = typeof values[i] === 'number';
    if (known && Number.isFinite(stored(values[i]))) continue;
    const past = known && Number.isFinite(values[i]) ? `, beyond float32 (${Math.fround(values[i])})` : '';
    throw new NumericsError(`${what} holds ${values[i]} at element ${i}${past}.`, {
      hint: 'Inputs must be finite. To mask a choice, write 1 and 0 and record where(mask, logits, -Infinity).',
    });
  }
}

function requireWords(values: ArrayLike<number>, what: string): void {
  if (values instanceof Uint32Array) return;
  for (let i = 0; i < values.length; i++) {
    if (typeof values[i] === 'number' && values[i] >>> 0 === values[i]) continue;
    throw new NumericsError(
      `${what} holds ${values[i]} at element ${i}; it is stored as whole numbers from 0 to 2^32 − 1.`,
    );
  }
}
