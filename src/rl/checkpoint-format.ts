// Checkpoints as bytes. Little-endian throughout:
//
//   magic     8 bytes   89 "DVGRD" 0D 0A: a transfer as text would change it, as PNG's
//   version   u32
//   header    u32       bytes of the header
//   length    u64       bytes of the whole file
//   header              JSON, padded with spaces to a multiple of 8
//   sections            the arrays that the header lists, each padded with zeros to a multiple of 8
//   checksum  u32       CRC-32 of all that comes before

import type { Values } from '../backend/backend.ts';
import type { EnvironmentState } from '../envs/environment.ts';
import { CheckpointError, NumericsError } from '../errors.ts';
import { jsonText } from '../json.ts';
import { crc32 } from '../math/crc32.ts';
import type { Checkpoint } from './checkpoint.ts';

/**
 * Version 1 had the moments of an optimiser as two states; up to 2 the random streams were those of version 1; up to 3 no run
 * stopped among the updates of a step.
 */
export const checkpointVersion = 4;

const MAGIC = Uint8Array.of(0x89, 0x44, 0x56, 0x47, 0x52, 0x44, 0x0d, 0x0a);
const PREFIX = 24;
const CHECKSUM = 4;

const types = { f32: Float32Array, f64: Float64Array, u32: Uint32Array } as const;
type TypeName = keyof typeof types;

interface Section {
  readonly name: string;
  readonly type: TypeName;
  readonly count: number;
}

interface Header
  extends Pick<
    Checkpoint,
    'streams' | 'settings' | 'step' | 'updates' | 'evaluations' | 'pending' | 'owed' | 'random'
  > {
  readonly kind: 'divergrad-checkpoint';
  /** Without their physics, which JSON would lose a sign of zero of. */
  readonly environments: readonly Omit<EnvironmentState, 'physics'>[];
  readonly replay: { readonly next: number };
  readonly sections: readonly Section[];
}

/** Bytes that are written or read at once: systems take no more than 2 GiB, and a large buffer must not hold up the rest. */
const PIECE = 2 ** 26;
/** Less than this is written with what stands beside it: a call to the system for each would take longer than to copy it. */
const SMALL = 2 ** 16;

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/**
 * A checkpoint as bytes, in pieces to be written one after the other: large arrays are not copied. The same checkpoint
 * gives the same bytes.
 *
 * @throws NumericsError naming the first number that is not finite; DataError what else a file cannot hold
 */
export const encodeCheckpoint = (checkpoint: Checkpoint): Uint8Array[] => [...encoding(checkpoint)];

/** The pieces of {@link encodeCheckpoint}, each made when it is wanted. */
export function* encoding(checkpoint: Checkpoint): Generator<Uint8Array, void, void> {
  const { streams, settings, step, updates, evaluations, random, environments, replay, states } = checkpoint;
  const arrays = new Map<string, Values>([['replay', replay.rows]]);
  environments.forEach(({ state, observation }, i) => {
    arrays.set(`physics.${i}`, Float64Array.from(state.physics));
    arrays.set(`observation.${i}`, observation);
  });
  for (const [name, values] of states) arrays.set(`state:${name}`, values);
  for (const [name, values] of arrays) requireFinite(name, values);
  const header: Header = {
    kind: 'divergrad-checkpoint',
    streams,
    settings,
    step,
    updates,
    evaluations,
    ...(checkpoint.pending ? { pending: checkpoint.pending } : {}),
    ...(checkpoint.owed ? { owed: checkpoint.owed } : {}),
    random,
    environments: environments.map(({ state: { physics: _physics, ...rest } }) => rest),
    replay: { next: replay.next },
    sections: [...arrays].map(([name, values]) => ({ name, type: typeOf(values), count: values.length })),
  };
  const text = new TextEncoder().encode(jsonText(header, 'The checkpoint'));
  const head = new Uint8Array(padded(text.length)).fill(0x20);
  head.set(text);
  const sections = [...arrays.values()].flatMap((values) => {
    const padding = padded(values.byteLength) - values.byteLength;
    return padding > 0 ? [values, new Uint8Array(padding)] : [values];
  });
  const body = [head, ...sections];
  const length = body.reduce((total, part) => total + part.byteLength, PREFIX + CHECKSUM);
  const prefix = new Uint8Array(PREFIX);
  prefix.set(MAGIC);
  const view = new DataView(prefix.buffer);
  view.setUint32(8, checkpointVersion, true);
  view.setUint32(12, head.length, true);
  view.setBigUint64(16, BigInt(length), true);
  let sum = 0;
  for (const piece of together([prefix, ...body].flatMap((part) => [...piecesOf(part)]))) {
    sum = crc32(piece, sum);
    yield piece;
  }
  const checksum = new Uint8Array(CHECKSUM);
  new DataView(checksum.buffer).setUint32(0, sum, true);
  yield checksum;
}

