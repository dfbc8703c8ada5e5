// Opens one contestant in this process or page, and answers for it.
import type { Contestant, Facts, Opening, RemoteContestant, RunCounts } from '../contestant.ts';
import type { Losses } from '../work.ts';

async function openContestant(opening: Opening): Promise<Contestant> {
  switch (opening.library) {
    case 'divergrad':
      return (await import('./own.ts')).openOwn(opening);
    case 'jax-js':
      return (await import('./jax.ts')).openJax(opening);
    case 'tfjs':
      return (await import('./tfjs.ts')).openTfjs(opening);
    case 'gpu.js':
      return (await import('./gpujs.ts')).openGpuJs(opening);
    case 'pytorch':
      throw new Error('PyTorch runs in Python');
    default:
      throw new Error(`unknown library ${opening.library satisfies never}`);
  }
}

/** Answers questions about at most one contestant. */
export class Answers implements RemoteContestant {
  private contestant: Contestant | undefined;

  async open(opening: Opening): Promise<Facts> {
    this.contestant = await openContestant(opening);
    return this.contestant.facts;
  }

  async facts(): Promise<Facts> {
    return this.opened.facts;
  }

  async check(updates: number): Promise<Losses[]> {
    const all: Losses[] = [];
    for (let i = 0; i < updates; i++) {
      // Opening has done the first update already.
      if (i > 0) await this.opened.run(1);
      all.push(await this.opened.losses());
    }
    return all;
  }

  async layers(): Promise<Record<string, number[]>> {
    const values = (await this.opened.layers?.()) ?? {};
    return Object.fromEntries(Object.entries(values).map(([name, array]) => [name, [...array]]));
  }

  async counts(updates: number): Promise<RunCounts | null> {
    return (await this.opened.counts?.(updates)) ?? null;
  }

  async time(updates: number): Promise<number> {
    const start = performance.now();
    await this.opened.run(updates);
    return performance.now() - start;
  }

  async close(): Promise<void> {
    await this.contestant?.dispose();
    this.contestant = undefined;
  }

  private get opened(): Contestant {
    if (!this.contestant) throw new Error('no contestant is open');
    return this.contestant;
  }
}
