// Whose random numbers are whose. Every purpose has numbers of its own: its number is a part of Philox' key, beside the
// seed, so that no two purposes and no two seeds share a block, whatever is drawn of them.

import { UsageError } from '../errors.ts';

/**
 * Version of what this file says. Version 1 had streams that purposes shared, and starts of evaluations that depended on
 * how many there had been.
 */
export const streamVersion = 2;

/** The number of each purpose, 0 … 2047. A number is never given to another purpose. */
export const purposes = {
  /** A caller's own programs, and problems that are set once for all. */
  plain: 0,
  // Initial weights, from the learner's seed; each network side by side has an index.
  network: 1,
  policy: 2,
  critics: 3,
  value: 4,
  // Training, from the run's seed.
  /** The device's draws of an update: batches and samples. */
  update: 6,
  /** The device's draws of actions to take. */
  act: 7,
  warmup: 8,
  /** Seeds of the environments to learn in; index: place. */
  trainingStarts: 9,
  /** Seeds of the environments to evaluate in; index: step. */
  evaluationStarts: 10,
  /** Starts and noise of one environment, from the seed that it is given. */
  environment: 11,
  // `play`
  playStarts: 12,
  playActions: 13,
  // Studies and measurements
  bootstrap: 15,
  residuals: 16,
  quality: 17,
  qualityLimit: 18,
  qualityPenalties: 19,
  qualitySamples: 20,
  costInputs: 21,
  costReplay: 22,
  // The page
  fit: 23,
  fitPicture: 24,
  // The benchmarks of the repository
  benchInputs: 25,
  benchGradients: 26,
  benchRatios: 27,
  /** What a backend is asked before it is trusted. */
  probe: 28,
  /** Operands with which every kernel is compared. */
  kernelCheck: 29,
  /** Samples of a saved policy. */
  policyActions: 30,
  /** What a user's own estimators, distributions and environments are tried with. */
  checks: 31,
} as const;

export type Purpose = keyof typeof purposes;

/** Seeds have 53 bits; the purpose takes the 11 that are left of the key. */
const SEED_BITS_OF_HIGH_WORD = 21;

/**
 * Philox' key for a purpose of a seed. `plain` has the seed alone.
 *
 * @param seed integer, 0 … 2^53 − 1
 * @returns [low, high] unsigned 32-bit words, different for each pair
 * @throws UsageError when the seed is no such integer
 */
export function streamKey(seed: number, purpose: Purpose): [low: number, high: number] {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new UsageError(`The random seed is ${seed}.`, {
      hint: `Give an integer from 0 to ${Number.MAX_SAFE_INTEGER}.`,
    });
  const high = Math.floor(seed / 2 ** 32) + purposes[purpose] * 2 ** SEED_BITS_OF_HIGH_WORD;
  return [seed >>> 0, high];
}
