// What a value may be, for files, flags and forms alike: what is wanted, what of a value is not as wanted, and how it is read
// from a text.
import { unknownName } from '../../errors.ts';
import { describeRange, isWithin, type Range } from '../../rl/ranges.ts';

/** What a setting may be. */
export interface Kind<T = unknown> {
  /** Said after "it must be". */
  readonly wanted: string;
  /** The part of a value that is not as wanted, as `['[1]', -3]`; undefined where all is. */
  fault(value: unknown): readonly [at: string, seen: unknown] | undefined;
  /** The value that a text stands for; of a text that stands for none, something that has a fault. @throws UsageError */
  parse(text: string): T;
}

export const name: Kind<string> = {
  wanted: 'a name',
  fault: (value) => (typeof value === 'string' && value !== '' ? undefined : ['', value]),
  parse: (text) => text,
};

/** Digits, or what stands for them: 1e3, 1.5e3. */
const wholeText = /^\d+$|^\d+(\.\d+)?e\+?\d+$/i;

export const number = (range: Range): Kind<number> => ({
  wanted: describeRange(range),
  fault: (value) => (isWithin(value, range) ? undefined : ['', value]),
  parse: (text) => ((range.whole ? wholeText : /\S/).test(text) ? Number(text) : Number.NaN),
});

export const orName = <W extends string, T>(word: W, kind: Kind<T>): Kind<W | T> => ({
  wanted: `${word}, or ${kind.wanted}`,
  fault: (value) => (value === word ? undefined : kind.fault(value)),
  parse: (text) => (text === word ? word : kind.parse(text)),
});

export const oneOf = <T extends string>(what: string, known: readonly T[]): Kind<T> => ({
  wanted: `one of ${known.join(', ')}`,
  fault: (value) => (known.includes(value as T) ? undefined : ['', value]),
  parse: (text) => {
    if (!known.includes(text as T)) throw unknownName(what, text, known);
    return text as T;
  },
});

/** Numbers, as `64,64` or `64-64` in a text. */
export const numbers = (range: Range): Kind<readonly number[]> => ({
  wanted: `a list of at least 1, each ${describeRange(range)}`,
  fault: (value) => {
    if (!Array.isArray(value) || value.length === 0) return ['', value];
    const wrong = value.findIndex((item) => !isWithin(item, range));
    return wrong < 0 ? undefined : [`[${wrong}]`, value[wrong]];
  },
  parse: (text) => text.split(/[,-]/).map((part) => number(range).parse(part.trim())),
});
