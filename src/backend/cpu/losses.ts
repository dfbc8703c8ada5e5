import type * as kernels from '../../kernels/index.ts';
// Losses of entropy-regularised reinforcement learning with their gradients. The target density is
// p(a | s) ∝ exp(min over nets of q/temperature). Arrays over samples are [samples, batch], q has the nets in
// front. Where several nets share the minimum, its gradient is split evenly among them.
import { scoreBaselines } from '../../kernels/index.ts';
import type { CpuKernel, Floats } from './call.ts';

/** Smallest of q[at], q[at + stride], … over the nets; NaN if any is NaN. */
function smallest(q: Floats, at: number, stride: number, nets: number): number {
  let least = q[at];
  for (let net = 1; net < nets; net++) least = Math.min(least, q[at + net * stride]);
  return least;
}

/** dq of each net = g·share of the minimum, where ties share evenly. A NaN among the nets makes all of dq NaN. */
function spread(dq: Floats, q: Floats, at: number, stride: number, nets: number, g: number): void {
  const least = smallest(q, at, stride, nets);
  let ties = 0;
  for (let net = 0; net < nets; net++) if (q[at + net * stride] === least) ties++;
  for (let net = 0; net < nets; net++) {
    const i = at + net * stride;
    dq[i] = q[i] === least ? g / ties : Number.isNaN(least) ? Number.NaN : 0;
  }
}

/** loss = mean(logProb − min q/temperature), the reverse KL to the target but for its log-normaliser. */
export const lossReverseKl: CpuKernel<typeof kernels.lossReverseKl> = (call) => {
  const { nets, samples, batch, storeLoss, storeDLogProb, storeDQ } = call.params;
  const logProb = call.floats('logProb');
  const q = call.floats('q');
  const temperature = call.floats('temperature');
  const loss = call.floats('loss');
  const dLogProb = call.floats('dLogProb');
  const dQ = call.floats('dQ');
  const count = samples * batch;
  return () => {
    let total = 0;
    for (let i = 0; i < count; i++) {
      total += logProb[i] - smallest(q, i, count, nets) / temperature[0];
      if (storeDLogProb) dLogProb[i] = 1 / count;
      if (storeDQ) spread(dQ, q, i, count, nets, -1 / (count * temperature[0]));
    }
    if (storeLoss) loss[0] = total / count;
  };
};

/**
 * f = logProb − min q/temperature; loss = mean f; dLogProb = (f − baseline)/(samples·batch), the score-function
 * gradient. Baselines: none; the mean of f over the samples; the mean over the other samples (`loo`, NaN with
 * one sample); value [batch].
 */
export const lossScore: CpuKernel<typeof kernels.lossScore> = (call) => {
  const { nets, samples, batch, storeLoss, storeDLogProb } = call.params;
  const baseline = scoreBaselines[call.params.baseline];
  const logProb = call.floats('logProb');
  const q = call.floats('q');
  const temperature = call.floats('temperature');
  const value = call.floats('value');
  const loss = call.floats('loss');
  const dLogProb = call.floats('dLogProb');
  const count = samples * batch;
  const f = call.scratch.take('samples', samples);
  return () => {
    let sum = 0;
    for (let b = 0; b < batch; b++) {
      let total = 0;
      for (let s = 0; s < samples; s++) {
        const i = s * batch + b;
        f[s] = logProb[i] - smallest(q, i, count, nets) / temperature[0];
        total += f[s];
      }
      sum += total;
      if (!storeDLogProb) continue;
      for (let s = 0; s < samples; s++) {
        let centre = 0;
        if (baseline === 'mean') centre = total / samples;
        else if (baseline === 'loo') centre = (total - f[s]) / (samples - 1);
        else if (baseline === 'value') centre = value[b];
        dLogProb[s * batch + b] = (f[s] - centre) / count;
      }
    }
    if (storeLoss) loss[0] = sum / count;
  };
};

/**
 * w = softmax over samples of min q/temperature − logProposal; loss = −mean_b Σ w·logProb;
 * effectiveSampleSize = mean_b 1/Σ w²; dLogProb = −w/batch (the weights are constants).
 */
export const lossSnis: CpuKernel<typeof kernels.lossSnis> = (call) => {
  const { nets, samples, batch, storeLoss, storeEss, storeDLogProb } = call.params;
  const logProb = call.floats('logProb');
  const q = call.floats('q');
  const logProposal = call.floats('logProposal');
  const temperature = call.floats('temperature');
  const loss = call.floats('loss');
  const effectiveSampleSize = call.floats('effectiveSampleSize');
  const dLogProb = call.floats('dLogProb');
  const count = samples * batch;
  const weights = call.scratch.take('samples', samples);
  return () => {
    let lossSum = 0;
    let sizeSum = 0;
    for (let b = 0; b < batch; b++) {
      let largest = Number.NEGATIVE_INFINITY;
      for (let s = 0; s < samples; s++) {
        const i = s * batch + b;
        weights[s] = smallest(q, i, count, nets) / temperature[0] - logProposal[i];
        largest = Math.max(largest, weights[s]);
      }
      let total = 0;
      for (let s = 0; s < samples; s++) {
        weights[s] = Math.exp(weights[s] - largest);
        total += weights[s];
      }
      let squares = 0;
      for (let s = 0; s < samples; s++) {
        const i = s * batch + b;
        const w = weights[s] / total;
        squares += w * w;
        if (storeLoss) lossSum -= w * logProb[i];
        if (storeDLogProb) dLogProb[i] = -w / batch;
      }
      sizeSum += 1 / squares;
    }
    if (storeLoss) loss[0] = lossSum / batch;
    if (storeEss) effectiveSampleSize[0] = sizeSum / batch;
  };
};

/**
 * y = reward + discount·(1 − terminated)(min nextQ − temperature·nextLogProb); loss = Σ_nets mean_b (q − y)²;
 * dQ = 2(q − y)/batch (the target is a constant).
 */
export const lossSoftBellman: CpuKernel<typeof kernels.lossSoftBellman> = (call) => {
  const { nets, batch, transitionOffset, transitionStride, rewardColumn, terminatedColumn } = call.params;
  const { storeLoss, storeDQ, storeTarget, discount, nextLogProbOffset } = call.params;
  const transition = call.floats('transition');
  const nextLogProb = call.floats('nextLogProb');
  const nextQ = call.floats('nextQ');
  const q = call.floats('q');
  const temperature = call.floats('temperature');
  const loss = call.floats('loss');
  const dQ = call.floats('dQ');
  const target = call.floats('target');
  return () => {
    let total = 0;
    for (let b = 0; b < batch; b++) {
      const row = transitionOffset + b * transitionStride;
      const next = smallest(nextQ, b, batch, nets) - temperature[0] * nextLogProb[nextLogProbOffset + b];
      const y = transition[row + rewardColumn] + discount * (1 - transition[row + terminatedColumn]) * next;
      if (storeTarget) target[b] = y;
      for (let net = 0; net < nets; net++) {
        const error = q[net * batch + b] - y;
        total += error * error;
        if (storeDQ) dQ[net * batch + b] = (2 * error) / batch;
      }
    }
    if (storeLoss) loss[0] = total / batch;
  };
};
