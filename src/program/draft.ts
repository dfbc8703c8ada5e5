import type { Program, ProgramBuffer, Step } from './program.ts';

type Unplaced<B> = B extends unknown ? Omit<B, 'slot'> : never;
/** A buffer whose slot is not chosen yet. */
export type DraftBuffer = Unplaced<ProgramBuffer>;

/** A program in the making: what the passes work on. */
export interface Draft {
  readonly steps: readonly Step[];
  readonly buffers: readonly DraftBuffer[];
}

/** What is known of a program besides its draft. */
export type Interface = Pick<Program, 'inputs' | 'outputs' | 'states'>;

/** Whether a buffer is a temporary that no step touches but those from `from` to before `to`. */
export const isPrivate = ({ steps, buffers }: Draft, buffer: number, from: number, to: number): boolean =>
  buffers[buffer]?.kind === 'temporary' &&
  !steps.some((step, i) => (i < from || i >= to) && step.buffers.includes(buffer));
