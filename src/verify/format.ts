// The golden-vector format: reference values of an independent implementation, as JSON. A document holds a
// group of cases; a case holds inputs, parameters, and the expected results with their tolerances.

import { DataError } from '../errors.ts';
import { parseJson as parse } from '../json.ts';
import { formatShape, type Shape, sizeOf } from '../math/shape.ts';
import { Place } from './place.ts';

/** Row-major values of a shape. Indices and flags are numbers too. */
export interface GoldenArray {
  readonly shape: Shape;
  readonly values: Float64Array;
}

/** Passed when |x − e| ≤ atol + rtol·|e| for every element. */
export interface Bound {
  readonly rtol: number;
  readonly atol: number;
}

/** What a large result is checked by: its sums, sums with pseudo-random weights, and some of its elements. */
export interface Probe {
  readonly sum: number;
  readonly sumsq: number;
  readonly dotSeeds: readonly number[];
  readonly dots: Float64Array;
  readonly indices: readonly number[];
  readonly values: Float64Array;
}

export interface ProbeBound {
  readonly sumAtol: number;
  readonly dotsAtol: number;
  readonly sumsqRtol: number;
}

export type Precision = 'f32' | 'f64';

/** An expected result with how near one must come to it. */
export type Expectation = { readonly shape: Shape } & (
  | { readonly kind: 'exact'; readonly values: Float64Array }
  | {
      readonly kind: 'close';
      readonly values: Float64Array;
      readonly bounds: Readonly<Record<Precision, Bound>>;
    }
  | {
      readonly kind: 'probe';
      readonly probe: Probe;
      readonly bounds: Readonly<Record<Precision, Bound & ProbeBound>>;
    }
);

export interface GoldenCase {
  readonly name: string;
  /** The case's own inputs and those its document shares among all cases. */
  readonly inputs: ReadonlyMap<string, GoldenArray>;
  readonly params: ReadonlyMap<string, Place>;
  readonly expect: ReadonlyMap<string, Expectation>;
}

export interface GoldenDocument {
  /** As the document says, e.g. `ops`; several documents may share it. */
  readonly group: string;
  readonly cases: readonly GoldenCase[];
}

/** More elements than any array of a golden document has; a larger count is a mistake, not a reason to allocate. */
const MOST_ELEMENTS = 2 ** 26;

