import { ceilDivide, fields, kernel, type Params } from './layout.ts';

/** Rows of the batch that one workgroup of the network kernels carries through all layers. */
export const MLP_ROWS = 8;
/** Invocations of such a workgroup. */
export const MLP_THREADS = 64;
/** Widest layer of the network kernels on a GPU: two tiles of activations of this width fit in 16 KiB. */
export const MLP_WIDTH = 256;
/** Most linear layers of the network kernels. */
export const MLP_LAYERS = 12;
/** Rows and columns of the weight tile that one workgroup of `mlp_backward_weights` accumulates. */
export const WEIGHT_TILE = 16;

const dimensions = fields('u32', [
  'd0',
  'd1',
  'd2',
  'd3',
  'd4',
  'd5',
  'd6',
  'd7',
  'd8',
  'd9',
  'd10',
  'd11',
  'd12',
]);
// One or two input segments side by side: row r of segment i is at offset + (r mod rows)·stride. x1Width is 0 when there
// is one.
const segments = fields('u32', [
  'x0Offset',
  'x0Stride',
  'x0Rows',
  'x0Width',
  'x1Offset',
  'x1Stride',
  'x1Rows',
  'x1Width',
]);

/** The widths of layers, from the inputs to the outputs, as parameters; 0 where there are no more. */
export const dimensionsOf = (widths: readonly number[]): Readonly<Record<keyof typeof dimensions, number>> =>
  Object.fromEntries(Object.keys(dimensions).map((name, i) => [name, widths[i] ?? 0])) as Record<
    keyof typeof dimensions,
    number
  >;

/** Layer widths, from the inputs to the outputs. */
export const widthsOf = (p: Params): number[] =>
  Array.from({ length: (p.layers ?? 0) + 1 }, (_, i) => p[`d${i}`] ?? 0);

/** Σ in·out over the layers from `first`. */
const weightCount = (p: Params, first = 0): number =>
  widthsOf(p).reduce((count, width, i, widths) => count + (i > first ? width * (widths[i - 1] ?? 0) : 0), 0);

/** Tiles of the weight gradient of one network: those of each layer's [in + 1, out] (the extra row is the bias). */
const weightTiles = (p: Params): number =>
  widthsOf(p).reduce((tiles, width, i, widths) => {
    if (i === 0) return tiles;
    return tiles + ceilDivide((widths[i - 1] ?? 0) + 1, WEIGHT_TILE) * ceilDivide(width, WEIGHT_TILE);
  }, 0);

/** Passes of an invocation that takes its columns of every layer, in either direction, for so many networks. */
const passesThrough = (p: Params, nets: number): number =>
  widthsOf(p).reduce((passes, width, i, widths) => {
    const before = widths[i - 1] ?? 0;
    const [narrow, wide] = [Math.min(width, before), Math.max(width, before)];
    return (
      passes +
      nets * (ceilDivide(wide, MLP_THREADS) * (narrow + 10) + ceilDivide(narrow, MLP_THREADS) * (wide + 10))
    );
  }, 4 * widthsOf(p).length);

/** A batch of input rows is often a part of wider ones. */
const segmentsTouched = (p: Readonly<Record<keyof typeof segments, number>>) => ({
  x0: p.x0Rows * p.x0Width,
  x1: p.x1Rows * p.x1Width,
});

/**
 * The tiles of activations are as wide as the widest layer, so that narrow networks leave workgroup memory for others.
 * With `half`, hidden layers are handed on as float16, cotangents of them times SCALE.
 */
const constants = (p: Params): Params => ({
  ROWS: MLP_ROWS,
  THREADS: MLP_THREADS,
  TILE: WEIGHT_TILE,
  WIDTH: Math.max(1, ...widthsOf(p)),
  HALF: p.half ?? 0,
  SCALE: 2 ** Math.ceil(Math.log2(p.half ? (p.rows ?? 1) : 1)),
});

/**
 * Parameters of a network: W0 [d0, d1], b0 [d1], W1, b1, ...; networks follow each other. saved: for each hidden layer in
 * turn [nets, rows, width]: the output of relu, tanh, elu and softplus, the input of silu and gelu, whichever gives the
 * derivative.
 */
export const mlpForward = kernel({
  name: 'mlp_forward',
  bindings: { x0: 'read', x1: 'read', parameters: 'read', y: 'write', saved: 'write hidden' },
  params: {
    nets: 'choice',
    rows: 'u32',
    layers: 'choice',
    activation: 'choice',
    storeSaved: 'choice',
    ...segments,
    ...dimensions,
  },
  grid: ({ nets, rows }) => ({ workgroups: nets * ceilDivide(rows, MLP_ROWS) }),
  flops: (p) => 2 * p.nets * p.rows * weightCount(p),
  touches: segmentsTouched,
  constants,
  passes: (p) => passesThrough(p, 1),
});

/**
 * dz: gradient before each hidden activation, laid out as saved. dx is summed over networks and, where a segment has fewer
 * rows than the batch, written for every row (the caller sums).
 */
export const mlpBackwardInputs = kernel({
  name: 'mlp_backward_inputs',
  bindings: {
    dy: 'read',
    parameters: 'read',
    saved: 'read hidden',
    dz: 'write hidden',
    dx0: 'write',
    dx1: 'write',
  },
  params: {
    nets: 'choice',
    rows: 'u32',
    layers: 'choice',
    activation: 'choice',
    storeDz: 'choice',
    storeDx0: 'choice',
    storeDx1: 'choice',
    x0Width: 'u32',
    x1Width: 'u32',
    ...dimensions,
  },
  grid: ({ rows }) => ({ workgroups: ceilDivide(rows, MLP_ROWS) }),
  flops: (p) =>
    2 * p.nets * p.rows * (weightCount(p, 1) + (p.storeDx0 * p.x0Width + p.storeDx1 * p.x1Width) * p.d1),
  constants,
  passes: (p) => passesThrough(p, p.nets),
});

export const mlpBackwardWeights = kernel({
  name: 'mlp_backward_weights',
  bindings: {
    x0: 'read',
    x1: 'read',
    saved: 'read hidden',
    dz: 'read hidden',
    dy: 'read',
    dparameters: 'write',
  },
  params: {
    nets: 'choice',
    rows: 'u32',
    layers: 'choice',
    activation: 'choice',
    ...segments,
    ...dimensions,
  },
  grid: (p) => ({ workgroups: p.nets * weightTiles(p) }),
  flops: (p) => 2 * p.nets * p.rows * weightCount(p),
  touches: segmentsTouched,
  constants,
  // Of a slice a quarter of the rows; the first layer's inputs are loaded one by one.
  passes: ({ rows, layers }) => 5 * ceilDivide(rows, 4) + ceilDivide(rows, 512) + 4 * layers + 8,
});
