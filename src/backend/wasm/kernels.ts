import {
  type KernelName,
  type KernelNamed,
  type Params,
  type ParamsOf,
  widthsOf,
} from '../../kernels/index.ts';

/** How the work of a step is cut into items, which no thread shares with another. */
interface Work {
  readonly items: number;
  /** Bytes of scratch memory for each thread; 64 when absent. */
  readonly scratch?: number;
  /** Values of the kernel's words. */
  readonly words?: readonly number[];
}

/** What wasm needs to know of a kernel; its code stands in `assembly`. */
export interface WasmKernel<P = Params> {
  /** Numbers that both sides need. The assembly reads `BLOCK` of adam as `Adam.BLOCK`. */
  readonly constants?: Params;
  /** Names of what `work` hands to the kernel besides its parameters: `word(p, Matmul.rowBlock)`. */
  readonly words?: readonly string[];
  /** Estimated nanoseconds of one FLOP; {@link OTHER_NS} when absent. */
  readonly flopNs?: number;
  /**
   * Depends on shapes only, never on the number of threads, so results do not either.
   *
   * @param product bytes of scratch memory of a matrix product
   */
  readonly work: (p: P, product: number) => Work;
}

/** Nanoseconds of a FLOP of matrix products, and of everything else. */
const DENSE_NS = 1 / 30;
export const OTHER_NS = 1 / 4;

const blocks = (count: number, size: number): number => Math.ceil(count / size);
const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Rows of the batch that an item of a matrix product or a network carries: enough to pay for packing weights. */
const rowBlock = (rows: number): number => (rows <= 128 ? 32 : 64);
/** Inputs of a layer, rows of its weight gradient, in an item of `mlp_backward_weights`. */
const inputBlock = (widest: number): number => (widest <= 128 ? 32 : 64);

/** All by one thread. */
const alone = { work: () => ({ items: 1 }) };

/** Items are networks and blocks of rows. @param tiles of activations that an item holds */
const network = (
  p: Params & { readonly rows: number },
  tiles: number,
  nets: number,
  product: number,
): Work => {
  const each = Math.min(p.rows, rowBlock(p.rows));
  const tile = aligned(4 * each * Math.max(...widthsOf(p))) + 64;
  return { items: nets * blocks(p.rows, each), scratch: product + tiles * tile, words: [each] };
};

/** Elements in an item of the Gaussian kernels, about. */
const GAUSSIAN_BLOCK = 512;
const gaussian = {
  words: ['rowBlock'],
  work: ({ batch, actions }: { readonly batch: number; readonly actions: number }): Work => {
    const each = Math.max(1, Math.min(batch, Math.floor(GAUSSIAN_BLOCK / actions)));
    return { items: blocks(batch, each), scratch: 8 * (4 * each * actions + 128), words: [each] };
  },
};

/** The kernels that weigh samples of a row against each other. */
const sampleLoss = {
  work: ({ samples }: { readonly samples: number }): Work => ({ items: 1, scratch: 16 * samples + 64 }),
};

/** Rows gathered at a time for a weight gradient, and rows whose sums may grow in place there: those of more are sums of sums. */
const GATHER_ROWS = 256;
const LONG_ROWS = 16384;
const ADAM_BLOCK = 1024;
/** Of four words each. */
const PHILOX_BLOCKS = 256;
const REPLAY_ROWS = 64;
/** Those of a vector. */
const NODE_LANES = 4;

/** Every hand-written kernel. */
export const wasmKernels: { readonly [N in KernelName]: WasmKernel<ParamsOf<KernelNamed<N>>> } = {
  matmul: {
    words: ['rowBlock'],
    flopNs: DENSE_NS,
    work: ({ batch, rows }, product) => {
      const each = rowBlock(rows);
      return { items: batch * blocks(rows, each), scratch: product, words: [each] };
    },
  },
  mlp_forward: {
    words: ['rowBlock'],
    flopNs: DENSE_NS,
    work: (p, product) => network(p, 2, p.nets, product),
  },
  mlp_backward_inputs: {
    words: ['rowBlock'],
    flopNs: DENSE_NS,
    // Gradients of inputs are sums over networks.
    work: (p, product) => network(p, 3, p.storeDx0 || p.storeDx1 ? 1 : p.nets, product),
  },
  mlp_backward_weights: {
    constants: { GATHER_ROWS, LONG_ROWS },
    words: ['inputBlock', 'perNet'],
    flopNs: DENSE_NS,
    work: (p, product) => {
      const widths = widthsOf(p);
      const inputs = widths.slice(0, -1);
      const each = inputBlock(Math.max(...inputs));
      const perNet = inputs.reduce((total, width) => total + blocks(width, each), 0);
      // Sums of many rows are made beside the gradient before they join it.
      const sums = p.rows > LONG_ROWS ? each * Math.max(...widths) : 0;
      const scratch = product + 4 * (GATHER_ROWS * each + sums) + 128;
      return { items: p.nets * perNet, scratch, words: [each, perNet] };
    },
  },
  gaussian_sample: gaussian,
  gaussian_sample_backward: gaussian,
  gaussian_log_prob: gaussian,
  gaussian_log_prob_backward: gaussian,
  loss_reverse_kl: alone,
  loss_score: sampleLoss,
  loss_snis: sampleLoss,
  loss_soft_bellman: alone,
  adam: { constants: { ADAM_BLOCK }, work: ({ count }) => ({ items: blocks(count, ADAM_BLOCK) }) },
  temperature_step: alone,
  philox: {
    constants: { PHILOX_BLOCKS },
    work: ({ count }) => ({ items: blocks(count, 4 * PHILOX_BLOCKS) }),
  },
  replay_sample: {
    constants: { REPLAY_ROWS },
    work: ({ batch }) => ({ items: blocks(batch, REPLAY_ROWS), scratch: 4 * REPLAY_ROWS + 64 }),
  },
  gather: { work: ({ outer }) => ({ items: outer }) },
  scatter_add: {
    work: ({ outer, entries, inner }) => ({ items: outer, scratch: 8 * entries * inner + 64 }),
  },
  gathered_nodes: {
    constants: { NODE_LANES },
    work: ({ lanes }) => ({ items: blocks(lanes, NODE_LANES) }),
  },
  assign: alone,
  tick: alone,
};

/** What wasm needs to know of a kernel by its name. */
export const wasmKernel = (name: string): WasmKernel => wasmKernels[name as KernelName] as WasmKernel;
