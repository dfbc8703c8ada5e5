import { kernel } from './layout.ts';

const entries = { outer: 'u32', entries: 'u32', picks: 'u32', inner: 'u32' } as const;

export const gather = kernel({
  name: 'gather',
  bindings: { x: 'read', index: 'read', y: 'write' },
  params: entries,
  grid: ({ outer, picks, inner }) => ({ items: outer * picks * inner }),
  flops: () => 0,
  passes: () => 0,
  touches: ({ outer, picks, inner }) => ({ x: outer * picks * inner }),
});

export const scatterAdd = kernel({
  name: 'scatter_add',
  bindings: { x: 'read', index: 'read', y: 'write' },
  params: entries,
  grid: ({ outer, entries, inner }) => ({ items: outer * entries * inner }),
  flops: ({ outer, picks, inner }) => outer * picks * inner,
  passes: ({ picks }) => picks,
});

export const assign = kernel({
  name: 'assign',
  bindings: { x: 'read', y: 'write' },
  params: { count: 'u32' },
  grid: ({ count }) => ({ items: count }),
  flops: () => 0,
  passes: () => 0,
});

/** Steps of Newton's method for a node at most. */
const MOST_STEPS = 24;

/**
 * Nodes u_i with y(u_i) = y(−reach) + i·step, the last of them a step before reach, and log(step/y′(u_i)), where y is a sum
 * over centres of weight·(asinh((u − centre)/scale) − asinh((u − centre)/far)).
 */
export const gatheredNodes = kernel({
  name: 'gathered_nodes',
  bindings: {
    centre: 'read',
    scale: 'read',
    far: 'read',
    weight: 'read',
    reach: 'read',
    nodes: 'write',
    logLength: 'write',
  },
  params: { centres: 'u32', lanes: 'u32', count: 'u32' },
  grid: ({ lanes }) => ({ items: lanes }),
  // Two steps of Newton's method for most nodes.
  flops: ({ centres, lanes, count }) => 40 * centres * lanes * count,
  passes: ({ centres, count }) => (MOST_STEPS + 1) * count * (centres + 1),
  constants: () => ({ MOST: MOST_STEPS }),
});
