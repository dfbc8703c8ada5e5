import { lossReverseKl, lossScore, lossSnis, type ScoreBaseline, scoreBaselines } from '../kernels/index.ts';
import {
  type CallContext,
  callOf,
  inputAt,
  type KernelCall,
  mul,
  type Op,
  outputAt,
  recordNode,
  requireShape,
  type Tensor,
  type VjpContext,
} from '../tape/index.ts';

/** Points [samples · batch] up to which one workgroup computes a loss; above, generated kernels share the work. */
export const FUSED_LOSS_LIMIT = 16384;

interface FusedLoss<A> {
  readonly name: string;
  /** Outputs between the loss and its gradients. */
  readonly diagnostics: number;
  /** Inputs whose gradients are outputs, in order. */
  readonly differentiable: readonly number[];
  /** @param sizes nets, samples and batch */
  readonly call: (context: CallContext<A>, sizes: Sizes) => KernelCall;
}

interface Sizes {
  readonly nets: number;
  readonly samples: number;
  readonly batch: number;
}

/** Inputs logProb, q, temperature, and more; outputs the loss, its diagnostics and its gradients. */
function fusedLoss<A>({ name, diagnostics, differentiable, call }: FusedLoss<A>): Op<A> {
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
    call: (context) => {
      const [nets, samples, batch] = context.node.inputs[1].shape;
      return call(context, { nets, samples, batch });
    },
  };
}

/** Whether outputs are stored, as parameters. */
const stored = (live: (i: number) => boolean, ...outputs: readonly number[]): number[] =>
  outputs.map((i) => Number(live(i)));

const reverseKlOp = fusedLoss<null>({
  name: 'reverseKlLoss',
  diagnostics: 0,
  differentiable: [0, 1],
  call: ({ live }, sizes) => {
    const [storeLoss, storeDLogProb, storeDQ] = stored(live, 0, 1, 2);
    return callOf(
      lossReverseKl,
      {
        ...{ logProb: inputAt(0), q: inputAt(1), temperature: inputAt(2) },
        ...{ loss: outputAt(0), dLogProb: outputAt(1), dQ: outputAt(2) },
      },
      { ...sizes, storeLoss, storeDLogProb, storeDQ },
    );
  },
});

const scoreOp = fusedLoss<ScoreBaseline>({
  name: 'scoreLoss',
  diagnostics: 0,
  differentiable: [0],
  call: ({ node, attributes, live }, sizes) => {
    const [storeLoss, storeDLogProb] = stored(live, 0, 1);
    return callOf(
      lossScore,
      {
        ...{ logProb: inputAt(0), q: inputAt(1), temperature: inputAt(2) },
        value: node.inputs.length > 3 ? inputAt(3) : null,
        ...{ loss: outputAt(0), dLogProb: outputAt(1) },
      },
      { ...sizes, baseline: scoreBaselines.indexOf(attributes), storeLoss, storeDLogProb },
    );
  },
});

const snisOp = fusedLoss<null>({
  name: 'snisLoss',
  diagnostics: 1,
  differentiable: [0],
  call: ({ live }, sizes) => {
    const [storeLoss, storeEss, storeDLogProb] = stored(live, 0, 1, 2);
    return callOf(
      lossSnis,
      {
        ...{ logProb: inputAt(0), q: inputAt(1), logProposal: inputAt(3), temperature: inputAt(2) },
        ...{ loss: outputAt(0), effectiveSampleSize: outputAt(1), dLogProb: outputAt(2) },
      },
      { ...sizes, storeLoss, storeEss, storeDLogProb },
    );
  },
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
