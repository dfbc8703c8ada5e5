import type { Step } from './program.ts';

/**
 * Gives each temporary a slot such that two alive at once never share one: the largest first, each into the
 * smallest slot that is free for all its life, else into a new one. A step's results never share a slot with its
 * operands, so a kernel never reads and writes one buffer.
 *
 * @source greedy by size over shared objects (Pisarchyk & Lee 2020, section 4.2)
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
  const tenants: number[][] = [];
  const order = [...buffers.keys()]
    .filter((b) => buffers[b].kind === 'temporary' && first[b] >= 0)
    .sort((a, b) => buffers[b].count - buffers[a].count || first[a] - first[b]);
  for (const buffer of order) {
    const free = (slot: number) =>
      tenants[slot].every((other) => last[other] < first[buffer] || last[buffer] < first[other]);
    // Slots were opened from the largest to the smallest, so the last free one fits most tightly.
    const slot = [...slots.keys()].filter(free).at(-1) ?? slots.length;
    slots[slot] ??= buffers[buffer].count;
    tenants[slot] = [...(tenants[slot] ?? []), buffer];
    slotOf[buffer] = slot;
  }
  return { slots, slotOf };
}
