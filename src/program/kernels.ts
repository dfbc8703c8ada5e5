/**
 * Every hand-written kernel: what it binds, its parameters in the order of the WGSL struct `Params`, the size
 * of its grid and its arithmetic. `shaders/<name>.wgsl` and `backend/cpu/kernels.ts` implement it under the
 * same name, binding for binding and field for field.
 */
export type Params = Readonly<Record<string, number>>;

export interface BindingSpec {
  readonly name: string;
  readonly access: 'read' | 'write' | 'update';
  readonly type: 'f32' | 'u32';
}

export interface KernelSpec {
  readonly name: string;
  readonly bindings: readonly BindingSpec[];
  /** Field names of `Params`; those in `floats` are f32, the others u32. */
  readonly params: readonly string[];
  readonly floats: readonly string[];
  /**
   * `items`: one invocation an item, in workgroups of WORKGROUP along x; what passes the device's limit wraps
   * into y, so an item's number is (workgroup.y·num_workgroups.x + workgroup.x)·WORKGROUP + local.
   * `workgroups`: an exact count; what passes the limit wraps into z: workgroup.z·num_workgroups.x + workgroup.x.
   *
   * @param subgroups whether kernels of a layer go by subgroups
   */
  grid(p: Params, subgroups?: boolean): { items: number } | { workgroups: number };
  /** Multiply and add count as two, a transcendental as one. */
  flops(p: Params): number;
  /** Elements of a binding that are read or written, by its name, where those are fewer than the buffer holds. */
  touches?(p: Params): Readonly<Record<string, number>>;
}

/** Items a workgroup of a one-dimensional kernel handles; WGSL files declare the same size. */
export const WORKGROUP = 64;
/** Rows of the batch that one workgroup of the fused network kernels carries through all layers. */
export const MLP_ROWS = 8;
/** Widest layer of the fused network kernels on a GPU: two tiles of activations of this width fit in 16 KiB. */
export const MLP_WIDTH = 256;
/** Most linear layers of the fused network kernels. */
export const MLP_LAYERS = 12;
/** Rows and columns of the weight tile that one workgroup of `mlp_backward_weights` accumulates. */
export const WEIGHT_TILE = 16;
/** Rows and columns of the output tile of one workgroup of `matmul`. */
export const MATMUL_TILE = 32;

/** Parameters that one invocation of `adam` takes. */
export const ADAM_ITEMS = 8;
/** Columns that one invocation of `replay_sample` copies. */
export const REPLAY_COLUMNS = 16;
/**
 * Invocations at most in the one workgroup of the kernels that sum over all items, and at least, and the items that each takes
 * before there are more of them: software adapters compile in proportion to them.
 */
export const SUM_THREADS = { most: 256, least: 16, items: 4 };
/** Longest edge of the tile that one invocation of the layer kernels makes in registers. */
export const LAYER_TILE = 8;
/** Shortest edge of a layer kernel's output that quads make: of a shorter one most of them would go to waste. */
export const LAYER_QUADS = 3;
/** Invocations in a workgroup of the layer kernels: few, so that small layers fill all cores. */
export const LAYER_GROUP = 8;
/** Invocations in a workgroup of the kernels that take rows of their own through several layers: as few as have sharers. */
export const PASS_GROUP = 4;

/** Activations as the kernels number them. */
export const activations = ['identity', 'relu', 'tanh', 'silu', 'elu', 'softplus', 'gelu'] as const;
export type Activation = (typeof activations)[number];

/** Whether the network kernels save the activation's input; of the others they save the output. */
export const savesInput = (kind: Activation): boolean => kind === 'silu' || kind === 'gelu';

/** Score-function baselines as `loss_score` numbers them. */
export const scoreBaselines = ['none', 'mean', 'loo', 'value'] as const;
export type ScoreBaseline = (typeof scoreBaselines)[number];

/** What `philox` writes. */
export const randomKinds = ['bits', 'uniform', 'normal'] as const;
export type RandomKind = (typeof randomKinds)[number];

const bind = (text: string): BindingSpec[] =>
  text.split(' ').map((part) => {
    const [name, access, type = 'f32'] = part.split(':');
    return { name, access: access as BindingSpec['access'], type: type as BindingSpec['type'] };
  });

