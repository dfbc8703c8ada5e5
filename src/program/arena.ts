import type { Step } from './program.ts';

/**
 * Gives each temporary a slot such that two alive at once never share one: linear scan over the steps, the
 * smallest free slot that fits, else the largest free one grown, else a new one. A step's results never share
 * a slot with its operands, so a kernel never reads and writes one buffer.
 *
 * @source linear-scan allocation (Poletto & Sarkar 1999), with the step index as time
 */
export function assignSlots(
  steps: readonly Step[],
  buffers: readonly { readonly kind: string; readonly count: number }[],
): { slots: number[]; slotOf: number[] } {
  const first = new Array<number>(buffers.length).fill(-1);
  const last = new Array<number>(buffers.length).fill(-1);
  steps.forEach((step, at) => {
    for (const buffer of step.buffers) {
      if (buffer < 0) continue;
      if (first[buffer] < 0) first[buffer] = at;
      last[buffer] = at;
    }
  });
  const slots: number[] = [];
  const slotOf = new Array<number>(buffers.length).fill(-1);
  const busyUntil: number[] = [];
  const order = [...buffers.keys()]
    .filter((b) => buffers[b].kind === 'temporary' && first[b] >= 0)
    .sort((a, b) => first[a] - first[b]);
  for (const buffer of order) {
    const { count } = buffers[buffer];
    const free = [...slots.keys()].filter((slot) => busyUntil[slot] < first[buffer]);
    const fitting = free.filter((slot) => slots[slot] >= count).sort((a, b) => slots[a] - slots[b])[0];
    const slot = fitting ?? free.sort((a, b) => slots[b] - slots[a])[0] ?? slots.length;
    slots[slot] = Math.max(slots[slot] ?? 0, count);
    busyUntil[slot] = last[buffer];
    slotOf[buffer] = slot;
  }
  return { slots, slotOf };
}
