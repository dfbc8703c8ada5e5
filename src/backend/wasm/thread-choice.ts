/** Milliseconds of runs, at least, that are judged together: no hiccup of the machine shall decide alone. */
const BLOCK_MS = 2;
/** Blocks between two trials of the way that was slower, at first and at most. */
const FIRST_INTERVAL = 8;
const LONGEST_INTERVAL = 128;
/** The other way must be faster by this factor to be taken: noise alone shall not decide. */
const MARGIN = 0.95;
/** Part of a block in what is known of the way taken, and how many times as much as that it counts at most. */
const WEIGHT = 1 / 8;
const OUTLIER = 2;

/**
 * Decides before each run of a program whether threads share it, by how long its late runs took. Threads can double the
 * speed of a program or, on a machine that is busy with something else, halve it: whoever holds a piece of work while
 * another program has its processor holds up all. So the slower way is tried again when the way taken gets slower than
 * the other was, and at times, the more rarely the longer it stays slower. Results do not depend on it.
 */
export class ThreadChoice {
  private shared = true;
  /** Whether the block under way tries the other way. */
  private trying = false;
  /** Milliseconds of a run: alone, and shared. */
  private readonly took = [Number.NaN, Number.NaN];
  private interval = FIRST_INTERVAL;
  private untilTrial = 0;
  private runs = 0;
  private milliseconds = 0;

  /** Whether the next run is to be shared. */
  next(): boolean {
    return this.shared !== this.trying;
  }

  /** Tells how long it took. */
  record(milliseconds: number): void {
    this.runs++;
    this.milliseconds += milliseconds;
    if (this.milliseconds < BLOCK_MS) return;
    const each = this.milliseconds / this.runs;
    this.runs = 0;
    this.milliseconds = 0;
    if (this.trying) this.endTrial(each);
    else this.endBlock(each);
  }

  private endBlock(each: number): void {
    const { took } = this;
    const [current, other] = [Number(this.shared), Number(!this.shared)];
    const known = took[current];
    took[current] = known > 0 ? known + WEIGHT * (Math.min(each, OUTLIER * known) - known) : each;
    this.untilTrial--;
    this.trying = this.untilTrial <= 0 || took[other] < MARGIN * took[current];
  }

  private endTrial(each: number): void {
    const { took } = this;
    const [current, other] = [Number(this.shared), Number(!this.shared)];
    took[other] = each;
    if (each < MARGIN * took[current]) {
      this.shared = !this.shared;
      this.interval = FIRST_INTERVAL;
    } else this.interval = Math.min(2 * this.interval, LONGEST_INTERVAL);
    this.untilTrial = this.interval;
    this.trying = false;
  }
}
