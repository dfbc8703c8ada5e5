import { UsageError } from '../errors.ts';
import { broadcastAxes, formatShape, sameShape } from '../math/shape.ts';
import { add, constant } from './elementwise.ts';
import { sum } from './reductions.ts';
import { currentRecording, type Node, requireTensors, shapeError, type Tensor } from './tensor.ts';
import { broadcastTo, reshape } from './views.ts';

/**
 * Reverse-mode gradient: records the cotangents of `wrt` and returns them.
 *
 * @param y the objective, a scalar, or any shape together with its cotangent
 * @param wrt tensors to differentiate with respect to
 * @param cotangent of y's shape; 1 for a scalar
 * @returns one tensor for each of `wrt`, of its shape; zeros where y does not depend on it
 * @throws ShapeError when y is no scalar and no cotangent is given, or shapes differ
 * @throws UsageError when the path leads through an operation without a derivative
 * @source reverse accumulation; each rule records more tape (Griewank & Walther 2008, ch. 3)
 */
export function grad(y: Tensor, wrt: readonly Tensor[], cotangent?: Tensor): Tensor[] {
  requireTensors('grad', y, ...(Array.isArray(wrt) ? wrt : [wrt]));
  if (!cotangent && y.size !== 1)
    throw shapeError('grad', [y], 'the objective must be a scalar, or a cotangent must be given');
  if (cotangent && !sameShape(cotangent.shape, y.shape)) {
    throw shapeError('grad', [y, cotangent], 'the cotangent must have the shape of the objective');
  }
  const recording = currentRecording();
  for (const tensor of [y, ...wrt, ...(cotangent ? [cotangent] : [])]) recording.own(tensor, 'grad');
  const needed = nodesLeadingTo(y.node, new Set(wrt));
  const cotangents = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, g: Tensor) => {
    const fitted = fit(g, tensor);
    const sofar = cotangents.get(tensor);
    cotangents.set(tensor, sofar ? add(sofar, fitted) : fitted);
  };
  accumulate(y, cotangent ?? constant(1));

  const order = [...needed.keys()].sort((a, b) => b.id - a.id);
  for (const node of order) {
    const arriving = node.outputs.map((output) => cotangents.get(output));
    if (arriving.every((g) => g === undefined) || node.inputs.length === 0) continue;
    const needs = needed.get(node) as boolean[];
    if (!needs.some(Boolean)) continue;
    if (!node.op.vjp)
      throw new UsageError(`${node.op.name} has no derivative here: apply stopGradient to its result`);
    const passed = node.op.vjp({
      inputs: node.inputs,
      outputs: node.outputs,
      attributes: node.attributes,
      cotangents: arriving,
      needs,
    });
    passed.forEach((g, i) => {
      if (g && needs[i]) accumulate(node.inputs[i], g);
    });
  }
  return wrt.map((tensor) => broadcastTo(cotangents.get(tensor) ?? constant(0), tensor.shape));
}

/** For each node between y and the targets: which of its inputs lead to a target. */
function nodesLeadingTo(root: Node, targets: ReadonlySet<Tensor>): Map<Node, boolean[]> {
  const leads = new Map<Node, boolean>();
  const needed = new Map<Node, boolean[]>();
  // Iterative, so that a chain of thousands of operations does not exhaust the stack.
  const stack: { node: Node; next: number }[] = [{ node: root, next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    if (top.next < top.node.inputs.length) {
      const child = top.node.inputs[top.next++].node;
      if (!leads.has(child)) {
        leads.set(child, false);
        stack.push({ node: child, next: 0 });
      }
      continue;
    }
    stack.pop();
    const needs = top.node.inputs.map((input) => targets.has(input) || leads.get(input.node) === true);
    leads.set(top.node, needs.some(Boolean) || top.node.outputs.some((output) => targets.has(output)));
    needed.set(top.node, needs);
  }
  return needed;
}

/** Sums a cotangent over the axes along which its tensor was broadcast. */
function fit(g: Tensor, tensor: Tensor): Tensor {
  if (sameShape(g.shape, tensor.shape)) return g;
  const wide = g.shape.length < tensor.shape.length || g.size < tensor.size;
  if (wide) return broadcastTo(g, tensor.shape);
  const axes = broadcastAxes(tensor.shape, g.shape);
  const summed = sum(g, axes, true);
  if (summed.size !== tensor.size) {
    throw shapeError(
      'grad',
      [g, tensor],
      `a derivative rule returned ${formatShape(g.shape)} for ${formatShape(tensor.shape)}`,
    );
  }
  return reshape(summed, tensor.shape);
}
