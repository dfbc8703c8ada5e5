import { bufferOf } from '../../program/joined-step.ts';
import type { KernelStep, Step } from '../../program/program.ts';
import type { Heap } from './heaps.ts';

/** `hasX1` of a layer whose segments of input, one or two, lie in one buffer. */
const IN_ONE = 2;

/**
 * A layer over one or two segments of input as one that finds both in one buffer, where they lie in one heap: first layers
 * are then no other code than hidden ones, and load each input once.
 *
 * @param heapOf where a buffer of the program lies
 */
export function segmentsInOne(step: Step, heapOf: (buffer: number) => Heap): Step {
  if (step.kind === 'kernel') return step.kernel === 'mlp_layer_forward' ? layer(step, heapOf) : step;
  if (step.kind !== 'joined' || step.kernel !== 'mlp_layers_forward') return step;
  const [first, ...others] = step.parts;
  return { ...step, parts: [layer(first, heapOf), ...others] };
}

function layer(step: KernelStep, heapOf: (buffer: number) => Heap): KernelStep {
  const [x0, x1] = ['x0', 'x1'].map((name) => bufferOf(step, name));
  const inOne = x1 < 0 || heapOf(x0) === heapOf(x1);
  return inOne ? { ...step, params: { ...step.params, hasX1: IN_ONE } } : step;
}