/** Parses JSON. @throws DataError naming the file */
export function parseJson(text: string, file: string): Place {
  try {
    return new Place(parse(text), file);
  } catch (cause) {
    throw new DataError(`${file}: is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Reads a document of cases. @throws DataError naming the file, the case and the key */
export function readGolden(document: Place): GoldenDocument {
  const shared = readArrays(document.maybe('shared'));
  const cases = document
    .get('cases')
    .list()
    .map((place) => readCase(place.called(`${document.where}: case '${place.get('name').text()}'`), shared));
  return { group: document.get('group').text(), cases };
}

function readCase(place: Place, shared: ReadonlyMap<string, GoldenArray>): GoldenCase {
  const tolerances = place.get('tolerance').entries();
  const expect = [...place.get('expect').entries()].map(([key, value]): [string, Expectation] => {
    const tolerance = tolerances.get(key) ?? place.get('tolerance').fail(`'${key}' is missing`);
    return [key, readExpectation(value, tolerance)];
  });
  if (expect.length === 0) place.get('expect').fail('holds no results');
  return {
    name: place.get('name').text(),
    inputs: new Map([...shared, ...readArrays(place.get('inputs'))]),
    params: place.get('params').entries(),
    expect: new Map(expect),
  };
}

function readArrays(place: Place | undefined): Map<string, GoldenArray> {
  const entries = place ? [...place.entries()] : [];
  return new Map(entries.map(([name, value]) => [name, readArray(value)]));
}

function readShape(place: Place): Shape {
  const shape = place.list().map((extent) => extent.count());
  if (sizeOf(shape) > MOST_ELEMENTS) place.fail(`${formatShape(shape)} is too large`);
  return shape;
}

function readArray(place: Place): GoldenArray {
  const shape = readShape(place.get('shape'));
  const gen = place.maybe('gen');
  if (gen) {
    const seed = gen.get('seed').count();
    return { shape, values: generate(seed, gen.get('scale').number(), sizeOf(shape)) };
  }
  return { shape, values: readData(place, shape) };
}

function readData(place: Place, shape: Shape): Float64Array {
  const data = place.get('data');
  const values = data.numbers();
  if (values.length !== sizeOf(shape)) {
    data.fail(`holds ${values.length} values, but shape ${formatShape(shape)} needs ${sizeOf(shape)}`);
  }
  const dtype = place.maybe('dtype');
  switch (dtype?.value) {
    case undefined:
      return values;
    case 'i32':
    case 'bool': {
      const allowed =
        dtype?.value === 'i32' ? Number.isSafeInteger : (value: number) => value === 0 || value === 1;
      const wrong = values.findIndex((value) => !allowed(value));
      if (wrong >= 0) data.fail(`element ${wrong} is ${values[wrong]}, which is no ${dtype?.value}`);
      return values;
    }
    default:
      return (dtype as Place).fail("must be 'i32' or 'bool'");
  }
}

function readExpectation(place: Place, tolerance: Place): Expectation {
  const shape = readShape(place.get('shape'));
  const exact = tolerance.maybe('exact');
  if (exact) {
    if (!exact.flag()) exact.fail('must be true');
    return { kind: 'exact', shape, values: readData(place, shape) };
  }
  const bounds = { f32: readBound(tolerance.get('f32')), f64: readBound(tolerance.get('f64')) };
  const probe = place.maybe('probe');
  if (!probe) return { kind: 'close', shape, values: readData(place, shape), bounds };
  return {
    kind: 'probe',
    shape,
    probe: readProbe(probe, sizeOf(shape)),
    bounds: {
      f32: { ...bounds.f32, ...readProbeBound(tolerance.get('probe_f32')) },
      f64: { ...bounds.f64, ...readProbeBound(tolerance.get('probe_f64')) },
    },
  };
}

function readProbe(place: Place, size: number): Probe {
  const dotSeeds = [...place.get('dot_seeds').list()].map((seed) => seed.count());
  const dots = place.get('dots').numbers();
  if (dots.length !== dotSeeds.length)
    place.fail(`has ${dots.length} dots, but ${dotSeeds.length} dot_seeds`);
  const indices = place.get('idx').list();
  const values = place.get('val').numbers();
  if (values.length !== indices.length) place.fail(`has ${values.length} val, but ${indices.length} idx`);
  return {
    sum: place.get('sum').number(),
    sumsq: place.get('sumsq').number(),
    dotSeeds,
    dots,
    indices: indices.map((index) =>
      index.count() < size ? index.count() : index.fail(`is past the ${size} elements`),
    ),
    values,
  };
}

function limit(place: Place): number {
  const value = place.number();
  return value >= 0 ? value : place.fail(`must be at least 0, is ${value}`);
}

const readBound = (place: Place): Bound => ({
  rtol: limit(place.get('rtol')),
  atol: limit(place.get('atol')),
});

const readProbeBound = (place: Place): ProbeBound => ({
  sumAtol: limit(place.get('sum_atol')),
  dotsAtol: limit(place.get('dots_atol')),
  sumsqRtol: limit(place.get('sumsq_rtol')),
});

/**
 * The pseudo-random numbers of large arrays: `count` values in [−scale, scale), exact in float32 when the scale
 * is a power of two. Murmur3's finaliser over a Weyl sequence, all in unsigned 32-bit arithmetic.
 */
export function generate(seed: number, scale: number, count: number): Float64Array {
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let x = (seed + Math.imul(i, 0x9e3779b9)) >>> 0;
    x ^= x >>> 16;
    x = Math.imul(x, 0x85ebca6b) >>> 0;
    x ^= x >>> 13;
    x = Math.imul(x, 0xc2b2ae35) >>> 0;
    x ^= x >>> 16;
    values[i] = (((x >>> 8) - 8388608) / 8388608) * scale;
  }
  return values;
}
