import { kernel } from './layout.ts';

const bounds = { logStdMin: 'f32', logStdMax: 'f32' } as const;

/**
 * head [batch, 2·actions] = mean beside log-std (clamped to the bounds); noise [samples, batch, actions], from its offset.
 * squash 1: action = tanh(preTanh), log-prob with its Jacobian. Any store flag may be 0.
 */
export const gaussianSample = kernel({
  name: 'gaussian_sample',
  bindings: { head: 'read', noise: 'read', action: 'write', preTanh: 'write', logProb: 'write' },
  params: {
    batch: 'u32',
    samples: 'u32',
    actions: 'u32',
    squash: 'choice',
    storeAction: 'choice',
    storePreTanh: 'choice',
    storeLogProb: 'choice',
    ...bounds,
    noiseOffset: 'u32',
  },
  grid: ({ samples, batch }) => ({ items: samples * batch }),
  flops: ({ samples, batch, actions }) => 12 * samples * batch * actions,
  touches: ({ samples, batch, actions }) => ({ noise: samples * batch * actions }),
  passes: ({ actions }) => actions,
});

export const gaussianSampleBackward = kernel({
  name: 'gaussian_sample_backward',
  bindings: {
    head: 'read',
    noise: 'read',
    dAction: 'read',
    dPreTanh: 'read',
    dLogProb: 'read',
    dHead: 'write',
  },
  params: {
    batch: 'u32',
    samples: 'u32',
    actions: 'u32',
    squash: 'choice',
    hasAction: 'choice',
    hasPreTanh: 'choice',
    hasLogProb: 'choice',
    ...bounds,
  },
  grid: ({ batch, actions }) => ({ items: batch * actions }),
  flops: ({ samples, batch, actions }) => 14 * samples * batch * actions,
  passes: ({ samples }) => samples,
});

/** value [samples, batch, actions] is before the tanh. */
export const gaussianLogProb = kernel({
  name: 'gaussian_log_prob',
  bindings: { head: 'read', value: 'read', logProb: 'write' },
  params: { batch: 'u32', samples: 'u32', actions: 'u32', squash: 'choice', ...bounds },
  grid: ({ samples, batch }) => ({ items: samples * batch }),
  flops: ({ samples, batch, actions }) => 12 * samples * batch * actions,
  passes: ({ actions }) => actions,
});

export const gaussianLogProbBackward = kernel({
  name: 'gaussian_log_prob_backward',
  bindings: { head: 'read', value: 'read', dLogProb: 'read', dHead: 'write', dValue: 'write' },
  params: {
    batch: 'u32',
    samples: 'u32',
    actions: 'u32',
    squash: 'choice',
    storeDHead: 'choice',
    storeDValue: 'choice',
    ...bounds,
  },
  grid: ({ batch, actions }) => ({ items: batch * actions }),
  flops: ({ samples, batch, actions }) => 12 * samples * batch * actions,
  passes: ({ samples }) => samples,
});
