import type { RecordingOptions } from '../../tape/index.ts';
import type { Draft } from '../draft.ts';

/** What the device that will run the program wants of it. */
export type Target = RecordingOptions;

/** One change of a draft. */
export interface Pass {
  readonly name: string;
  /** Why there is such a pass. */
  readonly reason: string;
  /** Whether the target has a use for it; always when absent. */
  readonly applies?: (target: Target) => boolean;
  readonly run: (draft: Draft, target: Target) => Draft;
}

/** A draft after one pass, for people who want to see what it does. */
export interface Stage {
  readonly pass: string;
  readonly reason: string;
  /** What it changed, a line each. */
  readonly changes: readonly string[];
  /** One line a step. */
  readonly listing: readonly string[];
}
