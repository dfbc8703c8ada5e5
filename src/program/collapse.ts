import { at } from '../math/items.ts';
import { isPadded, type View, type ViewAxis } from '../math/view.ts';
import type { GeneratedKernel } from './program.ts';

/**
 * The same kernel over as few axes as its views allow: axes of extent 1 go, and neighbours that every view
 * walks as one axis merge. Each axis left costs a division and a remainder for every point, so this is worth
 * more than it looks. Kept and reduced axes never mix; a kernel with reductions keeps one reduced axis, which
 * still tells the views of `element` from those of `result`. Padded axes stay as they are.
 */
export function collapse(generated: GeneratedKernel): GeneratedKernel {
  const rank = generated.shape.length;
  const kept = rank - generated.reducedAxes;
  const axesAt = (axis: number): ViewAxis[] =>
    generated.inputs.flatMap(({ axes }) => axes.slice(axis, axis + 1));

  /** Axes of the old shape that make up each new axis, outermost first. */
  const groups: Group[] = [];
  for (const [axis, extent] of generated.shape.entries()) {
    const views = axesAt(axis);
    const plain = !views.some(isPadded);
    if (plain && extent === 1) continue;
    const outer = groups.at(-1);
    const joins =
      outer !== undefined &&
      plain &&
      outer.last < kept === axis < kept &&
      isWalkedAsOne(axesAt(outer.last), views, extent);
    if (joins) groups[groups.length - 1] = { ...outer, last: axis, extent: outer.extent * extent };
    else groups.push({ first: axis, last: axis, extent });
  }
  if (generated.reducedAxes > 0 && !groups.some(({ first }) => first >= kept))
    groups.push({ first: rank - 1, last: rank - 1, extent: at(generated.shape, rank - 1, 'axis') });

  const narrow = ({ offset, axes }: View): View => ({
    offset,
    axes: groups
      .filter(({ first }) => first < axes.length)
      .map(({ first, last, extent }): ViewAxis => {
        const inner = at(axes, last, 'axis');
        if (first === last) return inner;
        return { size: extent, stride: inner.stride, begin: 0, step: 1, count: extent };
      }),
  });
  return {
    ...generated,
    shape: groups.map(({ extent }) => extent),
    reducedAxes: groups.filter(({ first }) => first >= kept).length,
    inputs: generated.inputs.map(narrow),
  };
}

/** Axes that become one, with those of extent 1 between them: the first and the last of them, and their extent together. */
interface Group {
  readonly first: number;
  readonly last: number;
  readonly extent: number;
}

/** Whether every view walks two axes, of which the inner one has this extent, as it would one. */
const isWalkedAsOne = (outer: readonly ViewAxis[], inner: readonly ViewAxis[], extent: number): boolean =>
  outer.every((axis, i) => !isPadded(axis) && axis.stride === at(inner, i, 'view').stride * extent);
