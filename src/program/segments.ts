import { kernelSpec } from './kernels.ts';
import type { Step } from './program.ts';

/**
 * A network's two segments of input as one where they lie side by side in the same rows, as a replayed state and action
 * do: layers then run over one segment, and a layer's weight gradient is one kernel instead of two.
 */
export function joinSegments<S extends Step>(step: S): S {
  if (step.kind !== 'kernel') return step;
  const { params, buffers } = step;
  const { bindings } = kernelSpec(step.kernel);
  const [x0, x1] = ['x0', 'x1'].map((name) => bindings.findIndex((binding) => binding.name === name));
  const beside =
    x0 >= 0 &&
    x1 >= 0 &&
    params.x1Width > 0 &&
    buffers[x0] === buffers[x1] &&
    params.x0Stride === params.x1Stride &&
    params.x0Rows === params.x1Rows &&
    params.x0Offset + params.x0Width === params.x1Offset;
  if (!beside) return step;
  const one = { x0Width: params.x0Width + params.x1Width, x1Offset: 0, x1Stride: 0, x1Rows: 1, x1Width: 0 };
  return {
    ...step,
    params: { ...params, ...one },
    buffers: buffers.map((buffer, binding) => (binding === x1 ? -1 : buffer)),
  };
}
