import type { MlpKernels } from '../tape/index.ts';
import type { GoldenCase } from './format.ts';
import type { Setting } from './setting.ts';

/** How a kind of golden case is computed with the library. */
export interface Recipe {
  /** Whether this recipe computes the case; a case that none computes is not built yet. */
  readonly computes: (golden: GoldenCase) => boolean;
  /** Records the computation and gives the results that the case wants. */
  readonly record: (setting: Setting) => void;
  /**
   * Whether the results go through exp, log, tanh, pow, sin or cos, for which WGSL promises less than a CPU's
   * library: a GPU kernel may then use ten times the float32 tolerance.
   */
  readonly transcendental: (golden: GoldenCase) => boolean;
  /** Of the backend's ways of recording networks those that must all pass; the one it prefers when absent. */
  readonly recordings?: (golden: GoldenCase) => readonly MlpKernels[];
}

export const always = (): boolean => true;
export const never = (): boolean => false;

/** Cases whose name begins like this. */
export const named =
  (...starts: readonly string[]) =>
  ({ name }: GoldenCase): boolean =>
    starts.some((start) => name.startsWith(start));
