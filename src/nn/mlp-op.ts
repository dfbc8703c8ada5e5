import {
  dimensionsOf,
  MLP_LAYERS,
  matmul as matmulKernel,
  mlpBackwardInputs,
  mlpBackwardWeights,
  mlpForward,
} from '../kernels/index.ts';
import { sizeOf } from '../math/shape.ts';
import { isPadded, isPlain, type View } from '../math/view.ts';
import {
  type CallContext,
  callOf,
  flatMatrix,
  inputAt,
  type KernelBinding,
  matmul,
  matrixStrides,
  mul,
  type Op,
  outputAt,
  type RecordingOptions,
  recordNode,
  shapeError,
  sum,
  type Tensor,
  transpose,
} from '../tape/index.ts';
import { type Activation, activationDerivative, activationIndex, keepsInput } from './activation.ts';

/** Sizes of a network without what a caller does not need: layer widths, copies side by side, activation. */
export interface MlpShape {
  /** Layer widths from the inputs to the outputs. */
  readonly dims: readonly number[];
  /** Independent networks evaluated on the same inputs. */
  readonly nets: number;
  readonly activation: Activation;
}

/** Whether the kernels of whole networks hold this one; otherwise it takes the tiled path. */
export function fitsFused(
  { dims }: MlpShape,
  { fusedWidth = Number.POSITIVE_INFINITY }: Pick<RecordingOptions, 'fusedWidth'>,
): boolean {
  return dims.length - 1 <= MLP_LAYERS && Math.max(...dims) <= fusedWidth;
}

/** Elements of one network's parameters: W0 [d0, d1], b0 [d1], W1, b1, ... */
export const parameterCount = (dims: readonly number[]): number =>
  dims.slice(1).reduce((total, width, layer) => total + (dims[layer] + 1) * width, 0);

/** A segment of the input as rows: row r lies at offset + (r mod rows)·stride. */
function rowsOf(view: View): { offset: number; stride: number; rows: number } | undefined {
  if (view.axes.some(isPadded)) return undefined;
  const last = view.axes.at(-1);
  if (!last || (last.size !== 1 && last.stride !== 1)) return undefined;
  const lead = view.axes.slice(0, -1).filter((axis) => axis.size !== 1);
  for (let i = lead.length - 2; i >= 0; i--) {
    if (lead[i].stride !== lead[i + 1].stride * lead[i + 1].size) return undefined;
  }
  return {
    offset: view.offset,
    stride: lead.at(-1)?.stride ?? last.size,
    rows: lead.reduce((n, axis) => n * axis.size, 1),
  };
}

/** Where the first segment, and the second if there is one, lie. @param first number of the first among the inputs */
function segmentParams({ node, view }: Pick<CallContext<unknown>, 'node' | 'view'>, first: number) {
  const nowhere = { offset: 0, stride: 0, rows: 1 };
  const [x0 = nowhere, x1 = nowhere] = [first, first + 1].map((i) =>
    node.inputs[i] ? rowsOf(view(i)) : undefined,
  );
  return {
    x0Offset: x0.offset,
    x0Stride: x0.stride,
    x0Rows: x0.rows,
    x0Width: widthOf(node.inputs[first]),
    x1Offset: x1.offset,
    x1Stride: x1.stride,
    x1Rows: x1.rows,
    x1Width: widthOf(node.inputs[first + 1]),
  };
}

const layerParams = ({ dims, nets, activation }: MlpShape, rows: number) => ({
  nets,
  rows,
  layers: dims.length - 1,
  activation: activationIndex(activation),
  ...dimensionsOf(dims),
});

const hiddenCount = ({ dims, nets }: MlpShape, rows: number): number =>
  nets * rows * dims.slice(1, -1).reduce((total, width) => total + width, 0);

interface MlpAttributes {
  readonly shape: MlpShape;
  /** Leading shape of the batch, e.g. `[samples, batch]`. */
  readonly lead: readonly number[];
}

/** Inputs: parameters [nets, P], then one or two segments [..., width]. Outputs: y [nets, ...lead, out], saved. */
const mlpOp: Op<MlpAttributes> = {
  name: 'mlp',
  infer: (_inputs, { shape, lead }) => [
    { shape: [shape.nets, ...lead, shape.dims.at(-1) as number], dtype: 'f32' },
    { shape: [hiddenCount(shape, sizeOf(lead))], dtype: 'f32' },
  ],
  accepts: (i, view) => (i === 0 ? isPlain(view) : rowsOf(view) !== undefined),
  call: ({ node, attributes: { shape, lead }, view, live }) =>
    callOf(
      mlpForward,
      {
        x0: inputAt(1),
        x1: second(node.inputs, 2),
        parameters: inputAt(0),
        y: outputAt(0),
        saved: outputAt(1),
      },
      {
        ...layerParams(shape, sizeOf(lead)),
        storeSaved: Number(live(1)),
        ...segmentParams({ node, view }, 1),
      },
    ),
  vjp: ({ inputs: [parameters, ...segments], outputs: [, saved], attributes, cotangents: [dy], needs }) => {
    if (!dy) return [undefined, ...segments.map(() => undefined)];
    const widths = segments.map(widthOf);
    const backward = recordNode(mlpBackwardOp, [dy, parameters, saved], { ...attributes, widths });
    const [dz, ...dx] = backward.outputs;
    const dParameters = needs[0]
      ? recordNode(mlpWeightsOp, [saved, dz, dy, ...segments], attributes).outputs[0]
      : undefined;
    return [dParameters, ...dx.map((g, i) => (needs[i + 1] ? g : undefined))];
  },
};

