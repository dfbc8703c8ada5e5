import { ceilDivide, kernel } from './layout.ts';

/** What `philox` writes. */
export const randomKinds = ['bits', 'uniform', 'normal'] as const;

/** Passes that make four random words. */
export const PHILOX_ROUNDS = 10;

/** Columns that one invocation of `replay_sample` copies. */
export const REPLAY_COLUMNS = 16;

/**
 * y [count] words: Philox 4×32-10 with counter (block, clock[2], draw, clock[3]) and key (clock[0], clock[1]); kind: bits,
 * uniform in (0, 1), standard normal. Floats are stored by their bits. Several draws of `each` words, a multiple of 4,
 * follow each other: the next is draw + drawStep.
 */
export const philox = kernel({
  name: 'philox',
  bindings: { clock: 'read u32', y: 'write u32' },
  params: { count: 'u32', draw: 'u32', kind: 'choice', each: 'u32', drawStep: 'u32' },
  grid: ({ count }) => ({ items: ceilDivide(count, 4) }),
  flops: ({ count }) => 30 * count,
  passes: () => PHILOX_ROUNDS + 4,
});

/** Row i is storage[mulhi(bits_i, fill[0])], bits_i the words of draw `draw`. */
export const replaySample = kernel({
  name: 'replay_sample',
  bindings: { storage: 'read', fill: 'read u32', clock: 'read u32', y: 'write' },
  params: { batch: 'u32', width: 'u32', draw: 'u32' },
  grid: ({ batch, width }) => ({ items: batch * ceilDivide(width, REPLAY_COLUMNS) }),
  flops: ({ batch, width }) => batch * width,
  touches: ({ batch, width }) => ({ storage: batch * width }),
  constants: () => ({ COLUMNS: REPLAY_COLUMNS }),
  passes: () => PHILOX_ROUNDS + REPLAY_COLUMNS,
});
