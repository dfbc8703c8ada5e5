import { DataError } from '../errors.ts';

/** A value in a JSON document together with where it stands, so that whatever is wrong can be named. */
export class Place {
  constructor(
    readonly value: unknown,
    readonly where: string,
  ) {}

  /** @throws DataError always: one line, `file: case 'name': key: problem` */
  fail(problem: string): never {
    throw new DataError(`${shortened(this.where)}: ${shortened(problem)}`);
  }

  /** The same value under a better name. */
  called(name: string): Place {
    return new Place(this.value, name);
  }

  /** The entries of an object. A map, so that no key (`__proto__`, `constructor`) means anything to JavaScript. */
  entries(): Map<string, Place> {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.fail(`must be an object, is ${kindOf(value)}`);
    return new Map(
      Object.entries(value).map(([key, inner]) => [key, new Place(inner, `${this.where}: ${key}`)]),
    );
  }

  /** An entry of an object. */
  get(key: string): Place {
    return this.maybe(key) ?? this.fail(`'${key}' is missing`);
  }

  /** An entry of an object, if it is there. */
  maybe(key: string): Place | undefined {
    return this.entries().get(key);
  }

  list(): Place[] {
    if (!Array.isArray(this.value)) this.fail(`must be an array, is ${kindOf(this.value)}`);
    return this.value.map((inner: unknown, i) => new Place(inner, `${this.where}[${i}]`));
  }

  text(): string {
    if (typeof this.value !== 'string') this.fail(`must be a text, is ${kindOf(this.value)}`);
    return this.value;
  }

  flag(): boolean {
    if (typeof this.value !== 'boolean') this.fail(`must be true or false, is ${kindOf(this.value)}`);
    return this.value;
  }

  number(): number {
    const { value } = this;
    if (typeof value !== 'number' || !Number.isFinite(value))
      this.fail(`must be a finite number, is ${kindOf(value)}`);
    return value;
  }

  /** A whole number from 0. */
  count(): number {
    const value = this.number();
    if (!Number.isSafeInteger(value) || value < 0) this.fail(`must be a whole number from 0, is ${value}`);
    return value;
  }

  /** Finite numbers. */
  numbers(): Float64Array {
    if (!Array.isArray(this.value)) this.fail(`must be an array of numbers, is ${kindOf(this.value)}`);
    const values: readonly unknown[] = this.value;
    const result = new Float64Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== 'number' || !Number.isFinite(value))
        this.fail(`element ${i} must be a finite number, is ${kindOf(value)}`);
      result[i] = value;
    }
    return result;
  }
}

const kindOf = (value: unknown): string => {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'string' ? `'${value.slice(0, 40)}'` : typeof value;
};

/** Names come from the document: however long, the message stays one that can be read. */
const shortened = (text: string): string => {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 600 ? `${line.slice(0, 300)}…${line.slice(-200)}` : line;
};
