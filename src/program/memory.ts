import { maximum } from '../math/extremes.ts';
import { aliveAt, lifetimesOf } from './arena.ts';
import type { Program, ProgramBuffer } from './program.ts';

/** Device memory of one program, and the least that its schedule allows. */
export interface ProgramMemory {
  /** Of the arena that temporaries share. */
  readonly arenaBytes: number;
  /**
   * Of the temporaries that are alive at one step, at the step where they are most. No placement of whole buffers needs
   * less, so this bounds the arena from below.
   */
  readonly liveBytes: number;
  /** Of parameters, optimiser moments, counters and replay storage; programs that share a state share its memory. */
  readonly stateBytes: number;
  /** Of inputs and outputs. */
  readonly portBytes: number;
  /** Of constants. */
  readonly literalBytes: number;
}

/** What a program occupies, and what it must occupy, from its steps alone. */
export function programMemory(program: Program): ProgramMemory {
  const total = (...kinds: ProgramBuffer['kind'][]) =>
    4 * program.buffers.reduce((sum, { kind, count }) => sum + (kinds.includes(kind) ? count : 0), 0);
  return {
    arenaBytes: program.arenaBytes,
    liveBytes: 4 * Math.max(0, maximum(aliveAt(lifetimesOf(program), program.steps.length))),
    stateBytes: total('state'),
    portBytes: total('input', 'output'),
    literalBytes: total('literal'),
  };
}
