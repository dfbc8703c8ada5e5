import { maximum } from '../math/extremes.ts';
import type { Draft } from './draft.ts';
import type { Slot } from './program.ts';

/** A temporary, and the first and last step that binds it. */
interface Lifetime extends Slot {
  readonly buffer: number;
  readonly first: number;
  readonly last: number;
}

interface Slots {
  readonly slots: readonly Slot[];
  /** Slot of each buffer; −1 for what is no temporary, or is never used. */
  readonly slotOf: number[];
}

/**
 * Gives each temporary a slot such that two alive at once never share one. A step's results never share a slot with
 * its operands, so a kernel never reads and writes one buffer.
 *
 * No order of placement is best for every program, so a few are tried and the smallest arena is kept: the largest
 * first; by the step at which most is alive, the fullest first; and as they come into use.
 *
 * @source greedy by size and by breadth over shared objects (Pisarchyk & Lee 2020, sections 4.2 and 4.3)
 */
export function assignSlots(draft: Draft): Slots {
  const { steps, buffers } = draft;
  const lifetimes = lifetimesOf(draft);
  const alive = aliveAt(lifetimes, steps.length);
  const fullest = ({ first, last }: Lifetime) => maximum(alive.slice(first, last + 1));
  const bySize = (a: Lifetime, b: Lifetime) => b.count - a.count || a.first - b.first;
  const orders = [
    bySize,
    (a: Lifetime, b: Lifetime) => fullest(b) - fullest(a) || bySize(a, b),
    (a: Lifetime, b: Lifetime) => a.first - b.first || bySize(a, b),
  ];
  const tried = orders.map((order) => place([...lifetimes].sort(order), buffers.length));
  const total = ({ slots }: Slots) => slots.reduce((sum, { count }) => sum + count, 0);
  return tried.reduce((best, next) => (total(next) < total(best) ? next : best));
}

/** When each temporary is alive: from the step that first binds it to the step that last does, both included. */
export function lifetimesOf({ steps, buffers }: Draft): Lifetime[] {
  const found = new Map<number, Lifetime>();
  for (const [step, { buffers: bound }] of steps.entries()) {
    for (const buffer of bound) {
      const { kind, count, dtype } = buffers[buffer] ?? { kind: 'none' };
      if (kind !== 'temporary') continue;
      const first = found.get(buffer)?.first ?? step;
      found.set(buffer, { buffer, count, dtype, first, last: step });
    }
  }
  return [...found.values()];
}

/** Elements of all that is alive at each of the steps. */
export const aliveAt = (lifetimes: readonly Lifetime[], steps: number): number[] =>
  Array.from({ length: steps }, (_, at) =>
    lifetimes.reduce((sum, { first, last, count }) => sum + (first <= at && at <= last ? count : 0), 0),
  );

/** Each into the tightest slot that is free for all its life, else into the largest free one, which grows, else into a new one. */
function place(order: readonly Lifetime[], buffers: number): Slots {
  const slots: { count: number; readonly dtype: Slot['dtype']; readonly tenants: Lifetime[] }[] = [];
  const slotOf = new Array<number>(buffers).fill(-1);
  for (const life of order) {
    const free = slots.filter(
      ({ dtype, tenants }) =>
        dtype === life.dtype && tenants.every(({ first, last }) => last < life.first || life.last < first),
    );
    free.sort((a, b) => a.count - b.count);
    const enough = Math.min(life.count, free.at(-1)?.count ?? 0);
    let slot = free.find(({ count }) => count >= enough);
    if (!slot) {
      slot = { count: 0, dtype: life.dtype, tenants: [] };
      slots.push(slot);
    }
    slot.count = Math.max(slot.count, life.count);
    slot.tenants.push(life);
    slotOf[life.buffer] = slots.indexOf(slot);
  }
  return { slots: slots.map(({ count, dtype }) => ({ count, dtype })), slotOf };
}
