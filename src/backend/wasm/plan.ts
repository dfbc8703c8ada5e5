import { kernelSpec, type Params } from '../../kernels/index.ts';
import { kernelNumber } from './layouts.ts';

/** How one step is carried out: work is cut into items, which no thread shares with another. */
export interface Plan {
  readonly items: number;
  /** Bytes of scratch memory for each thread. */
  readonly scratch: number;
  /** Estimated cost of all items on one thread, in nanoseconds: whether threads are worth waking. */
  readonly nanoseconds: number;
}

export interface KernelPlan extends Plan {
  readonly kernel: number;
  /** Words that follow the kernel's own parameters. */
  readonly extra: readonly number[];
}

/** Rows of the batch that an item of the network kernels carries: enough to pay for packing weights. */
const rowBlock = (rows: number): number => (rows <= 128 ? 32 : 64);
/** Inputs of a layer, rows of its weight gradient, in an item of `mlp_backward_weights`. */
const inputBlock = (widest: number): number => (widest <= 128 ? 32 : 64);
/** Rows gathered at a time by `mlp_backward_weights`. */
const GATHER_ROWS = 256;
/** Rows whose sums may grow in place there. */
const LONG_ROWS = 16384;
/** Elements in an item of the Gaussian kernels. */
const GAUSSIAN_BLOCK = 512;
const ADAM_BLOCK = 1024;
const PHILOX_WORDS = 1024;
const REPLAY_ROWS = 64;
/** Lanes in an item of `gathered_nodes`: those of a vector. */
const NODE_LANES = 4;

/** Nanoseconds for a floating-point operation of matrix products, and of everything else. */
const DENSE_NS = 1 / 30;
const OTHER_NS = 1 / 4;

const blocks = (count: number, size: number): number => Math.ceil(count / size);
const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/**
 * How to carry out a kernel with these parameters. Depends on shapes only, never on the number of threads, so
 * results do not either.
 *
 * @param gemm bytes of scratch memory of a matrix product
 */
export function planOf(name: string, p: Params, gemm: number): KernelPlan {
  const spec = kernelSpec(name);
  const dense = name === 'matmul' || name.startsWith('mlp_');
  const nanoseconds = spec.flops(p) * (dense ? DENSE_NS : OTHER_NS);
  const plan = (items: number, scratch = 64, extra: readonly number[] = []): KernelPlan => ({
    kernel: kernelNumber(name),
    items,
    scratch,
    extra,
    nanoseconds,
  });
  switch (name) {
    case 'matmul': {
      const each = rowBlock(p.rows);
      return plan(p.batch * blocks(p.rows, each), gemm, [each]);
    }
    case 'mlp_forward':
    case 'mlp_backward_inputs': {
      const each = Math.min(p.rows, rowBlock(p.rows));
      const widest = Math.max(...widths(p));
      // Input gradients are sums over networks.
      const nets = p.storeDx0 || p.storeDx1 ? 1 : p.nets;
      const tiles = name === 'mlp_forward' ? 2 : 3;
      return plan(nets * blocks(p.rows, each), gemm + tiles * (aligned(4 * each * widest) + 64), [each]);
    }
    case 'mlp_backward_weights': {
      const inputs = widths(p).slice(0, -1);
      const each = inputBlock(Math.max(...inputs));
      const perNet = inputs.reduce((total, width) => total + blocks(width, each), 0);
      // Sums of many rows are made beside the gradient before they join it.
      const sums = p.rows > LONG_ROWS ? each * Math.max(...widths(p)) : 0;
      return plan(p.nets * perNet, gemm + 4 * (GATHER_ROWS * each + sums) + 128, [each, perNet]);
    }
    case 'gaussian_sample':
    case 'gaussian_sample_backward':
    case 'gaussian_log_prob':
    case 'gaussian_log_prob_backward': {
      const each = Math.max(1, Math.min(p.batch, Math.floor(GAUSSIAN_BLOCK / p.actions)));
      return plan(blocks(p.batch, each), 8 * (4 * each * p.actions + 128), [each]);
    }
    case 'loss_reverse_kl':
    case 'loss_soft_bellman':
      return plan(1);
    case 'loss_score':
    case 'loss_snis':
      return plan(1, 16 * p.samples + 64);
    case 'adam':
      return plan(blocks(p.count, ADAM_BLOCK));
    case 'philox':
      return plan(blocks(p.count, PHILOX_WORDS));
    case 'replay_sample':
      return plan(blocks(p.batch, REPLAY_ROWS), 4 * REPLAY_ROWS + 64);
    case 'gather':
      return plan(p.outer);
    case 'scatter_add':
      return plan(p.outer, 8 * p.entries * p.inner + 64);
    case 'gathered_nodes':
      return plan(blocks(p.lanes, NODE_LANES));
    default:
      return plan(1);
  }
}

const widths = (p: Params): number[] => Array.from({ length: p.layers + 1 }, (_, i) => p[`d${i}`]);
