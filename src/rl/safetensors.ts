// Arrays in a file that PyTorch and others read: https://github.com/huggingface/safetensors. Eight bytes, little-endian, say how
// long the header is; the header is JSON, by name { dtype, shape, data_offsets: [begin, end) from its end }; then come the arrays,
// row-major, without gaps. `__metadata__` holds texts.
import { DataError, quoted } from '../errors.ts';
import { parseJson } from '../json.ts';
import { sizeOf } from '../math/shape.ts';

/** An array by its shape, outermost extent first. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** What a safetensors file holds. */
export interface Safetensors {
  readonly arrays: ReadonlyMap<string, NamedArray>;
  readonly metadata: Readonly<Record<string, string>>;
}

const LONGEST_HEADER = 100_000_000;
const LENGTH = 8;
/** Bytes of an element, and how it is read. */
const types: Readonly<
  Record<string, readonly [bytes: number, read: (view: DataView, at: number) => number]>
> = {
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F64: [8, (view, at) => view.getFloat64(at, true)],
};

/** The arrays as F32. */
export function encodeSafetensors({ arrays, metadata }: Safetensors): Uint8Array {
  let end = 0;
  const entries = [...arrays].map(([name, { shape, values }]) => {
    const begin = end;
    end += 4 * values.length;
    return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }] as const;
  });
  const text = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const header = new TextEncoder().encode(text);
  // Spaces after the header, so that the arrays begin at a multiple of 8.
  const padded = Math.ceil(header.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH + padded + end).fill(0x20, LENGTH, LENGTH + padded);
  bytes.set(header, LENGTH);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(padded), true);
  let at = LENGTH + padded;
  for (const { values } of arrays.values())
    for (let i = 0; i < values.length; i++, at += 4) view.setFloat32(at, values[i], true);
  return bytes;
}

/** @throws DataError naming what is wrong: no such file, cut off, a type that is not read, sizes that do not fit */
export function decodeSafetensors(bytes: Uint8Array, where = 'The safetensors file'): Safetensors {
  const wrong = (problem: string, hint?: string) =>
    new DataError(`${where} ${problem}.`, hint ? { hint } : {});
  if (!(bytes instanceof Uint8Array)) throw wrong(`is ${quoted(bytes)}, not bytes (Uint8Array)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < LENGTH ? -1 : Number(view.getBigUint64(0, true));
  if (length < 2 || length > LONGEST_HEADER || LENGTH + length > bytes.length || bytes[LENGTH] !== 0x7b)
    throw wrong('is no safetensors file, or is cut off');
  let header: Record<string, unknown>;
  try {
    header = parseJson(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(LENGTH, LENGTH + length)),
    ) as Record<string, unknown>;
  } catch (error) {
    throw wrong(`has a header that is not JSON: ${(error as Error).message}`);
  }
  const { __metadata__: metadata = {}, ...entries } = header;
  if (typeof metadata !== 'object' || metadata === null)
    throw wrong(`has metadata that are ${quoted(metadata)}`);
  const texts = Object.entries(metadata as object).filter(([, value]) => typeof value === 'string');
  const from = LENGTH + length;
  const arrays = new Map<string, NamedArray>();
  const places: [begin: number, end: number][] = [];
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    const type = typeof dtype === 'string' && Object.hasOwn(types, dtype) ? types[dtype] : undefined;
    if (!type)
      throw wrong(
        `holds ${quoted(dtype)} in '${name}'; F32 and F64 are read`,
        'Save it as float32: tensor.float().',
      );
    const whole = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((value) => Number.isSafeInteger(value) && value >= 0);
    if (!whole(shape) || !whole(offsets) || offsets.length !== 2)
      throw wrong(`has a header entry '${name}' that is ${quoted(entry)}`);
    const [size, read] = type;
    const [begin, end] = offsets;
    if (end - begin !== size * sizeOf(shape) || from + end > bytes.length)
      throw wrong(
        `says that '${name}' of shape [${shape}] lies at ${begin} to ${end} of ${bytes.length - from} bytes`,
      );
    const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) =>
      read(view, from + begin + i * size),
    );
    arrays.set(name, { shape, values });
    places.push([begin, end]);
  }
  // Arrays that overlap, or leave something between them, are not where they are said to be.
  places.sort(([a, b], [c, d]) => a - c || b - d);
  let reached = 0;
  for (const [begin, end] of places) {
    if (begin !== reached)
      throw wrong(`has an array that begins at ${begin}, where the one before ends at ${reached}`);
    reached = end;
  }
  if (from + reached !== bytes.length)
    throw wrong(`has ${bytes.length - from} bytes of arrays, and names ${reached} of them`);
  return { arrays, metadata: Object.fromEntries(texts) };
}
