import type { State } from '../tape/index.ts';
import { type CountedStep, formatCount, listSteps, type Step } from './steps.ts';
import { counted } from './work.ts';

export * from './steps.ts';

/** Memory that a program binds. */
export type ProgramBuffer = {
  readonly name: string;
  /** Elements of four bytes. */
  readonly count: number;
  readonly dtype: 'f32' | 'u32';
} & (
  | { readonly kind: 'temporary'; readonly slot: number }
  | { readonly kind: 'state'; readonly state: State }
  | { readonly kind: 'literal'; readonly values: Float32Array | Float64Array }
  | { readonly kind: 'input' }
  | { readonly kind: 'output' }
);

/** Memory that temporaries share whose lifetimes do not overlap; words and floats never share one. */
export interface Slot {
  /** Elements of four bytes. */
  readonly count: number;
  readonly dtype: 'f32' | 'u32';
}

/** A named input or output. */
export interface ProgramPort {
  readonly buffer: number;
  readonly shape: readonly number[];
  readonly dtype: 'f32' | 'u32';
  /** Of an input that need not be written: the value of each element until it is. */
  readonly initial?: number;
}

/** An immutable list of steps with the buffers they work on: what a recording was lowered to. */
export class Program {
  readonly steps: readonly CountedStep[];

  constructor(
    steps: readonly Step[],
    readonly buffers: readonly ProgramBuffer[],
    readonly slots: readonly Slot[],
    readonly inputs: ReadonlyMap<string, ProgramPort>,
    readonly outputs: ReadonlyMap<string, ProgramPort>,
    readonly states: readonly State[],
  ) {
    this.steps = steps.map((step) => counted(step, buffers));
  }

  /** Kernels dispatched for one update. */
  get kernels(): number {
    return this.steps.length;
  }

  /** Floating-point operations of one update; multiply and add count as two. */
  get flops(): number {
    return this.steps.reduce((total, step) => total + step.flops, 0);
  }

  /** Bytes read and written by the kernels of one update. */
  get bytes(): number {
    return this.steps.reduce((total, step) => total + step.bytes, 0);
  }

  /** Bytes of the arena that holds the temporaries. */
  get arenaBytes(): number {
    return 4 * this.slots.reduce((total, { count }) => total + count, 0);
  }

  /** One line a step: kernel, shapes, buffers, FLOPs and bytes. */
  toString(): string {
    const total = `${this.kernels} kernels, ${formatCount(this.flops)}FLOP, ${formatCount(this.bytes)}B moved, arena ${formatCount(this.arenaBytes)}B in ${this.slots.length} slots`;
    return [...listSteps(this.steps, this.buffers), total].join('\n');
  }
}
