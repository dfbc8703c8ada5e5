import { FUSED_LOSS_LIMIT } from '../divergences/loss-op.ts';
import { minimumOf } from '../divergences/target.ts';
import { lossSoftBellman } from '../kernels/index.ts';
import { isPadded, isPlain } from '../math/view.ts';
import {
  add,
  callOf,
  inputAt,
  mean,
  mul,
  type Op,
  outputAt,
  recordNode,
  requireShape,
  reshape,
  sliceAxis,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { requireRanges } from './ranges.ts';

interface BellmanAttributes {
  readonly rewardColumn: number;
  readonly terminatedColumn: number;
  readonly discount: number;
}

/** Inputs: transition [batch, ·], nextLogProb [batch], nextQ [nets, batch], q [nets, batch], temperature []. */
const softBellmanOp: Op<BellmanAttributes> = {
  name: 'softBellmanLoss',
  infer: ([, , , q]) => [
    { shape: [], dtype: 'f32' },
    { shape: q.shape, dtype: 'f32' },
    { shape: [q.shape[1]], dtype: 'f32' },
  ],
  accepts: (i, view) => (i === 0 ? !view.axes.some(isPadded) && view.axes[1].stride === 1 : isPlain(view)),
  call: ({ node, attributes, view, live }) => {
    const [nets, batch] = node.inputs[3].shape;
    const rows = view(0);
    return callOf(
      lossSoftBellman,
      {
        transition: inputAt(0),
        nextLogProb: inputAt(1),
        nextQ: inputAt(2),
        q: inputAt(3),
        temperature: inputAt(4),
        loss: outputAt(0),
        dQ: outputAt(1),
        target: outputAt(2),
      },
      {
        ...attributes,
        nets,
        batch,
        transitionOffset: rows.offset,
        transitionStride: rows.axes[0].stride,
        storeLoss: Number(live(0)),
        storeDQ: Number(live(1)),
        storeTarget: Number(live(2)),
        nextLogProbOffset: 0,
      },
    );
  },
  vjp: ({ outputs: [, dQ], cotangents: [g] }) => [
    undefined,
    undefined,
    undefined,
    g && mul(g, dQ),
    undefined,
  ],
};

export interface SoftBellmanInput {
  /** [batch, ·] rows that hold reward and terminated in the given columns. */
  readonly rows: Tensor;
  readonly rewardColumn: number;
  readonly terminatedColumn: number;
  /** [batch] log π(a′|s′) in nats of the sampled next actions */
  readonly nextLogProb: Tensor;
  /** [critics, batch] target critics at the next actions */
  readonly nextQ: Tensor;
  /** [critics, batch] critics at the stored actions */
  readonly q: Tensor;
  /** [] unit of Q */
  readonly temperature: Tensor;
  readonly discount: number;
}

/**
 * Soft Bellman error of all critics: y = r + γ(1 − terminated)(min Q′(s′, a′) − α log π(a′|s′)), a constant, and
 * loss = Σ_critics mean_b (Q − y)². A time limit is no termination, so its state is bootstrapped.
 *
 * @returns loss [] differentiable in `q`, and the target y [batch]
 * @source Haarnoja et al. 2018 (SAC), eq. 5 and 7, without the factor ½
 */
export function softBellmanLoss(input: SoftBellmanInput): { loss: Tensor; target: Tensor } {
  const { rows, rewardColumn, terminatedColumn, nextLogProb, nextQ, q, temperature, discount } = input;
  const [nets, batch] = q.shape;
  requireRanges('softBellmanLoss', { discount });
  requireShape('softBellmanLoss', nextLogProb, [batch], 'nextLogProb');
  requireShape('softBellmanLoss', nextQ, [nets, batch], 'nextQ');
  if (batch <= FUSED_LOSS_LIMIT) {
    const attributes = { rewardColumn, terminatedColumn, discount };
    const [loss, , target] = recordNode(
      softBellmanOp,
      [rows, nextLogProb, nextQ, q, temperature],
      attributes,
    ).outputs;
    return { loss, target };
  }
  const column = (i: number) => reshape(sliceAxis(rows, 1, i, i + 1), [batch]);
  const soft = sub(minimumOf(nextQ), mul(temperature, nextLogProb));
  const target = stopGradient(
    add(column(rewardColumn), mul(mul(discount, sub(1, column(terminatedColumn))), soft)),
  );
  return { loss: sum(mean(square(sub(q, target)), 1)), target };
}
