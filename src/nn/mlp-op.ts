import { MLP_LAYERS } from '../kernels/index.ts';
import { sizeOf } from '../math/shape.ts';
import { isPadded, isPlain, type View } from '../math/view.ts';
import {
  flatMatrix,
  type KernelBinding,
  matmul,
  matrixStrides,
  mul,
  type Op,
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

const segmentParams = (i: number, view: View | undefined, width: number): Record<string, number> => {
  const place = view && rowsOf(view);
  return {
    [`x${i}Offset`]: place?.offset ?? 0,
    [`x${i}Stride`]: place?.stride ?? 0,
    [`x${i}Rows`]: place?.rows ?? 1,
    [`x${i}Width`]: width,
  };
};

const layerParams = ({ dims, nets, activation }: MlpShape, rows: number): Record<string, number> => ({
  nets,
  rows,
  layers: dims.length - 1,
  activation: activationIndex(activation),
  ...Object.fromEntries(Array.from({ length: MLP_LAYERS + 1 }, (_, i) => [`d${i}`, dims[i] ?? 0])),
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
  call: ({ node, attributes: { shape, lead }, view, live }) => ({
    kernel: 'mlp_forward',
    bindings: [{ input: 1 }, second(node.inputs, 2), { input: 0 }, { output: 0 }, { output: 1 }],
    params: {
      ...layerParams(shape, sizeOf(lead)),
      storeSaved: Number(live(1)),
      ...segmentParams(0, view(1), widthOf(node.inputs[1])),
      ...segmentParams(1, node.inputs[2] && view(2), widthOf(node.inputs[2])),
    },
  }),
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
  call: ({ attributes: { shape, lead, widths }, live }) => ({
    kernel: 'mlp_backward_inputs',
    bindings: [
      { input: 0 },
      { input: 1 },
      { input: 2 },
      { output: 0 },
      { output: 1 },
      widths.length > 1 ? { output: 2 } : null,
    ],
    params: {
      ...layerParams(shape, sizeOf(lead)),
      storeDz: Number(live(0) && shape.dims.length > 2),
      storeDx0: Number(live(1)),
      storeDx1: Number(widths.length > 1 && live(2)),
      x0Width: widths[0],
      x1Width: widths[1] ?? 0,
    },
  }),
};

/** Inputs: saved, dz, dy, segments. Output: the gradient of the parameters [nets, P]. */
const mlpWeightsOp: Op<MlpAttributes> = {
  name: 'mlp∇weights',
  infer: (_inputs, { shape }) => [{ shape: [shape.nets, parameterCount(shape.dims)], dtype: 'f32' }],
  accepts: (i, view) => (i < 3 ? isPlain(view) : rowsOf(view) !== undefined),
  call: ({ node, attributes: { shape, lead }, view }) => ({
    kernel: 'mlp_backward_weights',
    bindings: [{ input: 3 }, second(node.inputs, 4), { input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }],
    params: {
      ...layerParams(shape, sizeOf(lead)),
      ...segmentParams(0, view(3), widthOf(node.inputs[3])),
      ...segmentParams(1, node.inputs[4] && view(4), widthOf(node.inputs[4])),
    },
  }),
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
    return {
      kernel: 'matmul',
      bindings: [
        { input: 0 },
        { input: 1 },
        { input: 2 },
        { output: 0 },
        node.outputs.length > 1 ? { output: 1 } : null,
      ],
      params: {
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
    };
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