const spec = (
  name: string,
  bindings: string,
  params: string,
  grid: KernelSpec['grid'],
  flops: KernelSpec['flops'],
  floats: readonly string[] = [],
  touches?: KernelSpec['touches'],
): KernelSpec => ({
  ...{ name, bindings: bind(bindings), params: params.split(' '), floats, grid, flops },
  ...(touches ? { touches } : {}),
});

/** Elements along an axis with this stride: one where all have the same place. */
const along = (stride: number, extent: number): number => (stride === 0 ? 1 : extent);

/** A batch of input rows is often a part of wider ones. */
const segmentsTouched = (p: Params): Readonly<Record<string, number>> => ({
  x0: p.x0Rows * p.x0Width,
  x1: p.x1Rows * p.x1Width,
});

const dims = (p: Params): number[] => Array.from({ length: p.layers + 1 }, (_, i) => p[`d${i}`]);
const dimFields = Array.from({ length: MLP_LAYERS + 1 }, (_, i) => `d${i}`).join(' ');
const segmentFields = 'x0Offset x0Stride x0Rows x0Width x1Offset x1Stride x1Rows x1Width';

/** Σ in·out over the layers from `first`. */
const weightCount = (p: Params, first = 0): number => {
  const d = dims(p);
  let count = 0;
  for (let layer = first; layer < p.layers; layer++) count += d[layer] * d[layer + 1];
  return count;
};

const ceil = (a: number, b: number): number => Math.ceil(a / b);

/** Tiles of the weight gradient of one network: those of each layer's [in + 1, out] (the extra row is the bias). */
export function weightTiles(p: Params): number {
  const d = dims(p);
  let tiles = 0;
  for (let layer = 0; layer < p.layers; layer++)
    tiles += ceil(d[layer] + 1, WEIGHT_TILE) * ceil(d[layer + 1], WEIGHT_TILE);
  return tiles;
}

/** The tiles that invocations of a layer kernel make. */
export interface Tiles {
  /** Edges of a tile. */
  readonly rows: number;
  readonly columns: number;
  /** Invocations that share the loads of a row, and of a column: 2 and 2 in quads, which make 2·rows by 2·columns. */
  readonly rowSharers: 1 | 2;
  readonly columnSharers: 1 | 2 | 4;
  /** Whether no tile passes the layer's edge. */
  readonly fit: boolean;
}

/** How a layer kernel is cut into tiles, one an invocation. */
export interface LayerTiles extends Tiles {
  /** Invocations for one network. */
  readonly invocations: number;
}

/** The edge of as few equal tiles as cover a length, of which each of the sharers loads an equal part. */
const equalEdge = (length: number, sharers: number): number =>
  sharers * ceil(length, sharers ** 2 * ceil(length, sharers * LAYER_TILE));

/**
 * The tiles of a layer kernel of [rows, columns], equal ones that cover it with the least excess: in quads where the
 * device has subgroups and no edge is too short. Else narrow layers, which are little of the work, have tiles of one column:
 * heads of any width are one kernel then, and less of it to compile.
 */
export function layerTiles(rows: number, columns: number, subgroups = false): LayerTiles {
  const sharers = subgroups && Math.min(rows, columns) >= LAYER_QUADS ? 2 : 1;
  const along = (length: number) => {
    const count = ceil(length, sharers * LAYER_TILE);
    const edge = equalEdge(length, sharers);
    return { edge, covered: sharers * count * edge, tiles: sharers * count };
  };
  const narrow = sharers === 1 && columns < 2 * LAYER_TILE;
  const down = along(rows);
  const across = narrow ? { edge: 1, covered: columns, tiles: columns } : along(columns);
  return {
    rows: down.edge,
    columns: across.edge,
    rowSharers: sharers,
    columnSharers: sharers,
    fit: down.covered === rows && across.covered === columns,
    invocations: down.tiles * across.tiles,
  };
}

/**
 * The tiles of a layer's weight gradient, [inputs, outputs], in a kernel that takes in all layers of a network. Short edges
 * have small ones of equal size whatever the network, so that networks have their code in common.
 */
