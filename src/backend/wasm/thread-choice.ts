/** Runs between two trials of the way that was slower, at first and at most. */
const FIRST_INTERVAL = 8;
const LONGEST_INTERVAL = 128;
/** The other way must be faster by this factor to be taken: noise alone shall not decide. */
const MARGIN = 0.95;

/**
 * Decides before each run of a program whether threads share it, by how long its late runs took. Threads can double the
 * speed of a program or, on a machine that is busy with something else, halve it: whoever holds a piece of work while
 * another program has its processor holds up all. So the slower way is tried again at times, the more rarely the longer
 * it stays slower. Results do not depend on it.
 */
export class ThreadChoice {
  private shared = true;
  /** Milliseconds of a late run: alone, and shared. */
  private readonly took = [Number.NaN, Number.NaN];
  private interval = FIRST_INTERVAL;
  private untilTrial = FIRST_INTERVAL;

  /** Whether the next run is to be shared. */
  next(): boolean {
    if (this.untilTrial > 0 && !Number.isNaN(this.took[Number(!this.shared)])) return this.shared;
    return Number.isNaN(this.took[Number(this.shared)]) ? this.shared : !this.shared;
  }

  /** Tells how long a run took. */
  record(shared: boolean, milliseconds: number): void {
    const { took } = this;
    const way = Number(shared);
    const current = Number(this.shared);
    // The way taken is averaged over some runs; of the other each trial is news.
    const known = way === current && !Number.isNaN(took[way]);
    took[way] = known ? (took[way] + milliseconds) / 2 : milliseconds;
    if (way === current) this.untilTrial--;
    if (took[1 - current] < MARGIN * took[current]) {
      this.shared = !this.shared;
      this.interval = FIRST_INTERVAL;
      this.untilTrial = FIRST_INTERVAL;
    } else if (way !== current) {
      this.interval = Math.min(2 * this.interval, LONGEST_INTERVAL);
      this.untilTrial = this.interval;
    }
  }
}
