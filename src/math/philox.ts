// Philox 4×32-10: a counter-based generator. A draw is a pure function of (counter, key), so any backend can
// compute any draw in any order, and a seed means the same bits on the CPU and on a GPU. This file is the
// reference that the shaders must reproduce.
//
// Source: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 3.3.

import { DataError, quoted, UsageError } from '../errors.ts';
import { type Purpose, purposes, streamKey } from './streams.ts';

const ROUNDS = 10;
// Round multipliers, and the Weyl sequence that advances the key: the golden ratio and √3 − 1, as fractions
// of 2^32.
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

const TWO_32 = 2 ** 32;

/**
 * High 32 bits of the 64-bit product of two unsigned 32-bit integers, from four 16×16-bit products: JavaScript
 * numbers would round the full product.
 *
 * @returns floor(a·b / 2^32), unsigned
 */
export function mulHigh32(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Neither sum can pass 2^32, so `>>> 0` only undoes the sign of Math.imul.
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) >>> 0;
  const middle2 = (Math.imul(aLow, bHigh) + (middle & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (middle2 >>> 16)) >>> 0;
}

/**
 * One Philox 4×32-10 block: 128 random bits from a 128-bit counter and a 64-bit key. Allocates nothing;
 * `out` may be the counter itself.
 *
 * @param counter [4] unsigned 32-bit words, least significant first
 * @param key [2] unsigned 32-bit words
 * @param out receives 4 words from `offset` on
 * @source Salmon et al. (2011), section 3.3; constants and known answers as in Random123
 */