export function gradientTiles(inputs: number, outputs: number, subgroups = false): LayerTiles {
  const sharers = subgroups && outputs >= 2 * LAYER_TILE ? 2 : 1;
  const rows = inputs < LAYER_TILE ? 4 / sharers : inputs < 4 * LAYER_TILE ? 4 : equalEdge(inputs, sharers);
  const columns = outputs < 2 * LAYER_TILE ? 1 : equalEdge(outputs, sharers);
  const tiles = ceil(inputs, sharers * rows) * ceil(outputs, sharers * columns);
  return {
    rows,
    columns,
    rowSharers: sharers,
    columnSharers: sharers,
    fit: false,
    invocations: tiles * sharers ** 2,
  };
}

/** Rows that an invocation takes through several layers: fewer where weights are shared, so that tiles can be wider. */
const passRows = (subgroups?: boolean): number => (subgroups ? LAYER_TILE / 2 : LAYER_TILE);

/** Workgroups that take the rows of all networks through several layers. */
export const passGroups = ({ nets, rows }: Params, subgroups?: boolean): number =>
  nets * ceil(rows, PASS_GROUP * passRows(subgroups));

/**
 * Tiles of a layer in a kernel that takes rows through several: in turn all of `columns`, each made of `inner` products.
 * Narrow layers, and those of few products, have small ones of equal size whatever the network, so that networks have
 * code in common and less of it.
 */
export function passTiles(batch: number, columns: number, inner: number, subgroups = false): Tiles {
  const rows = passRows(subgroups);
  const narrow = columns < 2 * LAYER_TILE;
  const columnSharers = subgroups && !narrow ? 4 : 1;
  const most = subgroups ? 2 * LAYER_TILE : LAYER_TILE;
  const equal = columnSharers * ceil(columns, columnSharers * ceil(columns, most));
  const edge = narrow ? 1 : inner < 2 * LAYER_TILE ? most / 2 : equal;
  return {
    rows,
    columns: edge,
    rowSharers: 1,
    columnSharers,
    fit: batch % (PASS_GROUP * rows) === 0 && columns % edge === 0,
  };
}

/** Workgroups of a layer kernel of [nets, rows, columns] with a tile for each invocation, and some more items. */
const layerGrid = (
  nets: number,
  rows: number,
  columns: number,
  subgroups?: boolean,
  more = 0,
): ReturnType<typeof one> => ({
  workgroups: ceil(nets * layerTiles(rows, columns, subgroups).invocations + more, LAYER_GROUP),
});

const one = (): { workgroups: number } => ({ workgroups: 1 });

