import { sameShape } from '../math/shape.ts';
import { inputOf, type Node, outputOf, type Tensor, viewOperation } from '../tape/index.ts';
import type { Uses } from './uses.ts';

/**
 * Reductions that are evaluated inside the kernel of the elementwise node that finishes them: those whose only use is that
 * kernel, over their results in their order. All that one node finishes fold the same elements.
 *
 * @param roots nodes that get a kernel and a buffer of their own
 * @returns the finisher of each such reduction
 */
export function absorbReductions(
  nodes: readonly Node[],
  uses: Uses,
  roots: ReadonlySet<Node>,
): ReadonlyMap<Node, Node> {
  /** The one kernel that reads the tensor, whether directly or through what it evaluates inside itself. */
  const finisherOf = (tensor: Tensor): Node | undefined => {
    if (uses.outputs.has(tensor)) return undefined;
    let only: Node | undefined;
    for (const node of uses.readersOf(tensor)) {
      let next: Node | undefined;
      if (roots.has(node)) next = node.op.scalar ? node : undefined;
      else if (node.op.scalar || node.op.view) next = finisherOf(outputOf(node));
      if (!next || (only && only !== next)) return undefined;
      only = next;
    }
    return only;
  };

  /** Whether every path from the tensor to its finisher leaves its elements in their order. */
  const keepsOrder = (tensor: Tensor, finisher: Node): boolean =>
    uses.readersOf(tensor).every((node) => {
      if (node === finisher) return true;
      const output = outputOf(node);
      const inOrder = !node.op.view || ['reshape', 'alias', 'broadcast'].includes(viewOperation(node).kind);
      return inOrder && output.size === tensor.size && keepsOrder(output, finisher);
    });

  const absorbed = new Map<Node, Node>();
  const bodies = new Map<Node, Node>();
  for (const node of nodes) {
    if (!node.op.reduction || roots.has(node)) continue;
    const output = outputOf(node);
    const finisher = finisherOf(output);
    if (!finisher || finisher.id > uses.until(inputOf(node))) continue;
    if (!sameShape(compact(output), compact(outputOf(finisher)))) continue;
    if (!keepsOrder(output, finisher)) continue;
    const first = bodies.get(finisher);
    if (first && !sameReduction(first, node)) continue;
    bodies.set(finisher, node);
    absorbed.set(node, finisher);
  }
  return absorbed;
}

const compact = ({ shape }: Tensor): number[] => shape.filter((extent) => extent !== 1);

const sameReduction = (a: Node, b: Node): boolean =>
  sameShape(inputOf(a).shape, inputOf(b).shape) && sameShape(outputOf(a).shape, outputOf(b).shape);
