import { type Accesses, accesses, areIndependent, type Step } from './program.ts';

/**
 * Moves steps up to an earlier one that does the same on other buffers, where nothing from there on keeps them: target
 * critics and critics, a layer at a time. Such steps can be dispatched at once.
 *
 * @returns the steps in their order, those that can be dispatched at once together
 */
export function bringTogether(steps: readonly Step[]): Step[][] {
  const touched = new Map(steps.map((step) => [step, accesses(step)]));
  const keeps = (a: Step, b: Step): boolean =>
    !areIndependent(touched.get(a) as Accesses, touched.get(b) as Accesses);
  const left = [...steps];
  const order: Step[][] = [];
  while (left.length > 0) {
    const step = left.shift() as Step;
    const at = left.findIndex(
      (later, i) =>
        areAlike(step, later) && ![step, ...left.slice(0, i)].some((before) => keeps(before, later)),
    );
    order.push([step, ...(at < 0 ? [] : left.splice(at, 1))]);
  }
  return order;
}

const areAlike = (a: Step, b: Step): boolean =>
  a.kind !== 'fused' && b.kind !== 'fused' && a.kernel === b.kernel && a.shapes === b.shapes;
