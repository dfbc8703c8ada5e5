// What the program is asked and what it answers.

export interface Worked {
  readonly version: string;
  readonly backend: string;
  readonly reason: string;
  /** exp of 0, 1 and 2. */
  readonly exp: readonly number[];
  /** Mean squared error of a network that learns x ↦ 2x − 1 on [−1, 1]. */
  readonly loss: number;
  /** Numbers of the first observation of the environment. */
  readonly observation: number;
}
export interface Asked {
  readonly backend?: 'auto' | 'cpu' | 'wasm' | 'webgpu';
  readonly environment?: string;
  readonly fetchFrom?: (variant: 'relaxed' | 'simd' | 'scalar') => string;
}
