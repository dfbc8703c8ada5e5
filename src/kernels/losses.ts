import { ceilDivide, kernel, one, sumConstants, sumThreads } from './layout.ts';

/** Score-function baselines as `loss_score` numbers them. */
export const scoreBaselines = ['none', 'mean', 'loo', 'value'] as const;
export type ScoreBaseline = (typeof scoreBaselines)[number];

const sizes = { nets: 'choice', samples: 'u32', batch: 'u32' } as const;
const constants = ({ samples = 1, batch = 1 }: Readonly<Record<string, number>>) =>
  sumConstants(samples * batch);

/** Passes that join the sums of all invocations. */
const SUM_PASSES = 64;
/** Passes of an invocation that takes its rows one after the other. @param items of the kernel, @param each passes of a row */
const rounds = (rows: number, items: number, each: number): number =>
  ceilDivide(rows, sumThreads(items)) * each + SUM_PASSES;

/** loss = mean(logProb − min over nets of q/temperature), with its gradients; ties of the minimum share. */
export const lossReverseKl = kernel({
  name: 'loss_reverse_kl',
  bindings: {
    logProb: 'read',
    q: 'read',
    temperature: 'read',
    loss: 'write',
    dLogProb: 'write',
    dQ: 'write',
  },
  params: { ...sizes, storeLoss: 'choice', storeDLogProb: 'choice', storeDQ: 'choice' },
  grid: one,
  flops: ({ nets, samples, batch }) => (4 + 2 * nets) * samples * batch,
  constants,
  passes: ({ nets, samples, batch }) => rounds(samples * batch, samples * batch, 1 + 3 * nets),
});

/** f = logProb − min q/temperature; loss = mean f; dLogProb = (f − baseline)/(samples·batch). */
export const lossScore = kernel({
  name: 'loss_score',
  bindings: {
    logProb: 'read',
    q: 'read',
    temperature: 'read',
    value: 'read',
    loss: 'write',
    dLogProb: 'write',
  },
  params: { ...sizes, baseline: 'choice', storeLoss: 'choice', storeDLogProb: 'choice' },
  grid: one,
  flops: ({ nets, samples, batch }) => (6 + nets) * samples * batch,
  constants,
  passes: ({ nets, samples, batch }) => rounds(batch, samples * batch, 1 + 2 * samples * nets),
});

/**
 * w = softmax over samples of min q/temperature − logProposal; loss = −mean_b Σ_k w logProb;
 * effectiveSampleSize = mean_b 1/Σ w²; dLogProb = −w/batch.
 */
export const lossSnis = kernel({
  name: 'loss_snis',
  bindings: {
    logProb: 'read',
    q: 'read',
    logProposal: 'read',
    temperature: 'read',
    loss: 'write',
    effectiveSampleSize: 'write',
    dLogProb: 'write',
  },
  params: { ...sizes, storeLoss: 'choice', storeEss: 'choice', storeDLogProb: 'choice' },
  grid: one,
  flops: ({ nets, samples, batch }) => (10 + 2 * nets) * samples * batch,
  constants,
  passes: ({ nets, samples, batch }) => rounds(batch, samples * batch, 1 + 3 * samples * nets),
});

/**
 * y = reward + discount·(1 − terminated)(min nextQ − temperature·nextLogProb); loss = Σ_nets mean_b (q − y)²; dQ its
 * gradient. transition [batch, ·] holds reward and terminated. nextLogProb begins at its offset.
 */
export const lossSoftBellman = kernel({
  name: 'loss_soft_bellman',
  bindings: {
    transition: 'read',
    nextLogProb: 'read',
    nextQ: 'read',
    q: 'read',
    temperature: 'read',
    loss: 'write',
    dQ: 'write',
    target: 'write',
  },
  params: {
    nets: 'choice',
    batch: 'u32',
    transitionOffset: 'u32',
    transitionStride: 'u32',
    rewardColumn: 'u32',
    terminatedColumn: 'u32',
    storeLoss: 'choice',
    storeDQ: 'choice',
    storeTarget: 'choice',
    discount: 'f32',
    nextLogProbOffset: 'u32',
  },
  grid: one,
  flops: ({ nets, batch }) => (8 + 5 * nets) * batch,
  touches: ({ batch }) => ({ transition: 2 * batch, nextLogProb: batch }),
  constants,
  passes: ({ nets, batch }) => rounds(batch, batch, 1 + 2 * nets),
});
