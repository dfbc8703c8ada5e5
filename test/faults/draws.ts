// What a try draws: repeatable by seed and number.
import { PhiloxStream } from '../../src/math/philox.ts';

export class Draws {
  private readonly stream: PhiloxStream;

  constructor(seed: number, index: number) {
    this.stream = new PhiloxStream(seed, 'plain', index);
  }

  /** From 0, below n. */
  below(n: number): number {
    return n <= 1 ? 0 : this.stream.nextInt(n);
  }

  uniform(low: number, high: number): number {
    return this.stream.uniformIn(low, high);
  }

  chance(part: number): boolean {
    return this.stream.nextUniform() < part;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}