export function philox4x32(
  counter: ArrayLike<number>,
  key: ArrayLike<number>,
  out: Uint32Array,
  offset = 0,
): void {
  let c0 = counter[0] >>> 0;
  let c1 = counter[1] >>> 0;
  let c2 = counter[2] >>> 0;
  let c3 = counter[3] >>> 0;
  let k0 = key[0] >>> 0;
  let k1 = key[1] >>> 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = mulHigh32(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = mulHigh32(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[offset] = c0;
  out[offset + 1] = c1;
  out[offset + 2] = c2;
  out[offset + 3] = c3;
}

/**
 * Uniform number strictly between 0 and 1 from the 23 high bits: (⌊bits / 2^9⌋ + ½) · 2^-23, so between 2^-24
 * and 1 − 2^-24. Each step is exact in float32, so a shader gets the same bits however its adapter rounds,
 * and log(u) and log(1 − u) stay finite. (24 bits plus ½ would need a 25th bit of mantissa, and the largest
 * would round to 1.)
 *
 * @param bits one unsigned 32-bit word
 */
export function uniformFromBits(bits: number): number {
  return ((bits >>> 9) + 0.5) * 2 ** -23;
}

/**
 * Two independent standard normal numbers from two words: with r = √(−2 log u₀) and φ = 2π u₁, the pair
 * (r cos φ, r sin φ), in float64 from the uniforms of `uniformFromBits`. A float32 shader gives the same
 * numbers but for the rounding of its log, cos and sin. No number exceeds √(48 log 2) ≈ 5.77.
 *
 * @param bits0 word for the radius
 * @param bits1 word for the angle
 * @source Box, Muller (1958), "A note on the generation of random normal deviates"
 */
export function normalsFromBits(bits0: number, bits1: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(uniformFromBits(bits0)));
  const angle = 2 * Math.PI * uniformFromBits(bits1);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/**
 * Integer in [0, n) from one word: ⌊bits · n / 2^32⌋, without division or rejection, so the same everywhere.
 * The probability of a value differs from 1/n by less than 2^-32: a relative bias of at most n / 2^32.
 *
 * @param bits one unsigned 32-bit word
 * @param n 1 … 2^32 − 1
 * @source Lemire (2019), "Fast random integer generation in an interval", without its rejection step
 */
export function integerFromBits(bits: number, n: number): number {
  return mulHigh32(bits, n);
}

/** Everything needed to continue a stream: plain JSON. */
export interface PhiloxState {
  /** What the stream was begun with. */
  readonly seed: number;
  readonly purpose: Purpose;
  readonly index: number;
  /** How many 32-bit words have been consumed. */
  readonly position: number;
  /** The second normal of the last Box–Muller pair while it waits to be used. */
  readonly spareNormal: number | null;
}

/** As it was in version 1 of the streams, which were all `plain`. */
export type EarlierState = Pick<PhiloxState, 'seed' | 'position' | 'spareNormal'> & {
  readonly stream: number;
};

// The last counter word of every host-side block. Kernels that use the same key must put something else
// there; then no device draw shares a counter with a host draw.
const HOST_DOMAIN = 0xffffffff;

/**
 * A sequential generator for host-side use (environments, initial weights, shuffles) over Philox blocks:
 * key = seed and purpose (`streamKey`), counter = (block low, block high, index, `HOST_DOMAIN`). Streams with different
 * seeds, purposes or indices are independent; the same three repeat the same numbers on every platform (normals as
 * far as its `Math.log`, `cos` and `sin` agree).
 */
export class PhiloxStream {
  private seed: number;
  private purpose: Purpose;
  private index: number;
  private position = 0;
  private spareNormal: number | null = null;
  private readonly key = new Uint32Array(2);
  private readonly counter = new Uint32Array(4);
  private readonly block = new Uint32Array(4);

  /**
   * @param seed integer, 0 … 2^53 − 1
   * @param purpose what the numbers are for
   * @param index which of the purpose's independent streams, 0 … 2^32 − 1
   * @throws UsageError when seed or index is no such integer
   */
  constructor(seed: number, purpose: Purpose = 'plain', index = 0) {
    this.key.set(streamKey(seed, purpose));
    checkInteger('index of a random stream', index, 0, TWO_32 - 1);
    this.seed = seed;
    this.purpose = purpose;
    this.index = index;
  }

  /** Uniform unsigned 32-bit integer. */
  nextUint32(): number {
    const lane = this.position % 4;
    if (lane === 0) this.fillBlock();
    this.position++;
    return this.block[lane];
  }

  /** Uniform in [0, 1) with 53 random bits (two words). */
  nextUniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /** Uniform in [low, high). */
  uniformIn(low: number, high: number): number {
    return low + (high - low) * this.nextUniform();
  }

  /** Standard normal (`normalsFromBits`: two words give two numbers, the second is kept for the next call). */
  nextNormal(): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return spare;
    }
    const bits0 = this.nextUint32();
    const [first, second] = normalsFromBits(bits0, this.nextUint32());
    this.spareNormal = second;
    return first;
  }

  /**
   * Integer in [0, n); see `integerFromBits` for its bias of at most n / 2^32.
   *
   * @throws UsageError when n is not an integer in 1 … 2^32 − 1
   */
  nextInt(n: number): number {
    checkInteger('number of choices', n, 1, TWO_32 - 1);
    return integerFromBits(this.nextUint32(), n);
  }

  getState(): PhiloxState {
    const { seed, purpose, index, position, spareNormal } = this;
    return { seed, purpose, index, position, spareNormal };
  }

  /** @throws DataError when the state was not made by `getState` */
  setState(state: PhiloxState | EarlierState): void {
    const { seed, purpose, index, position, spareNormal } =
      'stream' in state ? { ...state, purpose: 'plain' as const, index: state.stream } : state;
    const valid =
      isIntegerIn(seed, 0, Number.MAX_SAFE_INTEGER) &&
      Object.hasOwn(purposes, purpose) &&
      isIntegerIn(index, 0, TWO_32 - 1) &&
      isIntegerIn(position, 0, Number.MAX_SAFE_INTEGER) &&
      (spareNormal === null || Number.isFinite(spareNormal));
    if (!valid) {
      throw new DataError(`The state of a random stream is malformed: ${quoted(state)}.`);
    }
    this.seed = seed;
    this.purpose = purpose;
    this.index = index;
    this.position = position;
    this.spareNormal = spareNormal;
    this.key.set(streamKey(seed, purpose));
    if (position % 4 !== 0) this.fillBlock();
  }

  private fillBlock(): void {
    const block = Math.floor(this.position / 4);
    this.counter[0] = block % TWO_32;
    this.counter[1] = Math.floor(block / TWO_32);
    this.counter[2] = this.index;
    this.counter[3] = HOST_DOMAIN;
    philox4x32(this.counter, this.key, this.block);
  }
}

/**
 * A seed for what has a generator of its own, as an environment has: 53 bits of a stream.
 *
 * @param nth which of the stream's seeds, from 0
 * @returns integer, 0 … 2^53 − 1
 */
export function drawnSeed(seed: number, purpose: Purpose, index: number, nth = 0): number {
  const stream = new PhiloxStream(seed, purpose, index);
  stream.setState({ ...stream.getState(), position: 2 * nth });
  const high = stream.nextUint32() >>> 11;
  return high * TWO_32 + stream.nextUint32();
}

function isIntegerIn(value: number, low: number, high: number): boolean {
  return Number.isSafeInteger(value) && value >= low && value <= high;
}

function checkInteger(what: string, value: number, low: number, high: number): void {
  if (isIntegerIn(value, low, high)) return;
  throw new UsageError(`The ${what} is ${value}.`, { hint: `Give an integer from ${low} to ${high}.` });
}
