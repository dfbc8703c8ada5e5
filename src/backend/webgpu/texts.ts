import adam from '../../../shaders/adam.wgsl';
import assign from '../../../shaders/assign.wgsl';
import gather from '../../../shaders/gather.wgsl';
import gatheredNodes from '../../../shaders/gathered_nodes.wgsl';
import gaussianLogProb from '../../../shaders/gaussian_log_prob.wgsl';
import gaussianLogProbBackward from '../../../shaders/gaussian_log_prob_backward.wgsl';
import gaussianSample from '../../../shaders/gaussian_sample.wgsl';
import gaussianSampleBackward from '../../../shaders/gaussian_sample_backward.wgsl';
import gaussianSampleBackwardMlpBackwardInputs from '../../../shaders/gaussian_sample_backward_mlp_backward_inputs.wgsl';
import activation from '../../../shaders/include/activation.wgsl';
import adamStep from '../../../shaders/include/adam.wgsl';
import dimensions from '../../../shaders/include/dimensions.wgsl';
import drawnNoise from '../../../shaders/include/drawn_noise.wgsl';
import draws from '../../../shaders/include/draws.wgsl';
import gaussian from '../../../shaders/include/gaussian.wgsl';
import gaussianBackward from '../../../shaders/include/gaussian_backward.wgsl';
import drawSample from '../../../shaders/include/gaussian_sample.wgsl';
import hidden from '../../../shaders/include/hidden.wgsl';
import items from '../../../shaders/include/items.wgsl';
import longSum from '../../../shaders/include/long_sum.wgsl';
import math from '../../../shaders/include/math.wgsl';
import backward from '../../../shaders/include/mlp_backward.wgsl';
import forward from '../../../shaders/include/mlp_forward.wgsl';
import weights from '../../../shaders/include/mlp_weights.wgsl';
import philoxBlock from '../../../shaders/include/philox.wgsl';
import smallest from '../../../shaders/include/smallest.wgsl';
import softBellman from '../../../shaders/include/soft_bellman.wgsl';
import sum from '../../../shaders/include/sum.wgsl';
import writeDz from '../../../shaders/include/write_dz.wgsl';
import lossReverseKl from '../../../shaders/loss_reverse_kl.wgsl';
import lossReverseKlMlpBackwardInputs from '../../../shaders/loss_reverse_kl_mlp_backward_inputs.wgsl';
import lossScore from '../../../shaders/loss_score.wgsl';
import lossSnis from '../../../shaders/loss_snis.wgsl';
import lossSoftBellman from '../../../shaders/loss_soft_bellman.wgsl';
import lossSoftBellmanMlpBackwardInputs from '../../../shaders/loss_soft_bellman_mlp_backward_inputs.wgsl';
import matmul from '../../../shaders/matmul.wgsl';
import mlpBackwardInputs from '../../../shaders/mlp_backward_inputs.wgsl';
import mlpBackwardWeights from '../../../shaders/mlp_backward_weights.wgsl';
import mlpBackwardWeightsAdam from '../../../shaders/mlp_backward_weights_adam.wgsl';
import mlpForward from '../../../shaders/mlp_forward.wgsl';
import mlpForwardGaussianSample from '../../../shaders/mlp_forward_gaussian_sample.wgsl';
import philox from '../../../shaders/philox.wgsl';
import philoxGaussianSample from '../../../shaders/philox_gaussian_sample.wgsl';
import replaySample from '../../../shaders/replay_sample.wgsl';
import scatterAdd from '../../../shaders/scatter_add.wgsl';
import temperatureStep from '../../../shaders/temperature_step.wgsl';
import tick from '../../../shaders/tick.wgsl';

/** Mathematics where WGSL has no good one: what generated kernels need. */
export const mathText: string = math;

const activated = [math, activation];
const layers = [...activated, hidden, dimensions];
const random = [math, philoxBlock, draws];
const gaussians = [math, gaussian];

/** The parts of each kernel's text: its own, and those of `shaders/include` that it is made of. */
const kernelParts: Readonly<Record<string, readonly string[]>> = {
  adam: [math, adamStep, adam],
  assign: [items, assign],
  gather: [math, items, gather],
  gathered_nodes: [math, items, gatheredNodes],
  gaussian_log_prob: [...gaussians, items, gaussianLogProb],
  gaussian_log_prob_backward: [...gaussians, longSum, items, gaussianLogProbBackward],
  gaussian_sample: [...gaussians, drawSample, items, gaussianSample],
  gaussian_sample_backward: [...gaussians, longSum, gaussianBackward, items, gaussianSampleBackward],
  gaussian_sample_backward_mlp_backward_inputs: [
    ...[...layers, backward, writeDz, ...gaussians, longSum, gaussianBackward],
    gaussianSampleBackwardMlpBackwardInputs,
  ],
  loss_reverse_kl: [math, sum, smallest, lossReverseKl],
  loss_reverse_kl_mlp_backward_inputs: [...layers, backward, smallest, lossReverseKlMlpBackwardInputs],
  loss_score: [math, sum, longSum, smallest, lossScore],
  loss_snis: [math, sum, longSum, smallest, lossSnis],
  loss_soft_bellman: [math, sum, softBellman, lossSoftBellman],
  loss_soft_bellman_mlp_backward_inputs: [
    ...layers,
    backward,
    writeDz,
    softBellman,
    lossSoftBellmanMlpBackwardInputs,
  ],
  matmul: [...activated, matmul],
  mlp_backward_inputs: [...layers, backward, writeDz, mlpBackwardInputs],
  mlp_backward_weights: [...layers, weights, mlpBackwardWeights],
  mlp_backward_weights_adam: [...layers, weights, adamStep, mlpBackwardWeightsAdam],
  mlp_forward: [...layers, forward, mlpForward],
  mlp_forward_gaussian_sample: [
    ...[...layers, forward, ...random, drawnNoise, ...gaussians, drawSample],
    mlpForwardGaussianSample,
  ],
  philox: [...random, items, philox],
  philox_gaussian_sample: [...random, drawnNoise, ...gaussians, drawSample, items, philoxGaussianSample],
  replay_sample: [philoxBlock, items, replaySample],
  scatter_add: [longSum, items, scatterAdd],
  temperature_step: [math, sum, longSum, adamStep, temperatureStep],
  tick: [tick],
};

/** The WGSL of a kernel without its declarations, each part once. */
export const kernelText = (name: string): string => [...new Set(kernelParts[name])].join('\n');
