import { type ScoreBaseline, scoreBaselines } from '../program/kernels.ts';
import {
  type KernelBinding,
  type KernelCall,
  mul,
  type Op,
  recordNode,
  requireShape,
  type Tensor,
  type VjpContext,
} from '../tape/index.ts';

/** Points [samples · batch] up to which one workgroup computes a loss; above, generated kernels share the work. */
export const FUSED_LOSS_LIMIT = 16384;

/** Inputs logProb, q, temperature, and more; outputs the loss, its diagnostics and its gradients. */
interface FusedLoss<A> {
  readonly name: string;
  readonly kernel: string;
  /** How many. */
  readonly diagnostics: number;
  /** The inputs that have a gradient. */
  readonly differentiable: readonly number[];
  readonly params: (attributes: A, live: (i: number) => boolean) => Record<string, number>;
  readonly bindings: (inputs: number) => KernelBinding[];
}

function fusedLoss<A>({ name, kernel, diagnostics, differentiable, params, bindings }: FusedLoss<A>): Op<A> {
  return {
    name,
    infer: (inputs) => [
      ...Array.from({ length: 1 + diagnostics }, () => ({ shape: [], dtype: 'f32' as const })),
      ...differentiable.map((i) => ({ shape: inputs[i].shape, dtype: 'f32' as const })),
    ],
    // The kernel computes the gradients beside the value: both come from the same weights.
    vjp: ({ inputs, outputs, cotangents: [g] }: VjpContext<A>) => {
      const result = inputs.map((): Tensor | undefined => undefined);
      differentiable.forEach((i, j) => {
        if (g) result[i] = mul(g, outputs[1 + diagnostics + j]);
      });
      return result;
    },
    call: ({ node, attributes, live }): KernelCall => {
      const [nets, samples, batch] = node.inputs[1].shape;
      const [storeLoss, storeDLogProb] = [live(0), live(1 + diagnostics)].map(Number);
      return {
        kernel,
        bindings: bindings(node.inputs.length),
        params: { nets, samples, batch, storeLoss, storeDLogProb, ...params(attributes, live) },
      };
    },
  };
}

const inputs = (...indices: number[]): KernelBinding[] => indices.map((input) => ({ input }));
const outputs = (...indices: number[]): KernelBinding[] => indices.map((output) => ({ output }));

const reverseKlOp = fusedLoss<null>({
  name: 'reverseKlLoss',
  kernel: 'loss_reverse_kl',
  diagnostics: 0,
  differentiable: [0, 1],
  params: (_attributes, live) => ({ storeDQ: Number(live(2)) }),
  bindings: () => [...inputs(0, 1, 2), ...outputs(0, 1, 2)],
});

const scoreOp = fusedLoss<ScoreBaseline>({
  name: 'scoreLoss',
  kernel: 'loss_score',
  diagnostics: 0,
  differentiable: [0],
  params: (baseline) => ({ baseline: scoreBaselines.indexOf(baseline) }),
  bindings: (count) => [...inputs(0, 1, 2), count > 3 ? { input: 3 } : null, ...outputs(0, 1)],
});

const snisOp = fusedLoss<null>({
  name: 'snisLoss',
  kernel: 'loss_snis',
  diagnostics: 1,
  differentiable: [0],
  params: (_attributes, live) => ({ storeEss: Number(live(1)) }),
  bindings: () => [...inputs(0, 1, 3, 2), ...outputs(0, 1, 2)],
});

/** Whether the fused losses take these critics' values [critics, samples, batch]. */
export const fitsFusedLoss = (critics: Tensor): boolean =>
  critics.shape[1] * critics.shape[2] <= FUSED_LOSS_LIMIT;

function check(op: string, logProb: Tensor, critics: Tensor): void {
  requireShape(op, logProb, critics.shape.slice(1), 'logProb');
}

/** mean(logProb − min q/temperature), differentiable in logProb [samples, batch] and q [critics, samples, batch]. */
export function reverseKlLoss(logProb: Tensor, critics: Tensor, temperature: Tensor): Tensor {
  check('reverseKlLoss', logProb, critics);
  return recordNode(reverseKlOp, [logProb, critics, temperature], null).outputs[0];
}

/** mean f with f = logProb − min q/temperature; its gradient is that of mean(sg(f − baseline)·logProb). */
export function scoreLoss(
  logProb: Tensor,
  critics: Tensor,
  temperature: Tensor,
  { baseline, value }: { readonly baseline: ScoreBaseline; readonly value?: Tensor | undefined },
): Tensor {
  check('scoreLoss', logProb, critics);
  return recordNode(scoreOp, [logProb, critics, temperature, ...(value ? [value] : [])], baseline).outputs[0];
}

/** −mean_b Σ_k w logProb with self-normalised weights, which are constants, and the mean effective sample size. */
export function snisLoss(
  logProb: Tensor,
  critics: Tensor,
  temperature: Tensor,
  logProposal: Tensor,
): { loss: Tensor; effectiveSampleSize: Tensor } {
  check('snisLoss', logProb, critics);
  check('snisLoss', logProposal, critics);
  const [loss, effectiveSampleSize] = recordNode(
    snisOp,
    [logProb, critics, temperature, logProposal],
    null,
  ).outputs;
  return { loss, effectiveSampleSize };
}
