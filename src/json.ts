// JSON that holds what was meant. JSON.stringify writes null for NaN and infinity, {} for a Map and for a typed array an
// object of its indices; what comes back is another value, or cannot be read at all. Here each is named instead.

import { DataError, NumericsError } from './errors.ts';

/** Where a value cannot be written, and what stands there. */
interface Fault {
  readonly path: string;
  readonly seen: unknown;
}

/** Levels of lists and objects in each other: what walks them calls itself. */
const DEEPEST = 500;

/** Stands for what is below them. */
class TooDeep {}

export interface JsonOptions {
  readonly indent?: number;
  /** Significant digits of numbers that are no integers; all when absent. */
  readonly digits?: number;
  /** Writes null for infinity: the end of an interval that has none, an error that is infinitely large. */
  readonly unbounded?: boolean;
}

/**
 * A value as JSON.
 *
 * @param what the document, for the error
 * @throws NumericsError naming the first NaN or infinity and where it is; DataError what else JSON does not hold
 */
export function jsonText(value: unknown, what: string, options: JsonOptions = {}): string {
  const { indent, digits, unbounded = false } = options;
  requireHeld(value, what, unbounded);
  const rounded = (_key: string, x: unknown) =>
    typeof x === 'number' && !Number.isInteger(x) ? Number(x.toPrecision(digits)) : x;
  return JSON.stringify(value, digits === undefined ? undefined : rounded, indent);
}

/**
 * @param what the value, for the error
 * @throws NumericsError naming the first NaN or infinity and where it is; DataError what else JSON does not hold
 */
export function requireHeld(value: unknown, what: string, unbounded = false): void {
  const fault = faultOf(value, '', unbounded);
  if (!fault) return;
  const { path, seen } = fault;
  const place = path === '' ? what : `${what}: ${path.replace(/^\./, '')}`;
  if (typeof seen === 'number') throw new NumericsError(`${place} is ${seen}; no file can hold that.`);
  if (seen instanceof TooDeep)
    throw new DataError(`${place} is nested deeper than ${DEEPEST} levels, which no file can hold.`);
  throw new DataError(`${place} is ${kindOf(seen)}, which no file can hold.`);
}

/** @throws SyntaxError when it is no JSON, or too deep; a byte-order mark before it is none of its business */
export function parseJson(text: string): unknown {
  requireShallow(text);
  return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
}

function requireShallow(text: string): void {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) inText = false;
    } else if (code === QUOTE) inText = true;
    // [ and {, ] and }: equal but for a bit.
    else if ((code & ~0x20) === 0x5b) {
      if (++depth > DEEPEST) throw new SyntaxError(`it is nested deeper than ${DEEPEST} levels`);
    } else if ((code & ~0x20) === 0x5d) depth--;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function faultOf(value: unknown, path: string, unbounded: boolean, depth = 0): Fault | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') {
    const held = Number.isFinite(value) || (unbounded && !Number.isNaN(value));
    return held ? undefined : { path, seen: value };
  }
  if (depth > DEEPEST) return { path: `${path.slice(0, 60)}…`, seen: new TooDeep() };
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const fault = faultOf(value[i], `${path}[${i}]`, unbounded, depth + 1);
      if (fault) return fault;
    }
    return undefined;
  }
  if (typeof value !== 'object' || !isPlain(value)) return { path, seen: value };
  for (const [key, item] of Object.entries(value)) {
    // Left out, as it is from the object.
    if (item === undefined) continue;
    const fault = faultOf(item, `${path}.${key}`, unbounded, depth + 1);
    if (fault) return fault;
  }
  return undefined;
}

/** Whether its keys are all there is to an object. */
const isPlain = (value: object): boolean =>
  !(value instanceof Map || value instanceof Set || value instanceof Date || ArrayBuffer.isView(value));

const kindOf = (value: unknown): string =>
  typeof value === 'object'
    ? `a ${value?.constructor.name}`
    : value === undefined
      ? 'undefined'
      : `a ${typeof value}`;