/** The bytes of an array, which as one array of bytes may be longer than there are. */
function* piecesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Generator<Uint8Array, void, void> {
  for (let at = 0; at < byteLength; at += PIECE)
    yield new Uint8Array(buffer, byteOffset + at, Math.min(PIECE, byteLength - at));
}

/** The same bytes, with small pieces in one. */
function* together(pieces: readonly Uint8Array[]): Generator<Uint8Array, void, void> {
  const held = new Uint8Array(2 * SMALL);
  let count = 0;
  for (const piece of pieces) {
    const small = piece.length < SMALL;
    if (count > 0 && (!small || count >= SMALL)) {
      yield held.slice(0, count);
      count = 0;
    }
    if (!small) yield piece;
    else {
      held.set(piece, count);
      count += piece.length;
    }
  }
  if (count > 0) yield held.slice(0, count);
}

/**
 * @throws CheckpointError when the bytes are no checkpoint, are cut off or damaged, or are of a newer version
 */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const decoder = decoding(bytes.length);
  for (let at = 0; ; ) {
    const { value, done } = decoder.next();
    if (done) return value;
    value.set(bytes.subarray(at, at + value.length));
    at += value.length;
  }
}

/**
 * Decodes a checkpoint whose bytes come one after the other: gives an array of at most 64 MiB, to be filled with the next
 * of them, and at last the checkpoint. No more memory is taken than the checkpoint's own.
 *
 * @param total bytes that there are
 * @throws CheckpointError as {@link decodeCheckpoint} does
 */
export function* decoding(total: number): Generator<Uint8Array, Checkpoint, void> {
  let sum = 0;
  let left = total - CHECKSUM;
  function* fill<T extends ArrayBufferView>(target: T): Generator<Uint8Array, T, void> {
    for (const piece of piecesOf(target)) {
      yield piece;
      sum = crc32(piece, sum);
    }
    left -= target.byteLength;
    return target;
  }
  const prefix = yield* fill(new Uint8Array(Math.min(PREFIX, total)));
  const begins = prefix.subarray(0, MAGIC.length).every((byte, i) => byte === MAGIC[i]);
  if (!begins) throw new CheckpointError('foreign', 'This is not a checkpoint of divergrad.');
  if (total < PREFIX)
    throw new CheckpointError('truncated', `The checkpoint is cut off after ${total} bytes.`);
  const view = new DataView(prefix.buffer);
  const version = view.getUint32(8, true);
  if (version > checkpointVersion) {
    throw new CheckpointError(
      'newer',
      `The checkpoint has version ${version}; this release reads up to ${checkpointVersion}.`,
      { hint: 'Update divergrad to resume from it.' },
    );
  }
  const length = view.getBigUint64(16, true);
  if (BigInt(total) < length)
    throw new CheckpointError('truncated', `The checkpoint is cut off: ${total} of ${length} bytes.`);
  if (BigInt(total) !== length) throw damaged('its checksum does not match');
  const size = view.getUint32(12, true);
  if (size > left) throw damaged('its header does not end');
  const header = readHeader(yield* fill(new Uint8Array(size)), version);
  const arrays = new Map<string, Values>();
  for (const { name, type, count } of header.sections) {
    const bytes = count * types[type].BYTES_PER_ELEMENT;
    if (padded(bytes) > left) throw damaged(`'${name}' does not end`);
    const values = yield* fill(new types[type](count));
    yield* fill(new Uint8Array(padded(bytes) - bytes));
    arrays.set(name, values);
  }
  if (left !== 0) throw damaged('it holds more than its header lists');
  const found = sum;
  const checksum = yield* fill(new Uint8Array(CHECKSUM));
  if (new DataView(checksum.buffer).getUint32(0, true) !== found)
    throw damaged('its checksum does not match');
  return assemble(header, version < 2 ? withJoinedMoments(arrays) : arrays);
}

