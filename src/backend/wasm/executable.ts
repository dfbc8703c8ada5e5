import type { Counters, Executable } from '../backend.ts';
import type { ProgramMemory } from './program-memory.ts';
import type { Runner } from './runner.ts';
import { ThreadChoice } from './thread-choice.ts';

/** A program as it lies in memory. */
export interface LoadedTable {
  readonly memory: ProgramMemory;
  /** Address of its steps. */
  readonly table: number;
  readonly steps: number;
  /** Whether it is large enough for threads, and whether they are chosen run by run. */
  readonly share: boolean;
  readonly choose: boolean;
}

export class WasmExecutable implements Executable {
  private readonly choice: ThreadChoice | undefined;

  constructor(
    private readonly loaded: LoadedTable,
    private readonly runner: Runner,
    private readonly counters: Counters,
  ) {
    if (loaded.choose) this.choice = new ThreadChoice();
  }

  run(times: number): void {
    const { runner, choice } = this;
    const { table, steps } = this.loaded;
    this.counters.submits++;
    this.counters.dispatches += times * steps;
    const share = this.loaded.share && runner.threads > 1;
    if (!share || !choice) {
      runner.run(table, steps, times, share);
      return;
    }
    for (let i = 0; i < times; i++) {
      const shared = choice.next();
      const begun = performance.now();
      runner.run(table, steps, 1, shared);
      choice.record(performance.now() - begun);
    }
  }

  dispose(): void {
    this.loaded.memory.release();
  }
}
