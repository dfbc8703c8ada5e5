// Typed errors: every failure the library reports is one of these, so that a caller can tell wrong input
// from a broken device without reading messages. The message is one line: what is wrong, the values seen,
// and (when there is one) the hint that says what to do.

/** What an error carries besides its message. */
export interface ErrorDetails {
  /** What to do about it: a full sentence, also appended to the message. */
  readonly hint?: string;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/** Base class of all errors thrown on purpose by this library. */
export class DivergradError extends Error {
  override readonly name: string = 'DivergradError';
  /** Stable machine-readable kind, e.g. `shape` or `backend`. */
  readonly code: string;
  /** What to do about it. */
  readonly hint?: string;

  /**
   * @param code stable machine-readable kind
   * @param problem what is wrong and the values seen: a full sentence
   */
  constructor(code: string, problem: string, details: ErrorDetails = {}) {
    const message = details.hint === undefined ? problem : `${problem} ${details.hint}`;
    super(limited(message), details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    if (details.hint !== undefined) this.hint = details.hint;
  }
}

/** What is wrong, without what to do about it: the short of a message. */
export const problemOf = ({ message, hint = '' }: DivergradError): string =>
  (message.endsWith(hint) ? message.slice(0, message.length - hint.length) : message)
    .trim()
    .replace(/\.$/, '');

/** Shapes that do not fit together, or data of the wrong length. */
export class ShapeError extends DivergradError {
  override readonly name = 'ShapeError';
  constructor(problem: string, details?: ErrorDetails) {
    super('shape', problem, details);
  }
}

/** A wrong argument: an unknown name, an option out of range, a combination that cannot work. */
export class UsageError extends DivergradError {
  override readonly name = 'UsageError';
  constructor(problem: string, details?: ErrorDetails) {
    super('usage', problem, details);
  }
}

/** NaN or infinity where a finite number is needed. */
export class NumericsError extends DivergradError {
  override readonly name = 'NumericsError';
  /** The update of a run in which it appeared, counted from 1, where one is known. */
  readonly update?: number;
  constructor(problem: string, details: ErrorDetails & { readonly update?: number | undefined } = {}) {
    super('numerics', problem, details);
    if (details.update !== undefined) this.update = details.update;
  }
}

/**
 * What is wrong with a device: there is none, it is gone, it has no memory left, a limit of it is too small, it refuses
 * a call or a shader, or it does not answer; or what was used of it has been disposed of or freed.
 */
export type DeviceFault =
  | 'absent'
  | 'lost'
  | 'memory'
  | 'limit'
  | 'validation'
  | 'shader'
  | 'timeout'
  | 'disposed';

/** What is known of a device's failure. */
export interface DeviceDetails extends ErrorDetails {
  readonly fault?: DeviceFault;
  /** The device, as its backend describes it. */
  readonly adapter?: string;
  /** Name of the limit that was exceeded. */
  readonly limit?: string;
}

/** A missing or failing device, or one used wrongly. */
export class BackendError extends DivergradError {
  override readonly name = 'BackendError';
  readonly fault?: DeviceFault;
  readonly adapter?: string;
  readonly limit?: string;
  constructor(problem: string, details: DeviceDetails = {}) {
    super('backend', problem, details);
    const { fault, adapter, limit } = details;
    if (fault !== undefined) this.fault = fault;
    if (adapter !== undefined) this.adapter = adapter;
    if (limit !== undefined) this.limit = limit;
  }
}

/** What was found where a backend computes something else than the reference. */
export interface ProbeDetails extends ErrorDetails {
  /** The device, as its backend describes it. */
  readonly adapter: string;
  /** The first kernel that is wrong by itself; a result's name where none is. */
  readonly kernel: string;
  readonly expected: number;
  readonly found: number;
}

/** A backend whose kernels compute something else than the reference: nothing that it says can be trusted. */
export class ProbeError extends DivergradError {
  override readonly name = 'ProbeError';
  readonly adapter: string;
  readonly kernel: string;
  readonly expected: number;
  readonly found: number;
  constructor(problem: string, { adapter, kernel, expected, found, ...details }: ProbeDetails) {
    super('probe', problem, details);
    this.adapter = adapter;
    this.kernel = kernel;
    this.expected = expected;
    this.found = found;
  }
}

/** An environment used against its contract, or one that breaks it: what it gave, in which step. */
export class EnvironmentError extends DivergradError {
  override readonly name = 'EnvironmentError';
  constructor(problem: string, details?: ErrorDetails) {
    super('environment', problem, details);
  }
}

/** What a check of an estimator, a distribution or an environment found wrong with it. */
export class CheckError extends DivergradError {
  override readonly name = 'CheckError';
  constructor(problem: string, details?: ErrorDetails) {
    super('check', problem, details);
  }
}

/** A file or message that cannot be read or does not hold what it should. */
export class DataError extends DivergradError {
  override readonly name: string = 'DataError';
  constructor(problem: string, details?: ErrorDetails) {
    super('data', problem, details);
  }
}

/** What is known of a file that the system does not let us use. */
export interface FileDetails extends ErrorDetails {
  readonly path: string;
  /** The system's own name of what is wrong, e.g. `ENOSPC`. */
  readonly fault: string;
}

/** A file or folder that the system does not let us read or write. */
export class FileError extends DataError {
  override readonly name = 'FileError';
  readonly path: string;
  readonly fault: string;
  constructor(problem: string, { path, fault, ...details }: FileDetails) {
    super(problem, details);
    this.path = path;
    this.fault = fault;
  }
}

/** Why a checkpoint cannot be used. */
export type CheckpointFault = 'truncated' | 'corrupted' | 'foreign' | 'newer' | 'older' | 'other-run';

/** A checkpoint that cannot be resumed from, and why. */
export class CheckpointError extends DivergradError {
  override readonly name = 'CheckpointError';
  constructor(
    readonly fault: CheckpointFault,
    problem: string,
    details?: ErrorDetails,
  ) {
    super('checkpoint', problem, details);
  }
}

/**
 * Looks at options that a caller without types may have left out.
 *
 * @param owner who takes them, for the error
 * @param needed those that have no default
 * @throws UsageError naming what is not there
 */
export function requireOptions<T>(owner: string, options: T, ...needed: readonly (keyof T & string)[]): T {
  const hint = needed.length > 0 ? { hint: `It needs ${needed.join(', ')}.` } : {};
  if (typeof options !== 'object' || options === null)
    throw new UsageError(`${owner}: the options must be an object; got ${quoted(options)}.`, hint);
  const missing = needed.find((name) => options[name] === undefined || options[name] === null);
  if (missing !== undefined) throw new UsageError(`${owner}: '${missing}' is missing.`, hint);
  return options;
}

/**
 * The error for a name that a registry does not hold: lists the known names and, when the name looks like a
 * slip of the keyboard, suggests the one that was meant.
 *
 * @param kind what the name stands for, e.g. `environment`
 * @param name the name as given
 * @param known the names that would have worked
 * @param alsoCalled what some of them are called elsewhere, in lower case letters and digits only: `{ sac: … }`
 */
export function unknownName(
  kind: string,
  name: string,
  known: readonly string[],
  alsoCalled: Readonly<Record<string, string>> = {},
): UsageError {
  const text = typeof name === 'string' ? name : quoted(name);
  const match = closestMatch(text, known, alsoCalled);
  const suggestion = match === undefined ? '' : `Did you mean '${match}'? `;
  return new UsageError(`Unknown ${kind} '${shortened(text)}'.`, {
    hint: `${suggestion}Known: ${known.join(', ')}.`,
  });
}

/** Characters of a value that a message quotes. */
const QUOTED = 60;
/** Characters of a message. */
const LONGEST_MESSAGE = 8000;

/** At most a page of a text. */
export const limited = (message: string): string =>
  message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}…` : message;

/** At most 60 characters of a text in one line: what a message may quote of data. */
export function shortened(text: string): string {
  // What follows cannot be seen, however long it is.
  const line = text.slice(0, 4 * QUOTED).replace(/\s*[\r\n]\s*/g, ' ');
  return line.length > QUOTED || text.length > 4 * QUOTED ? `${line.slice(0, QUOTED)}…` : line;
}

/**
 * A value as a message quotes it: the first 60 characters of its JSON, in one line. No more of it is looked at, so it may
 * be as large and as deep as it likes, or hold itself.
 */
export function quoted(value: unknown): string {
  let text = '';
  const full = () => text.length > QUOTED;
  const put = (part: unknown): void => {
    if (typeof part === 'string') text += JSON.stringify(part.slice(0, QUOTED + 1));
    else if (typeof part === 'function' || typeof part === 'symbol') text += `a ${typeof part}`;
    else if (typeof part !== 'object' || part === null) text += String(part);
    else if (Array.isArray(part) || ArrayBuffer.isView(part)) {
      text += '[';
      const list = part as ArrayLike<unknown>;
      for (let i = 0; i < list.length && !full(); i++) {
        if (i > 0) text += ',';
        put(list[i]);
      }
      text += ']';
    } else {
      text += '{';
      let first = true;
      for (const key in part) {
        if (full()) break;
        if (!Object.hasOwn(part, key)) continue;
        text += `${first ? '' : ','}${JSON.stringify(key.slice(0, QUOTED + 1))}:`;
        first = false;
        put((part as Record<string, unknown>)[key]);
      }
      text += '}';
    }
  };
  put(value);
  return shortened(text);
}

/** An error as it crosses to another thread, where only plain values go. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** What it carries besides: of the kind, the device, the file. */
  readonly facts: Readonly<Record<string, string | number>>;
  readonly cause?: PackedError | undefined;
}

const errorClasses: Readonly<Record<string, { readonly prototype: Error }>> = {
  DivergradError,
  ShapeError,
  UsageError,
  NumericsError,
  BackendError,
  ProbeError,
  EnvironmentError,
  CheckError,
  DataError,
  FileError,
  CheckpointError,
};

/** Whatever was thrown, to be sent to another thread. @param depth of the causes that go with it */
export function packError(error: unknown, depth = 4): PackedError {
  if (!(error instanceof Error)) return { name: 'Error', message: quoted(error), facts: {} };
  const { name, message, stack, cause } = error;
  const facts = Object.entries(error).filter(
    ([key, value]) => key !== 'name' && (typeof value === 'string' || typeof value === 'number'),
  );
  return {
    name: String(name),
    message: limited(String(message)),
    stack,
    facts: Object.fromEntries(facts),
    ...(cause === undefined || depth === 0 ? {} : { cause: packError(cause, depth - 1) }),
  };
}

/** The error that was packed: of the class that it had, if that is one of ours. */
export function unpackError({ name, message, stack, facts, cause }: PackedError): Error {
  const error = new Error(message, cause === undefined ? {} : { cause: unpackError(cause) });
  const own = Object.hasOwn(errorClasses, name) ? errorClasses[name] : undefined;
  if (own) Object.setPrototypeOf(error, own.prototype);
  Object.assign(error, facts, { name });
  if (stack !== undefined) Object.defineProperty(error, 'stack', { value: stack, configurable: true });
  return error;
}

/** What is left of a name without case, signs, and the version that Gymnasium gives its names: `CartPole-v1` is `cartpole`. */
const squeezed = (name: string): string =>
  name
    .toLowerCase()
    .replace(/-v\d+$/, '')
    .replace(/[^a-z0-9]/g, '');

/** Letters from which a part of a name says which one is meant. */
const LEAST_PART = 3;

/**
 * The known name that is meant: the same but for case and signs, what it is called elsewhere, the shortest of which it is
 * a part, or the nearest by edit distance; undefined when none is near enough (more than a third of the name would have
 * to change) to be worth suggesting.
 */
export function closestMatch(
  name: string,
  known: readonly string[],
  alsoCalled: Readonly<Record<string, string>> = {},
): string | undefined {
  const meant = squeezed(shortened(name));
  const same = known.find((candidate) => squeezed(candidate) === meant);
  if (same !== undefined) return same;
  if (Object.hasOwn(alsoCalled, meant)) return alsoCalled[meant];
  if (meant.length >= LEAST_PART) {
    const wider = known.filter((candidate) => squeezed(candidate).includes(meant));
    if (wider.length > 0) return wider.reduce((a, b) => (b.length < a.length ? b : a));
  }
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(name.length, candidate.length) / 3) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The fewest insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? before[j - 2] + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(substitution, swap, previous[j] + 1, current[j - 1] + 1));
    }
    [before, previous] = [previous, current];
  }
  return previous[b.length];
}
