// What the numbers of a learner and its replay buffer may be: one table for all who take them.
import { UsageError } from '../errors.ts';
import { temperatureBounds } from './temperature.ts';

/** A finite number; both ends are within, but for `from` where it says `above`. */
export interface Range {
  readonly whole?: boolean;
  readonly above?: boolean;
  readonly from: number;
  readonly to: number;
}

const whole = (from: number, to: number): Range => ({ whole: true, from, to });
const number = (from: number, to = Number.MAX_VALUE): Range => ({ from, to });
const most = Number.MAX_SAFE_INTEGER;

/** By the name of the option; of a list, each of its numbers. */
export const ranges = {
  observations: whole(1, 2 ** 20),
  actions: whole(1, 65_536),
  behaviour: whole(0, 2 ** 20),
  samples: whole(1, 65_536),
  hidden: whole(1, 65_536),
  batch: whole(1, 2 ** 24),
  capacity: whole(1, 2 ** 24),
  // The step is the index of a stream.
  steps: whole(1, 2 ** 32 - 1),
  warmup: whole(1, most),
  evaluateEvery: whole(1, most),
  checkpointEvery: whole(1, most),
  parallelEnvironments: whole(1, 4096),
  updatesPerStep: whole(0, 10_000),
  evaluationEpisodes: whole(1, 10_000),
  discount: number(0, 1),
  tau: number(0, 1),
  learningRate: number(0),
  temperature: number(...temperatureBounds),
  initialTemperature: number(...temperatureBounds),
  targetEntropy: number(-Number.MAX_VALUE),
  penaltyCoefficient: number(0),
  seed: whole(0, most),
} satisfies Record<string, Range>;

/** `a whole number from 1 to 65536` */
export function describeRange({ whole: only, above, from, to }: Range): string {
  if (from === -Number.MAX_VALUE && to === Number.MAX_VALUE) return 'a finite number';
  const end = to >= most ? '' : ` to ${to}`;
  if (above) return `a finite number above ${from}${end}`;
  return `a ${only ? 'whole' : 'finite'} number from ${from}${end}`;
}

export function isWithin(value: unknown, { whole: only, above, from, to }: Range): boolean {
  if (typeof value !== 'number' || !(value >= from && value <= to)) return false;
  return (!only || Number.isInteger(value)) && !(above && value === from);
}

/**
 * @param owner what has the options, for the error
 * @param options numbers, or lists of them, by the names of {@link ranges}; what is undefined was left out
 * @throws UsageError naming the first that is out of its range, its value and the range
 */
export function requireRanges(
  owner: string,
  options: { readonly [name in keyof typeof ranges]?: number | readonly number[] | undefined },
): void {
  for (const [name, given] of Object.entries(options)) {
    const range: Range = ranges[name as keyof typeof ranges];
    const list = Array.isArray(given) ? given : [given];
    list.forEach((value, i) => {
      if (value === undefined && !Array.isArray(given)) return;
      if (isWithin(value, range)) return;
      const path = Array.isArray(given) ? `${name}[${i}]` : name;
      throw new UsageError(`${owner}: ${path} must be ${describeRange(range)}; got ${String(value)}.`);
    });
  }
}
