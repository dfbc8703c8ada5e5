import * as kernels from '../kernels/index.ts';
import { isContiguous, isPlain } from '../math/view.ts';
import { callOf, inputAt, type Op, outputAt, recordNode, shapeError, type Tensor } from '../tape/index.ts';

/** What all Gaussian kernels share: the bounds of log-std, and whether tanh follows. */
export interface GaussianShape {
  readonly squash: boolean;
  readonly logStdMin: number;
  readonly logStdMax: number;
}

interface GaussianAttributes {
  readonly shape: GaussianShape;
  /** `score`: actions are constants and only the density depends on the head. */
  readonly gradient: 'pathwise' | 'score';
}

const sizes = ({ shape }: GaussianAttributes, [samples, batch, actions]: readonly number[]) => ({
  batch,
  samples,
  actions,
  squash: Number(shape.squash),
  logStdMin: shape.logStdMin,
  logStdMax: shape.logStdMax,
});

function checkHead(op: string, head: Tensor, value: Tensor): void {
  const [, batch, actions] = value.shape;
  if (
    value.shape.length !== 3 ||
    head.shape.length !== 2 ||
    head.shape[0] !== batch ||
    head.shape[1] !== 2 * actions
  ) {
    throw shapeError(
      op,
      [head, value],
      'needs a head [batch, 2·actions] and values [samples, batch, actions]',
    );
  }
}

/** Inputs: head, noise. Outputs: actions, latent, logProb. */
const sampleOp: Op<GaussianAttributes> = {
  name: 'gaussianSample',
  infer: ([head, noise]) => {
    checkHead('gaussianSample', head, noise);
    const { shape } = noise;
    return [
      { shape, dtype: 'f32' },
      { shape, dtype: 'f32' },
      { shape: shape.slice(0, 2), dtype: 'f32' },
    ];
  },
  accepts: (i, view) => (i === 1 ? isContiguous(view) : isPlain(view)),
  call: ({ node, attributes, view, live }) =>
    callOf(
      kernels.gaussianSample,
      {
        head: inputAt(0),
        noise: inputAt(1),
        action: outputAt(0),
        preTanh: outputAt(1),
        logProb: outputAt(2),
      },
      {
        ...sizes(attributes, node.inputs[1].shape),
        storeAction: Number(live(0)),
        storePreTanh: Number(live(1)),
        storeLogProb: Number(live(2)),
        noiseOffset: view(1).offset,
      },
    ),
  vjp: ({
    inputs: [head, noise],
    outputs: [, latent],
    attributes,
    cotangents: [dAction, dLatent, dLogProb],
  }) => {
    if (attributes.gradient === 'score') {
      if (!dLogProb) return [undefined, undefined];
      return [recordNode(logProbBackwardOp, [head, latent, dLogProb], attributes).outputs[0], undefined];
    }
    const given = [dAction, dLatent, dLogProb];
    const present = given.filter((g): g is Tensor => g !== undefined);
    const backward = { ...attributes, given: given.map((g) => g !== undefined) };
    return [recordNode(sampleBackwardOp, [head, noise, ...present], backward).outputs[0], undefined];
  },
};

/** Inputs: head, noise, and the cotangents that are `given`. Output: gradient of the head. */
const sampleBackwardOp: Op<GaussianAttributes & { readonly given: readonly boolean[] }> = {
  name: 'gaussianSample∇',
  infer: ([head]) => [{ shape: head.shape, dtype: 'f32' }],
  call: ({ node, attributes }) => {
    let next = 2;
    const [dAction, dPreTanh, dLogProb] = attributes.given.map((given) => (given ? inputAt(next++) : null));
    return callOf(
      kernels.gaussianSampleBackward,
      { head: inputAt(0), noise: inputAt(1), dAction, dPreTanh, dLogProb, dHead: outputAt(0) },
      {
        ...sizes(attributes, node.inputs[1].shape),
        hasAction: Number(attributes.given[0]),
        hasPreTanh: Number(attributes.given[1]),
        hasLogProb: Number(attributes.given[2]),
      },
    );
  },
};

/** Inputs: head, value (before the tanh). Output: logProb. */
const logProbOp: Op<GaussianAttributes> = {
  name: 'gaussianLogProb',
  infer: ([head, value]) => {
    checkHead('gaussianLogProb', head, value);
    return [{ shape: value.shape.slice(0, 2), dtype: 'f32' }];
  },
  call: ({ node, attributes }) =>
    callOf(
      kernels.gaussianLogProb,
      { head: inputAt(0), value: inputAt(1), logProb: outputAt(0) },
      sizes(attributes, node.inputs[1].shape),
    ),
  vjp: ({ inputs: [head, value], attributes, cotangents: [g] }) => {
    if (!g) return [undefined, undefined];
    return [...recordNode(logProbBackwardOp, [head, value, g], attributes).outputs];
  },
};

/** Inputs: head, value, dLogProb. Outputs: gradients of head and value. */
const logProbBackwardOp: Op<GaussianAttributes> = {
  name: 'gaussianLogProb∇',
  infer: ([head, value]) => [
    { shape: head.shape, dtype: 'f32' },
    { shape: value.shape, dtype: 'f32' },
  ],
  call: ({ node, attributes, live }) =>
    callOf(
      kernels.gaussianLogProbBackward,
      { head: inputAt(0), value: inputAt(1), dLogProb: inputAt(2), dHead: outputAt(0), dValue: outputAt(1) },
      {
        ...sizes(attributes, node.inputs[1].shape),
        storeDHead: Number(live(0)),
        storeDValue: Number(live(1)),
      },
    ),
};

/**
 * latent = mean + e^logStd·noise; action = latent or tanh(latent); log-density of the action. One kernel.
 *
 * @param head [batch, 2·actions] mean beside log-std
 * @param noise [samples, batch, actions] standard normal
 */
export function gaussianSample(
  shape: GaussianShape,
  gradient: 'pathwise' | 'score',
  head: Tensor,
  noise: Tensor,
): { actions: Tensor; latent: Tensor; logProb: Tensor } {
  const [actions, latent, logProb] = recordNode(sampleOp, [head, noise], { shape, gradient }).outputs;
  return { actions, latent: shape.squash ? latent : actions, logProb };
}

/** Log-density at latents [samples, batch, actions] → [samples, batch]; differentiable in head and value. */
export function gaussianLogProb(shape: GaussianShape, head: Tensor, value: Tensor): Tensor {
  return recordNode(logProbOp, [head, value], { shape, gradient: 'pathwise' }).outputs[0];
}
