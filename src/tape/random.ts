import { philox } from '../kernels/index.ts';
import type { Shape } from '../math/shape.ts';
import { callOf, currentRecording, inputAt, type Op, outputAt, record, type Tensor } from './tensor.ts';

interface Draw {
  readonly kind: number;
  readonly draw: number;
  readonly shape: Shape;
}

const philoxOp: Op<Draw> = {
  name: 'philox',
  words: [0],
  infer: (_inputs, { kind, shape }) => [{ shape, dtype: kind === 0 ? 'u32' : 'f32' }],
  call: ({ node, attributes: { kind, draw } }) => {
    const count = node.outputs[0].size;
    return callOf(
      philox,
      { clock: inputAt(0), y: outputAt(0) },
      { count, draw, kind, each: count, drawStep: 0 },
    );
  },
};

function draw(kind: number, shape: Shape): Tensor {
  const recording = currentRecording();
  return record(philoxOp, [recording.clock()], { kind, draw: recording.nextDraw(), shape });
}

/**
 * Fresh random words, uniforms in (0, 1) or standard normals at every update, the same on every backend for
 * the same clock: Philox with the element, the update and the draw as its counter. Not differentiable.
 *
 * @source Salmon et al. 2011; normals by Box & Muller 1958
 */
export const randomBits = (shape: Shape): Tensor => draw(0, shape);
/** Uniform in the open interval (0, 1); see {@link randomBits}. */
export const randomUniform = (shape: Shape): Tensor => draw(1, shape);
/** Standard normal; see {@link randomBits}. */
export const randomNormal = (shape: Shape): Tensor => draw(2, shape);
