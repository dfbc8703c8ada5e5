import type { KernelName, KernelNamed } from '../../kernels/index.ts';
import type { CpuKernel } from './call.ts';
import { gatheredNodes } from './gathered-nodes.ts';
import {
  gaussianLogProb,
  gaussianLogProbBackward,
  gaussianSample,
  gaussianSampleBackward,
} from './gaussian.ts';
import { lossReverseKl, lossScore, lossSnis, lossSoftBellman } from './losses.ts';
import { assign, gather, matmul, scatterAdd } from './matrix.ts';
import { mlpBackwardInputs, mlpBackwardWeights, mlpForward } from './mlp.ts';
import { adam, temperatureStep, tick } from './optimiser.ts';
import { philox, replaySample } from './random.ts';

/** The CPU's twin of every hand-written kernel, by name. */
export const cpuKernels: { readonly [N in KernelName]: CpuKernel<KernelNamed<N>> } = {
  matmul,
  mlp_forward: mlpForward,
  mlp_backward_inputs: mlpBackwardInputs,
  mlp_backward_weights: mlpBackwardWeights,
  gaussian_sample: gaussianSample,
  gaussian_sample_backward: gaussianSampleBackward,
  gaussian_log_prob: gaussianLogProb,
  gaussian_log_prob_backward: gaussianLogProbBackward,
  loss_reverse_kl: lossReverseKl,
  loss_score: lossScore,
  loss_snis: lossSnis,
  loss_soft_bellman: lossSoftBellman,
  adam,
  temperature_step: temperatureStep,
  philox,
  replay_sample: replaySample,
  gather,
  scatter_add: scatterAdd,
  gathered_nodes: gatheredNodes,
  assign,
  tick,
};

/** The twin of a kernel. */
export const cpuKernel = (name: string): CpuKernel => cpuKernels[name as KernelName] as CpuKernel;