export const kernels: readonly KernelSpec[] = [
  // y = activation(a·b + bias); z receives the sum before the activation when `storeZ` is 1.
  spec(
    'matmul',
    'a:read b:read bias:read y:write z:write',
    'batch rows columns inner aOffset aBatch aRow aColumn bOffset bBatch bRow bColumn biasOffset biasBatch hasBias activation storeZ',
    (p) => ({ workgroups: ceil(p.columns, MATMUL_TILE) * ceil(p.rows, MATMUL_TILE) * p.batch }),
    (p) => 2 * p.batch * p.rows * p.columns * p.inner,
    [],
    // Weights are a part of all parameters.
    (p) => ({
      a: along(p.aBatch, p.batch) * along(p.aRow, p.rows) * along(p.aColumn, p.inner),
      b: along(p.bBatch, p.batch) * along(p.bRow, p.inner) * along(p.bColumn, p.columns),
      bias: along(p.biasBatch, p.batch) * p.columns,
    }),
  ),
  // x1Width is 0 when there is one segment. gelu is the tanh form.
  // One or two input segments side by side: row r of segment i is at offset + (r mod rows)·stride.
  // Parameters of a network: W0 [d0, d1], b0 [d1], W1, b1, ... ; networks follow each other.
  // saved: for each hidden layer in turn [nets, rows, width]: the output of relu, tanh, elu and softplus,
  // the input of silu and gelu, whichever gives the derivative.
  spec(
    'mlp_forward',
    'x0:read x1:read parameters:read y:write saved:write',
    `nets rows layers activation storeSaved ${segmentFields} ${dimFields}`,
    (p) => ({ workgroups: p.nets * ceil(p.rows, MLP_ROWS) }),
    (p) => 2 * p.nets * p.rows * weightCount(p),
    [],
    segmentsTouched,
  ),
  // dz: gradient before each hidden activation, laid out as saved. dx is summed over networks and, where a
  // segment has fewer rows than the batch, written for every row (the caller sums).
  spec(
    'mlp_backward_inputs',
    'dy:read parameters:read saved:read dz:write dx0:write dx1:write',
    `nets rows layers activation storeDz storeDx0 storeDx1 x0Width x1Width ${dimFields}`,
    (p) => ({ workgroups: ceil(p.rows, MLP_ROWS) }),
    (p) =>
      2 * p.nets * p.rows * (weightCount(p, 1) + (p.storeDx0 * p.x0Width + p.storeDx1 * p.x1Width) * p.d1),
  ),
  spec(
    'mlp_backward_weights',
    'x0:read x1:read saved:read dz:read dy:read dparameters:write',
    `nets rows layers activation ${segmentFields} ${dimFields}`,
    (p) => ({ workgroups: p.nets * weightTiles(p) }),
    (p) => 2 * p.nets * p.rows * weightCount(p),
    [],
    segmentsTouched,
  ),
  // One layer of the above. Parameters of a network begin at net·parametersStride, the layer's at parametersOffset.
  // Row r of segment i lies at offset + net·xNet + (r mod rows)·stride. y, z [nets, rows, outputs].
  spec(
    'mlp_layer_forward',
    'x0:read x1:read parameters:read y:write z:write',
    'nets rows outputs activation parametersOffset parametersStride storeZ x0Offset x0Net x0Stride x0Rows x0Width hasX1 x1Offset x1Stride x1Rows x1Width',
    (p, subgroups) => layerGrid(p.nets, p.rows, p.outputs, subgroups),
    (p) => 2 * p.nets * p.rows * (p.x0Width + p.x1Width) * p.outputs,
    [],
    (p) => ({
      x0: along(p.x0Net, p.nets) * p.x0Rows * p.x0Width,
      x1: p.x1Rows * p.x1Width,
      parameters: along(p.parametersStride, p.nets) * (p.x0Width + p.x1Width + 1) * p.outputs,
    }),
  ),
  // dx [nets, rows, columns], or with sumNets [rows, columns]: of the inputs from firstInput on. saved as dx.
  spec(
    'mlp_layer_backward',
    'dy:read parameters:read saved:read dx:write',
    'nets rows outputs firstInput columns activation hasSaved sumNets parametersOffset parametersStride',
    (p, subgroups) => layerGrid(p.sumNets ? 1 : p.nets, p.rows, p.columns, subgroups),
    (p) => 2 * p.nets * p.rows * p.columns * p.outputs,
    [],
    (p) => ({ parameters: p.nets * p.columns * p.outputs }),
  ),
  // Of one segment's weights, at weightsOffset in a network's parameters, and with hasBias of the bias. activation is
  // that of a hidden layer's saved values, 0 for inputs.
  spec(
    'mlp_layer_backward_weights',
    'x:read dy:read dparameters:write',
    'nets rows inputs outputs activation hasBias weightsOffset biasOffset parametersStride xOffset xNet xStride xRows',
    (p, subgroups) => layerGrid(p.nets, p.inputs, p.outputs, subgroups, p.hasBias * p.nets * p.outputs),
    (p) => 2 * p.nets * p.rows * p.inputs * p.outputs,
    [],
    (p) => ({
      x: along(p.xNet, p.nets) * p.xRows * p.inputs,
      dparameters: p.nets * (p.inputs + p.hasBias) * p.outputs,
    }),
  ),
  // head [batch, 2·actions] = mean beside log-std (clamped to the bounds); noise [samples, batch, actions].
  // squash 1: action = tanh(preTanh), log-prob with its Jacobian. Any store flag may be 0.
  // noise begins at its offset.
  spec(
    'gaussian_sample',
    'head:read noise:read action:write preTanh:write logProb:write',
    'batch samples actions squash storeAction storePreTanh storeLogProb logStdMin logStdMax noiseOffset',
    (p) => ({ items: p.samples * p.batch }),
    (p) => 12 * p.samples * p.batch * p.actions,
    ['logStdMin', 'logStdMax'],
    (p) => ({ noise: p.samples * p.batch * p.actions }),
  ),
  spec(
    'gaussian_sample_backward',
    'head:read noise:read dAction:read dPreTanh:read dLogProb:read dHead:write',
    'batch samples actions squash hasAction hasPreTanh hasLogProb logStdMin logStdMax',
    (p) => ({ items: p.batch * p.actions }),
    (p) => 14 * p.samples * p.batch * p.actions,
    ['logStdMin', 'logStdMax'],
  ),
  // value [samples, batch, actions] is before the tanh.
  spec(
    'gaussian_log_prob',
    'head:read value:read logProb:write',
    'batch samples actions squash logStdMin logStdMax',
    (p) => ({ items: p.samples * p.batch }),
    (p) => 12 * p.samples * p.batch * p.actions,
    ['logStdMin', 'logStdMax'],
  ),
  spec(
    'gaussian_log_prob_backward',
    'head:read value:read dLogProb:read dHead:write dValue:write',
    'batch samples actions squash storeDHead storeDValue logStdMin logStdMax',
    (p) => ({ items: p.batch * p.actions }),
    (p) => 12 * p.samples * p.batch * p.actions,
    ['logStdMin', 'logStdMax'],
  ),
  // loss = mean(logProb − min over nets of q/temperature), with its gradients; ties of the minimum share.
  spec(
    'loss_reverse_kl',
    'logProb:read q:read temperature:read loss:write dLogProb:write dQ:write',
    'nets samples batch storeLoss storeDLogProb storeDQ',
    one,
    (p) => (4 + 2 * p.nets) * p.samples * p.batch,
  ),
  // f = logProb − min q/temperature; loss = mean f; dLogProb = (f − baseline)/(samples·batch).
  spec(
    'loss_score',
    'logProb:read q:read temperature:read value:read loss:write dLogProb:write',
    'nets samples batch baseline storeLoss storeDLogProb',
    one,
    (p) => (6 + p.nets) * p.samples * p.batch,
  ),
  // w = softmax over samples of min q/temperature − logProposal; loss = −mean_b Σ_k w logProb;
  // effectiveSampleSize = mean_b 1/Σ w²; dLogProb = −w/batch.
  spec(
    'loss_snis',
    'logProb:read q:read logProposal:read temperature:read loss:write effectiveSampleSize:write dLogProb:write',
    'nets samples batch storeLoss storeEss storeDLogProb',
    one,
    (p) => (10 + 2 * p.nets) * p.samples * p.batch,
  ),
  // y = reward + discount·(1 − terminated)(min nextQ − temperature·nextLogProb);
  // loss = Σ_nets mean_b (q − y)²; dQ its gradient. transition [batch, ·] holds reward and terminated. nextLogProb begins
  // at its offset.
  spec(
    'loss_soft_bellman',
    'transition:read nextLogProb:read nextQ:read q:read temperature:read loss:write dQ:write target:write',
    'nets batch transitionOffset transitionStride rewardColumn terminatedColumn storeLoss storeDQ storeTarget discount nextLogProbOffset',
    one,
    (p) => (8 + 5 * p.nets) * p.batch,
    ['discount'],
    (p) => ({ transition: 2 * p.batch, nextLogProb: p.batch }),
  ),
  // moments [2, count]: m, then v. t = clock[2] + 1. g = gradient·scale; decoupled 1: p ·= 1 − learningRate·weightDecay,
  // else g += weightDecay·p; m, v, p as Kingma & Ba, with 1 − β given: float32 would lose five digits of it. With
  // hasTarget: target += tau·(p − target), after the step.
  // Where the new p or v is NaN or infinite, and clock[4] still 0: clock[5] = place, clock[4] = t. A gradient that is
  // not finite leaves v so, too.
  spec(
    'adam',
    'parameters:update moments:update gradient:read target:update scale:read clock:update:u32',
    'count hasTarget hasScale decoupled learningRate beta1 beta2 epsilon weightDecay tau beta1Complement beta2Complement place',
    (p) => ({ items: ceil(p.count, ADAM_ITEMS) }),
    (p) => (14 + 3 * p.hasTarget) * p.count,
    ['learningRate', 'beta1', 'beta2', 'beta1Complement', 'beta2Complement', 'epsilon', 'weightDecay', 'tau'],
  ),
  // entropy = −mean logProb [samples]; then the step of adam on log α with the gradient entropy − targetEntropy.
  // hasTarget and decoupled are 0. Then log α is brought within logMin and logMax; NaN stays.
  spec(
    'temperature_step',
    'parameters:update moments:update logProb:read entropy:write clock:update:u32',
    'samples decoupled hasTarget targetEntropy learningRate beta1 beta2 epsilon weightDecay tau beta1Complement beta2Complement place logMin logMax',
    one,
    (p) => p.samples + 17,
    [
      'targetEntropy',
      'learningRate',
      'beta1',
      'beta2',
      'beta1Complement',
      'beta2Complement',
      'epsilon',
      'weightDecay',
      'tau',
      'logMin',
      'logMax',
    ],
  ),
  // y [count] words: Philox 4×32-10 with counter (block, clock[2], draw, clock[3]) and key (clock[0], clock[1]);
  // kind: bits, uniform in (0, 1), standard normal. Floats are stored by their bits. Several draws of `each` words, a
  // multiple of 4, follow each other: the next is draw + drawStep.
  spec(
    'philox',
    'clock:read:u32 y:write:u32',
    'count draw kind each drawStep',
    (p) => ({ items: ceil(p.count, 4) }),
    (p) => 30 * p.count,
  ),
  // Row i is storage[mulhi(bits_i, fill[0])], bits_i the words of draw `draw`.
  spec(
    'replay_sample',
    'storage:read fill:read:u32 clock:read:u32 y:write',
    'batch width draw',
    (p) => ({ items: p.batch * ceil(p.width, REPLAY_COLUMNS) }),
    (p) => p.batch * p.width,
    [],
    (p) => ({ storage: p.batch * p.width }),
  ),
  spec(
    'gather',
    'x:read index:read y:write',
    'outer entries picks inner',
    (p) => ({ items: p.outer * p.picks * p.inner }),
    () => 0,
    [],
    (p) => ({ x: p.outer * p.picks * p.inner }),
  ),
  spec(
    'scatter_add',
    'x:read index:read y:write',
    'outer entries picks inner',
    (p) => ({ items: p.outer * p.entries * p.inner }),
    (p) => p.outer * p.picks * p.inner,
  ),
  // Nodes u_i with y(u_i) = y(−reach) + i·step, the last of them a step before reach, and log(step/y′(u_i)), where y is a
  // sum over centres of weight·(asinh((u − centre)/scale) − asinh((u − centre)/far)).
  spec(
    'gathered_nodes',
    'centre:read scale:read far:read weight:read reach:read nodes:write logLength:write',
    'centres lanes count',
    (p) => ({ items: p.lanes }),
    // Two steps of Newton's method for most nodes.
    (p) => 40 * p.centres * p.lanes * p.count,
  ),
  spec(
    'assign',
    'x:read y:write',
    'count',
    (p) => ({ items: p.count }),
    () => 0,
  ),
  // clock[2] += 1, the last kernel of every update. Before, as `adam` does, if clock[4] is 0: the first of the watched
  // scalars that is NaN or infinite gives clock[5] = place + its index, clock[4] = clock[2] + 1.
  spec(
    'tick',
    'clock:update:u32 watched0:read watched1:read watched2:read watched3:read watched4:read watched5:read',
    'watched place',
    one,
    () => 0,
  ),
];

const byName = new Map(kernels.map((kernel) => [kernel.name, kernel]));

export function kernelSpec(name: string): KernelSpec {
  const found = byName.get(name);
  if (!found) throw new Error(`no kernel is called '${name}'`);
  return found;
}
