import { type ScoreBaseline, scoreBaselines } from '../kernels/index.ts';
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
function fusedLoss<A>(
  name: string,
  kernel: string,
  diagnostics: number,
  differentiable: readonly number[],
  params: (attributes: A, live: (i: number) => boolean) => Record<string, number>,
  bindings: (inputs: number) => KernelBinding[],
): Op<A> {
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

const reverseKlOp = fusedLoss<null>(
  'reverseKlLoss',
  'loss_reverse_kl',
  0,
  [0, 1],
  (_attributes, live) => ({ storeDQ: Number(live(2)) }),
  () => [...inputs(0, 1, 2), ...outputs(0, 1, 2)],
);

const scoreOp = fusedLoss<ScoreBaseline>(
  'scoreLoss',
  'loss_score',
  0,
  [0],
  (baseline) => ({ baseline: scoreBaselines.indexOf(baseline) }),
  (count) => [...inputs(0, 1, 2), count > 3 ? { input: 3 } : null, ...outputs(0, 1)],
);

const snisOp = fusedLoss<null>(
  'snisLoss',
  'loss_snis',
  1,
  [0],
  (_attributes, live) => ({ storeEss: Number(live(1)) }),
  () => [...inputs(0, 1, 3, 2), ...outputs(0, 1, 2)],
);

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
  baseline: ScoreBaseline,
  value?: Tensor,
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
