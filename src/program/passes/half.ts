import { kernelSpec } from '../../kernels/index.ts';
import type { Draft } from '../draft.ts';
import type { Step } from '../program.ts';

/** The buffers of a step that hold hidden layers. */
function hiddenOf(step: Step): number[] {
  if (step.kind !== 'kernel') return [];
  return kernelSpec(step.kernel).bindings.flatMap(({ type }, i) => {
    const buffer = step.buffers[i] ?? -1;
    return type === 'hidden' && buffer >= 0 ? [buffer] : [];
  });
}

/**
 * Lets the network kernels hand hidden layers on as float16, two rows of a batch to a word: what the backward pass needs
 * then takes half the memory. Only temporaries that no other kernel reads. Steps that do so have the parameter `half`,
 * which backends other than WebGPU do not know.
 */
export function halveHidden({ steps, buffers }: Draft): Draft {
  const halved = new Set(steps.flatMap(hiddenOf).filter((buffer) => buffers[buffer]?.kind === 'temporary'));
  // A buffer stays whole if anything else uses it, and so do those of a step that has one whole.
  for (let before = -1; before !== halved.size; ) {
    before = halved.size;
    for (const step of steps) {
      const own = hiddenOf(step);
      const whole = own.some((buffer) => !halved.has(buffer));
      const others = step.buffers.filter((buffer) => !own.includes(buffer));
      for (const buffer of whole ? [...own, ...others] : others) halved.delete(buffer);
    }
  }
  const rowsOf = new Map<number, number>();
  const marked = steps.map((step): Step => {
    const own = hiddenOf(step).filter((buffer) => halved.has(buffer));
    if (step.kind !== 'kernel' || own.length === 0) return step;
    for (const buffer of own) rowsOf.set(buffer, step.params.rows ?? 1);
    return { ...step, params: { ...step.params, half: 1 } };
  });
  return {
    steps: marked,
    buffers: buffers.map((buffer, i) => {
      const rows = rowsOf.get(i);
      return rows === undefined ? buffer : { ...buffer, count: (buffer.count / rows) * Math.ceil(rows / 2) };
    }),
  };
}
