import { isPadded, type View, type ViewAxis } from '../math/view.ts';
import type { FusedKernel } from './program.ts';

/**
 * The same kernel over as few axes as its views allow: axes of extent 1 go, and neighbours that every view
 * walks as one axis merge. Each axis left costs a division and a remainder for every point, so this is worth
 * more than it looks. Kept and reduced axes never mix; a kernel with reductions keeps one reduced axis, which
 * still tells the views of `element` from those of `result`. Padded axes stay as they are.
 */
export function collapse(fused: FusedKernel): FusedKernel {
  const rank = fused.shape.length;
  const kept = rank - fused.reducedAxes;
  const axesAt = (axis: number): ViewAxis[] =>
    fused.inputs.flatMap((view) => (axis < view.axes.length ? [view.axes[axis]] : []));

  /** Axes of the old shape that make up each new axis, outermost first. */
  const groups: number[][] = [];
  for (let axis = 0; axis < rank; axis++) {
    const views = axesAt(axis);
    const plain = !views.some(isPadded);
    if (plain && fused.shape[axis] === 1) continue;
    const last = groups.at(-1);
    const outer = last?.at(-1);
    if (last && outer !== undefined && plain && outer < kept === axis < kept) {
      const joins = axesAt(outer).every(
        (o, i) => !isPadded(o) && o.stride === views[i].stride * fused.shape[axis],
      );
      if (joins) {
        last.push(axis);
        continue;
      }
    }
    groups.push([axis]);
  }
  if (fused.reducedAxes > 0 && !groups.some(([axis]) => axis >= kept)) groups.push([rank - 1]);

  const extent = (axes: readonly number[]): number =>
    axes.reduce((size, axis) => size * fused.shape[axis], 1);
  const narrow = (view: View): View => ({
    offset: view.offset,
    axes: groups
      .filter(([axis]) => axis < view.axes.length)
      .map((axes): ViewAxis => {
        const inner = view.axes[axes[axes.length - 1]];
        if (axes.length === 1) return inner;
        const size = extent(axes);
        return { size, stride: inner.stride, begin: 0, step: 1, count: size };
      }),
  });
  return {
    ...fused,
    shape: groups.map(extent),
    reducedAxes: groups.filter(([axis]) => axis >= kept).length,
    inputs: fused.inputs.map(narrow),
  };
}