/** Inputs: dy, parameters, saved. Outputs: dz (as saved), then the gradient of each segment for every row. */
const mlpBackwardOp: Op<MlpAttributes & { readonly widths: readonly number[] }> = {
  name: 'mlp∇inputs',
  infer: ([, , saved], { lead, widths }) => [
    { shape: saved.shape, dtype: 'f32' },
    ...widths.map((width) => ({ shape: [...lead, width], dtype: 'f32' as const })),
  ],
  call: ({ attributes: { shape, lead, widths }, live }) =>
    callOf(
      mlpBackwardInputs,
      {
        dy: inputAt(0),
        parameters: inputAt(1),
        saved: inputAt(2),
        dz: outputAt(0),
        dx0: outputAt(1),
        dx1: widths.length > 1 ? outputAt(2) : null,
      },
      {
        ...layerParams(shape, sizeOf(lead)),
        storeDz: Number(live(0) && shape.dims.length > 2),
        storeDx0: Number(live(1)),
        storeDx1: Number(widths.length > 1 && live(2)),
        x0Width: widths[0],
        x1Width: widths[1] ?? 0,
      },
    ),
};

/** Inputs: saved, dz, dy, segments. Output: the gradient of the parameters [nets, P]. */
const mlpWeightsOp: Op<MlpAttributes> = {
  name: 'mlp∇weights',
  infer: (_inputs, { shape }) => [{ shape: [shape.nets, parameterCount(shape.dims)], dtype: 'f32' }],
  accepts: (i, view) => (i < 3 ? isPlain(view) : rowsOf(view) !== undefined),
  call: ({ node, attributes: { shape, lead }, view }) =>
    callOf(
      mlpBackwardWeights,
      {
        x0: inputAt(3),
        x1: second(node.inputs, 4),
        saved: inputAt(0),
        dz: inputAt(1),
        dy: inputAt(2),
        dparameters: outputAt(0),
      },
      { ...layerParams(shape, sizeOf(lead)), ...segmentParams({ node, view }, 3) },
    ),
};

const widthOf = (segment: Tensor | undefined): number => segment?.shape.at(-1) ?? 0;
const second = (inputs: readonly Tensor[], i: number): KernelBinding => (inputs[i] ? { input: i } : null);

/** Records the fused network. @param segments each [..., width], its leading axes a suffix of `lead` */
export function fusedMlp(
  shape: MlpShape,
  parameters: Tensor,
  segments: readonly Tensor[],
  lead: readonly number[],
): Tensor {
  return recordNode(mlpOp, [parameters, ...segments], { shape, lead }).outputs[0];
}

interface DenseAttributes {
  readonly activation: Activation;
}

/** Inputs: x [..., rows, in], weight [nets, in, out], bias [nets, 1, out]. Outputs: h, and z where it is kept. */
const denseOp: Op<DenseAttributes> = {
  name: 'dense',
  infer: ([x, weight, bias], { activation }) => {
    if (x.shape.at(-1) !== weight.shape.at(-2) || bias.shape.at(-1) !== weight.shape.at(-1)) {
      throw shapeError(
        'dense',
        [x, weight, bias],
        `x has ${x.shape.at(-1)} columns, the layer ${weight.shape.at(-2)} inputs`,
      );
    }
    const shape = [weight.shape[0], x.shape.at(-2) as number, weight.shape.at(-1) as number];
    return keepsInput(activation)
      ? [
          { shape, dtype: 'f32' },
          { shape, dtype: 'f32' },
        ]
      : [{ shape, dtype: 'f32' }];
  },
  accepts: (_i, view) => matrixStrides(view) !== undefined,
  call: ({ node, attributes: { activation }, view, live }) => {
    const [batch, rows, columns] = flatMatrix(node.outputs[0].shape);
    const [a, b, c] = [0, 1, 2].map(
      (i) => matrixStrides(view(i)) as NonNullable<ReturnType<typeof matrixStrides>>,
    );
    return callOf(
      matmulKernel,
      {
        a: inputAt(0),
        b: inputAt(1),
        bias: inputAt(2),
        y: outputAt(0),
        z: node.outputs.length > 1 ? outputAt(1) : null,
      },
      {
        batch,
        rows,
        columns,
        inner: node.inputs[1].shape[1],
        aOffset: a.offset,
        aBatch: a.batch,
        aRow: a.row,
        aColumn: a.column,
        bOffset: b.offset,
        bBatch: b.batch,
        bRow: b.row,
        bColumn: b.column,
        biasOffset: c.offset,
        biasBatch: c.batch,
        hasBias: 1,
        activation: activationIndex(activation),
        storeZ: Number(node.outputs.length > 1 && live(1)),
      },
    );
  },
  vjp: ({ inputs: [x, weight], outputs, attributes: { activation }, cotangents: [g], needs }) => {
    if (!g) return [undefined, undefined, undefined];
    const dz = mul(g, activationDerivative(activation, outputs.at(-1) as Tensor));
    return [
      needs[0] ? matmul(dz, transpose(weight)) : undefined,
      needs[1] ? matmul(transpose(x), dz) : undefined,
      needs[2] ? sum(dz, -2, true) : undefined,
    ];
  },
};

/** One layer of every network: activation(x·weight + bias), a tiled matrix product. */
export function dense(x: Tensor, weight: Tensor, bias: Tensor, activation: Activation): Tensor {
  return recordNode(denseOp, [x, weight, bias], { activation }).outputs[0];
}
