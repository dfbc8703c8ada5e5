import { breathe } from '../breathe.ts';
import type { Device } from '../device.ts';

/** About how long a slice takes, ms: between two, a stop is noticed. */
const SLICE_MS = 100;

/**
 * Carries out many updates in slices of about a tenth of a second. A run's first slices are short, until it is known what an
 * update takes; as many as fit in one slice go to the device at once and are not waited for.
 */
export class Burst {
  private slice = 1;

  /** @param carryOut that many updates, given how many were before them */
  constructor(
    private readonly device: Device,
    private readonly carryOut: (times: number, before: number) => void | Promise<void>,
  ) {}

  /**
   * @param before updates of the run so far
   * @returns how many were carried out: all, unless it was stopped
   */
  async run(times: number, before: number, signal: AbortSignal | undefined): Promise<number> {
    for (let done = 0; ; ) {
      const next = Math.min(times - done, this.slice);
      if (next === times) {
        await this.carryOut(next, before);
        return times;
      }
      const begun = performance.now();
      await this.carryOut(next, before + done);
      // Else nothing would be known of a device of its own.
      await this.device.backend.synchronize();
      done += next;
      const ms = performance.now() - begun;
      if (next === this.slice && ms < SLICE_MS / 2) this.slice *= 2;
      else if (ms > SLICE_MS) this.slice = Math.max(1, Math.floor(next / 2));
      if (done === times) return times;
      const pause = breathe();
      if (pause) await pause;
      if (signal?.aborted) return done;
    }
  }
}
