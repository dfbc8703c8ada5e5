import { kernelSpec } from '../kernels/index.ts';
import { at } from '../math/items.ts';
import { sizeOf } from '../math/shape.ts';
import type { View } from '../math/view.ts';
import {
  boundBy,
  type CountedStep,
  type GeneratedKernel,
  generatedOutputs,
  type SingleStep,
  type Step,
  separateSteps,
} from './steps.ts';

interface BufferFacts {
  readonly count: number;
}

/** The step with what it costs; one that was counted stays the same object. */
export const counted = (step: Step, buffers: readonly BufferFacts[]): CountedStep =>
  'flops' in step && 'bytes' in step
    ? (step as CountedStep)
    : { ...step, flops: flopsOf(step), bytes: bytesMoved(step, buffers) };

/** Floating-point operations of a step; those of a joined one are those of its parts. */
const flopsOf = (step: Step): number =>
  separateSteps([step]).reduce(
    (total, part) =>
      total +
      (part.kind === 'generated'
        ? generatedFlops(part.generated)
        : kernelSpec(part.kernel).flops(part.params)),
    0,
  );

/**
 * Bytes a step reads and bytes it writes, added: every element that it must touch, once each way, however often the
 * kernel comes back to it. A state that is updated counts twice. What the parts of a joined step hand on to each other
 * is written, not read again.
 */
function bytesMoved(step: Step, buffers: readonly BufferFacts[]): number {
  const bound = new Set(boundBy(step));
  const read = new Map<number, number>();
  const written = new Map<number, number>();
  for (const part of separateSteps([step])) {
    const before = new Set(written.keys());
    for (const { buffer, reads, writes } of touched(part, buffers)) {
      if (!bound.has(buffer)) continue;
      if (reads > 0 && !before.has(buffer)) add(read, buffer, reads);
      if (writes > 0) add(written, buffer, writes);
    }
  }
  let elements = 0;
  for (const counted of [read, written])
    for (const [buffer, count] of counted) elements += Math.min(count, countOf(buffers, buffer));
  return 4 * elements;
}

const countOf = (buffers: readonly BufferFacts[], i: number): number => at(buffers, i, 'buffer').count;

const add = (counts: Map<number, number>, buffer: number, count: number): void => {
  counts.set(buffer, (counts.get(buffer) ?? 0) + count);
};

/** Floating-point operations of a generated kernel: one for each operation at each point, and one for each fold. */
function generatedFlops({ shape, reducedAxes, element, reductions, result }: GeneratedKernel): number {
  const operations = (list: GeneratedKernel['element']) =>
    list.filter((expression) => expression.kind === 'operation').length;
  const kept = sizeOf(shape.slice(0, shape.length - reducedAxes));
  return sizeOf(shape) * (operations(element) + reductions.length) + kept * operations(result);
}

/** Elements of each binding that the step reads and writes. */
function touched(
  step: SingleStep,
  buffers: readonly BufferFacts[],
): { readonly buffer: number; readonly reads: number; readonly writes: number }[] {
  if (step.kind === 'generated') {
    const { generated } = step;
    return step.buffers.map((buffer, i) => {
      const view = generated.inputs[i];
      return view
        ? { buffer, reads: viewed(view), writes: 0 }
        : { buffer, reads: 0, writes: generatedOutputs(generated) };
    });
  }
  const { bindings, touches } = kernelSpec(step.kernel);
  const partly = touches?.(step.params) ?? {};
  return [...bindings.entries()].flatMap(([i, { name, access }]) => {
    const buffer = step.buffers[i] ?? -1;
    if (buffer < 0) return [];
    const count = partly[name] ?? countOf(buffers, buffer);
    return [{ buffer, reads: access === 'write' ? 0 : count, writes: access === 'read' ? 0 : count }];
  });
}

/** Elements that a view shows; what it repeats or pads with zeros is there once, or not at all. */
const viewed = ({ axes }: View): number =>
  axes.reduce((total, { stride, count }) => total * (stride === 0 ? Math.min(1, count) : count), 1);
