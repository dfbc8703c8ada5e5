import { kernelSpec } from '../../kernels/index.ts';
import type { Draft } from '../draft.ts';
import type { Step } from '../program.ts';

/**
 * A network's two segments of input as one where they lie side by side in the same rows, as a replayed state and action do.
 */
export const joinSegments = (draft: Draft): Draft => ({ ...draft, steps: draft.steps.map(inOneSegment) });

function inOneSegment(step: Step): Step {
  if (step.kind !== 'kernel') return step;
  const { params, buffers } = step;
  const { bindings } = kernelSpec(step.kernel);
  const [x0 = -1, x1 = -1] = ['x0', 'x1'].map((name) => bindings.findIndex((each) => each.name === name));
  const { x0Offset = 0, x0Stride, x0Rows, x0Width = 0, x1Offset = 0, x1Stride, x1Rows, x1Width = 0 } = params;
  const beside =
    x0 >= 0 &&
    x1 >= 0 &&
    x1Width > 0 &&
    buffers[x0] === buffers[x1] &&
    x0Stride === x1Stride &&
    x0Rows === x1Rows &&
    x0Offset + x0Width === x1Offset;
  if (!beside) return step;
  const one = { x0Width: x0Width + x1Width, x1Offset: 0, x1Stride: 0, x1Rows: 1, x1Width: 0 };
  return {
    ...step,
    params: { ...params, ...one },
    buffers: buffers.map((buffer, binding) => (binding === x1 ? -1 : buffer)),
  };
}
