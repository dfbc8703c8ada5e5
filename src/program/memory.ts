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
    liveBytes: largestLiveSet(program),
    stateBytes: total('state'),
    portBytes: total('input', 'output'),
    literalBytes: total('literal'),
  };
}

/** A temporary is alive from the step that first binds it to the step that last does, both included. */
function largestLiveSet({ steps, buffers }: Program): number {
  const born = steps.map((): number[] => []);
  const lastUse = new Map<number, number>();
  steps.forEach((step, at) => {
    for (const buffer of new Set(step.buffers)) {
      if (buffer < 0 || buffers[buffer].kind !== 'temporary') continue;
      if (!lastUse.has(buffer)) born[at].push(buffer);
      lastUse.set(buffer, at);
    }
  });
  const live = new Set<number>();
  let bytes = 0;
  let most = 0;
  for (const [at, arrivals] of born.entries()) {
    for (const buffer of arrivals) {
      live.add(buffer);
      bytes += 4 * buffers[buffer].count;
    }
    most = Math.max(most, bytes);
    for (const buffer of live) {
      if (lastUse.get(buffer) !== at) continue;
      live.delete(buffer);
      bytes -= 4 * buffers[buffer].count;
    }
  }
  return most;
}