function assemble(header: Header, arrays: ReadonlyMap<string, Values>): Checkpoint {
  const { streams, settings, step, updates, evaluations, random } = header;
  const floats = <T extends 'f32' | 'f64'>(name: string, type: T): InstanceType<(typeof types)[T]> => {
    const values = arrays.get(name);
    if (!(values instanceof types[type])) throw damaged(`it lacks '${name}'`);
    return values as InstanceType<(typeof types)[T]>;
  };
  const states = new Map<string, Values>();
  for (const [name, values] of arrays) {
    if (name.startsWith('state:')) states.set(name.slice('state:'.length), values);
  }
  return {
    streams,
    settings,
    step,
    updates,
    evaluations,
    ...(header.pending ? { pending: header.pending } : {}),
    ...(header.owed ? { owed: header.owed } : {}),
    random,
    environments: header.environments.map((rest, i) => ({
      state: { ...rest, physics: Array.from(floats(`physics.${i}`, 'f64')) },
      observation: floats(`observation.${i}`, 'f32'),
    })),
    replay: { rows: floats('replay', 'f32'), next: header.replay.next },
    states,
  };
}

/** First moments `….m` and second ones `….v` of version 1 as `….moments` of now. */
function withJoinedMoments(arrays: ReadonlyMap<string, Values>): Map<string, Values> {
  const joined = new Map<string, Values>();
  for (const [name, values] of arrays) {
    const [, parameters, moment] = /^(state:.+)\.([mv])$/.exec(name) ?? [];
    if (moment === undefined) joined.set(name, values);
    if (moment !== 'm') continue;
    const second = arrays.get(`${parameters}.v`);
    if (second?.length !== values.length) throw damaged(`'${name}' has no second moments of its size`);
    const moments = new types[typeOf(values)](2 * values.length);
    moments.set(values);
    moments.set(second, values.length);
    joined.set(`${parameters}.moments`, moments);
  }
  return joined;
}

/** Checks what the parts do not check themselves when they are restored. */
function readHeader(bytes: Uint8Array, version: number): Header {
  let header: Partial<Header>;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Partial<Header>;
  } catch {
    throw damaged('its header is not JSON');
  }
  const checks: readonly [string, boolean][] = [
    ['kind', isObject(header) && header.kind === 'divergrad-checkpoint'],
    ['streams', version < 3 || isCount(header?.streams)],
    ['settings', isObject(header?.settings) && Object.values(header.settings).every(isNumberOrText)],
    ['step', isCount(header?.step)],
    ['updates', isCount(header?.updates)],
    ['evaluations', Array.isArray(header?.evaluations) && header.evaluations.every(isEvaluation)],
    ['pending', header?.pending === undefined || isMetrics(header.pending?.metrics)],
    ['owed', header?.owed === undefined || isCount(header.owed)],
    ['random', isObject(header?.random)],
    ['environments', Array.isArray(header?.environments) && header.environments.every(isObject)],
    ['replay', isObject(header?.replay) && isCount(header.replay.next)],
    ['sections', Array.isArray(header?.sections) && header.sections.every(isSection)],
  ];
  const wrong = checks.find(([, right]) => !right);
  if (wrong) throw damaged(`its header has no valid '${wrong[0]}'`);
  return { ...(header as Header), streams: header.streams ?? 1 };
}

function requireFinite(name: string, values: Values): void {
  if (values instanceof Uint32Array) return;
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new NumericsError(
        `The checkpoint: '${name}' is ${values[i]} at element ${i}; no file can hold that.`,
      );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber = (value: unknown): boolean => typeof value === 'number';
const isNumberOrText = (value: unknown): boolean => typeof value === 'number' || typeof value === 'string';
const isSection = (value: unknown): boolean =>
  isObject(value) &&
  typeof value.name === 'string' &&
  typeof value.type === 'string' &&
  Object.hasOwn(types, value.type) &&
  isCount(value.count);
const isMetrics = (value: unknown): boolean => isObject(value) && Object.values(value).every(isNumber);
const isEvaluation = (value: unknown): boolean =>
  isObject(value) &&
  isCount(value.step) &&
  isCount(value.updates) &&
  isNumber(value.meanReturn) &&
  Array.isArray(value.returns) &&
  value.returns.every(isNumber) &&
  isMetrics(value.metrics);

function typeOf(values: Values): TypeName {
  if (values instanceof Float32Array) return 'f32';
  return values instanceof Float64Array ? 'f64' : 'u32';
}

const damaged = (how: string): CheckpointError =>
  new CheckpointError('corrupted', `The checkpoint is damaged: ${how}.`);
