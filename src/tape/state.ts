import { UsageError } from '../errors.ts';
import { assign as kernel } from '../kernels/index.ts';
import { sameShape } from '../math/shape.ts';
import { grad } from './grad.ts';
import {
  callOf,
  currentRecording,
  inputAt,
  type Op,
  read,
  recordNode,
  requireTensors,
  type State,
  shapeError,
  type Tensor,
} from './tensor.ts';

const assignOp: Op<null> = {
  name: 'assign',
  infer: () => [],
  call: ({ node }) =>
    callOf(kernel, { x: inputAt(0), y: { state: node.writes[0] } }, { count: node.inputs[0].size }),
};

/** Sets a state to a value computed in this update. @throws ShapeError unless both are f32 and of one shape */
export function assign(state: State, value: Tensor): void {
  requireTensors('assign', value);
  if (!sameShape(state.shape, value.shape))
    throw shapeError('assign', [value], `state '${state.name}' has shape [${state.shape}]`);
  if (state.dtype !== 'f32')
    throw shapeError('assign', [value], `state '${state.name}' holds ${state.dtype}, which no update writes`);
  recordNode(assignOp, [value], null, [state]);
}

/**
 * Gradient of a scalar loss with respect to a state, of the state's shape.
 *
 * @throws UsageError when the loss does not depend on the state, as when the state was updated in between
 */
export function gradient(loss: Tensor, state: State): Tensor {
  currentRecording().own(loss, 'gradient');
  const value = read(state);
  if (!dependsOn(loss, value)) {
    throw new UsageError(
      `the loss does not depend on '${state.name}' as it stands; record the gradient before its update`,
    );
  }
  return grad(loss, [value])[0];
}

/** Whether a tensor is computed from another, by any path: also through constants and `stopGradient`. */
export function dependsOn(tensor: Tensor, target: Tensor): boolean {
  const seen = new Set([tensor.node]);
  for (const node of seen) {
    if (node === target.node) return true;
    for (const input of node.inputs) seen.add(input.node);
  }
  return false;
}
