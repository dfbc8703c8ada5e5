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

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/**
 * A checkpoint as bytes, in pieces to be written one after the other: the arrays are not copied. The same checkpoint
 * gives the same bytes.
 *
 * @throws NumericsError naming the first number that is not finite; DataError what else a file cannot hold
 */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array[] {
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
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const padding = padded(bytes.length) - bytes.length;
    return padding > 0 ? [bytes, new Uint8Array(padding)] : [bytes];
  });
  const body = [head, ...sections];
  const length = body.reduce((total, piece) => total + piece.length, PREFIX + CHECKSUM);
  const prefix = new Uint8Array(PREFIX);
  prefix.set(MAGIC);
  const view = new DataView(prefix.buffer);
  view.setUint32(8, checkpointVersion, true);
  view.setUint32(12, head.length, true);
  view.setBigUint64(16, BigInt(length), true);
  const pieces = [prefix, ...body];
  const checksum = new Uint8Array(CHECKSUM);
  const sum = pieces.reduce((before, piece) => crc32(piece, before), 0);
  new DataView(checksum.buffer).setUint32(0, sum, true);
  return [...pieces, checksum];
}

/**
 * @throws CheckpointError when the bytes are no checkpoint, are cut off or damaged, or are of a newer version
 */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begins = bytes.subarray(0, MAGIC.length).every((byte, i) => byte === MAGIC[i]);
  if (!begins) throw new CheckpointError('foreign', 'This is not a checkpoint of divergrad.');
  if (bytes.length < PREFIX)
    throw new CheckpointError('truncated', `The checkpoint is cut off after ${bytes.length} bytes.`);
  const version = view.getUint32(8, true);
  if (version > checkpointVersion) {
    throw new CheckpointError(
      'newer',
      `The checkpoint has version ${version}; this release reads up to ${checkpointVersion}.`,
      { hint: 'Update divergrad to resume from it.' },
    );
  }
  const length = view.getBigUint64(16, true);
  if (BigInt(bytes.length) < length) {
    throw new CheckpointError('truncated', `The checkpoint is cut off: ${bytes.length} of ${length} bytes.`);
  }
  const end = bytes.length - CHECKSUM;
  if (BigInt(bytes.length) !== length || crc32(bytes.subarray(0, end)) !== view.getUint32(end, true)) {
    throw damaged('its checksum does not match');
  }
  const first = PREFIX + view.getUint32(12, true);
  if (first > end) throw damaged('its header does not end');
  const header = readHeader(bytes.subarray(PREFIX, first), version);
  const arrays = readSections(bytes.subarray(first, end), header.sections);
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

function readSections(bytes: Uint8Array, sections: readonly Section[]): Map<string, Values> {
  const arrays = new Map<string, Values>();
  let at = 0;
  for (const { name, type, count } of sections) {
    const size = count * types[type].BYTES_PER_ELEMENT;
    if (size > bytes.length - at) throw damaged(`'${name}' does not end`);
    // A copy, which begins where its type must; Node's Buffer has a `slice` that makes none.
    arrays.set(name, new types[type](new Uint8Array(bytes.subarray(at, at + size)).buffer));
    at += padded(size);
  }
  if (at !== bytes.length) throw damaged('it holds more than its header lists');
  return arrays;
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
