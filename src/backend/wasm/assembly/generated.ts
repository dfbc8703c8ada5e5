// Interpreter of generated kernels. Points are taken BLOCK at a time and each operation is one loop over a block, so
// that what to do is decided once for hundreds of elements. Values of a block are arrays; where each lies (scratch, or
// an input or output itself, which saves a copy) is in a table that `point` instructions move along.
//
// The host writes at load (src/backend/wasm/generated.ts):
//   kernel       words: points, length, points an item, values, elementProgram, elementCount, resultProgram,
//                resultCount, reductions, reductionCount, slots (one word a value: its offset in scratch)
//   instruction  words: opcode, y, a, b, c (values), extra
//   reduction    words: kind, value, totals (address of [points])
//   view         words: address, size, stride, begin, step, count, padded, outer axes; then for each outer axis,
//                outermost first: size, stride, begin, step, count
import { address, bytes, word } from './block';
import { exp, expm1, log, log1p, sigmoid, sinArray, softplus, tanh } from './math';
import { digamma, erf, logGamma, trigamma } from './special';
import {
  abs, add, addWide, div, eq, ge, gt, keep, LANES, load, lt, mul, neg, select, SIZE, splat, sqrt, store, storePart,
  sub, sumWide, wideZero,
} from './vec';
import * as vec from './vec';

const BLOCK: i32 = 512;
const INSTRUCTION: usize = 24;

// ---- loads

/** Gathers `count` points of a view, from point `start` (row-major) on; padding is 0. */
function loadView(view: usize, start: i32, count: i32, to: usize): void {
  const base = address(view, 0);
  const size = word(view, 1);
  const stride = word(view, 2);
  const begin = word(view, 3);
  const step = word(view, 4);
  const inside = step * word(view, 5);
  const padded = word(view, 6) != 0;
  const outer = word(view, 7);
  let within = start % size;
  let row = start / size;
  while (count > 0) {
    const run = min(size - within, count);
    let at: i32 = 0;
    let present = true;
    let rest = row;
    for (let axis = outer - 1; axis >= 0; --axis) {
      const a = view + 32 + <usize>axis * 20;
      const extent = word(a, 0);
      let i = rest;
      // The outermost axis needs no division: nothing lies above it.
      if (axis > 0) {
        rest = i / extent;
        i -= rest * extent;
      }
      i -= word(a, 2);
      const s = word(a, 3);
      if (i < 0 || i >= s * word(a, 4)) {
        present = false;
        break;
      }
      if (s != 1) {
        if (i % s != 0) {
          present = false;
          break;
        }
        i /= s;
      }
      at += i * word(a, 1);
    }
    const end = to + bytes(run);
    if (!present) memory.fill(to, 0, bytes(run));
    else if (padded) {
      const from = base + bytes(at);
      for (let i = within - begin; to < end; ++i, to += 4) {
        const there = i >= 0 && i < inside && i % step == 0;
        f32.store(to, there ? f32.load(from + bytes((i / step) * stride)) : 0);
      }
    } else {
      let from = base + bytes(at + within * stride);
      const pace = bytes(stride);
      if (stride == 1) {
        for (; to + SIZE <= end; to += SIZE, from += SIZE) store(to, load(from));
      } else if (stride == 0) {
        const x = splat(f32.load(from));
        for (; to + SIZE <= end; to += SIZE) store(to, x);
      }
      for (; to < end; to += 4, from += pace) f32.store(to, f32.load(from));
    }
    to = end;
    count -= run;
    within = 0;
    ++row;
  }
}

// ---- operations

/** Opcodes below are those of the instructions that are no elementwise operation. */
const PLACE: i32 = 0;
const POINT: i32 = 1;
const GATHER: i32 = 2;
const WRITE: i32 = 3;
const SPLAT: i32 = 4;
/** The first elementwise operation; they follow in the order of `opcodes` in src/backend/wasm/generated.ts. */
const OPERATIONS: i32 = 8;

/** y = operation(a, b, c) over n points, rounded up to whole vectors. */
function operate(op: i32, y: usize, a: usize, b: usize, c: usize, n: i32): void {
  const end = y + bytes(n);
  const zero = splat(0);
  const one = splat(1);
  switch (op) {
    case 0: // neg
      for (; y < end; y += SIZE, a += SIZE) store(y, neg(load(a)));
      break;
    case 1: // abs
      for (; y < end; y += SIZE, a += SIZE) store(y, abs(load(a)));
      break;
    case 2: // sign
      for (; y < end; y += SIZE, a += SIZE) {
        const x = load(a);
        store(y, select(gt(x, zero), one, select(lt(x, zero), splat(-1), x)));
      }
      break;
    case 3: // exp
      for (; y < end; y += SIZE, a += SIZE) store(y, exp(load(a)));
      break;
    case 4: // expm1
      for (; y < end; y += SIZE, a += SIZE) store(y, expm1(load(a)));
      break;
    case 5: // log
      for (; y < end; y += SIZE, a += SIZE) store(y, log(load(a)));
      break;
    case 6: // log1p
      for (; y < end; y += SIZE, a += SIZE) store(y, log1p(load(a)));
      break;
    case 7: // sqrt
      for (; y < end; y += SIZE, a += SIZE) store(y, sqrt(load(a)));
      break;
    case 8: // square
      for (; y < end; y += SIZE, a += SIZE) {
        const x = load(a);
        store(y, mul(x, x));
      }
      break;
    case 9: // reciprocal
      for (; y < end; y += SIZE, a += SIZE) store(y, div(one, load(a)));
      break;
    case 10: // sin
      sinArray(y, a, n, 0);
      break;
    case 11: // cos
      sinArray(y, a, n, 1);
      break;
    case 12: // tanh
      for (; y < end; y += SIZE, a += SIZE) store(y, tanh(load(a)));
      break;
    case 13: // sigmoid
      for (; y < end; y += SIZE, a += SIZE) store(y, sigmoid(load(a)));
      break;
    case 14: // logSigmoid
      for (; y < end; y += SIZE, a += SIZE) store(y, neg(softplus(neg(load(a)))));
      break;
    case 15: // softplus
      for (; y < end; y += SIZE, a += SIZE) store(y, softplus(load(a)));
      break;
    case 16: // relu
      for (; y < end; y += SIZE, a += SIZE) {
        const x = load(a);
        store(y, select(ge(zero, x), zero, x));
      }
      break;
    case 17: // elu
      for (; y < end; y += SIZE, a += SIZE) {
        const x = load(a);
        store(y, select(gt(x, zero), x, expm1(x)));
      }
      break;
    case 18: // erf
      for (; y < end; y += 4, a += 4) f32.store(y, <f32>erf(f32.load(a)));
      break;
    case 19: // logGamma
      for (; y < end; y += 4, a += 4) f32.store(y, <f32>logGamma(f32.load(a)));
      break;
    case 20: // digamma
      for (; y < end; y += 4, a += 4) f32.store(y, <f32>digamma(f32.load(a)));
      break;
    case 21: // trigamma
      for (; y < end; y += 4, a += 4) f32.store(y, <f32>trigamma(f32.load(a)));
      break;
    case 22: // add
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, add(load(a), load(b)));
      break;
    case 23: // sub
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, sub(load(a), load(b)));
      break;
    case 24: // mul
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, mul(load(a), load(b)));
      break;
    case 25: // div
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, div(load(a), load(b)));
      break;
    case 26: // pow
      for (; y < end; y += 4, a += 4, b += 4) f32.store(y, <f32>Math.pow(f32.load(a), f32.load(b)));
      break;
    case 27: // minimum
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, vec.min(load(a), load(b)));
      break;
    case 28: // maximum
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, vec.max(load(a), load(b)));
      break;
    case 29: // greater
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, keep(gt(load(a), load(b)), one));
      break;
    case 30: // greaterEqual
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, keep(ge(load(a), load(b)), one));
      break;
    case 31: // equal
      for (; y < end; y += SIZE, a += SIZE, b += SIZE) store(y, keep(eq(load(a), load(b)), one));
      break;
    case 32: // where
      for (; y < end; y += SIZE, a += SIZE, b += SIZE, c += SIZE) {
        store(y, select(eq(load(a), zero), load(c), load(b)));
      }
      break;
    case 33: // clamp
      for (; y < end; y += SIZE, a += SIZE, b += SIZE, c += SIZE) {
        const x = load(a);
        const low = load(b);
        const high = load(c);
        store(y, select(lt(x, low), low, select(gt(x, high), high, x)));
      }
      break;
  }
}

/** Runs a program for `count` points from `start` on. `table` holds the address of every value. */
function evaluate(program: usize, instructions: i32, table: usize, start: i32, count: i32): void {
  for (; instructions > 0; --instructions, program += INSTRUCTION) {
    const op = word(program, 0);
    const y = address(table, word(program, 1));
    if (op >= OPERATIONS) {
      operate(
        op - OPERATIONS, y, address(table, word(program, 2)), address(table, word(program, 3)),
        address(table, word(program, 4)), count,
      );
    } else if (op == PLACE) {
      i32.store(table + bytes(word(program, 1)), word(program, 5));
    } else if (op == SPLAT) {
      const x = splat(f32.load(address(program, 5)));
      for (let i: usize = 0; i < bytes(count); i += SIZE) store(y + i, x);
    } else if (op == POINT) {
      i32.store(table + bytes(word(program, 1)), <i32>(address(program, 5) + bytes(start)));
    } else if (op == GATHER) {
      loadView(address(program, 5), start, count, y);
    } else if (op == WRITE) {
      const to = address(program, 5) + bytes(start);
      for (let i: i32 = 0; i < count; i += LANES) {
        storePart(to + bytes(i), load(y + bytes(i)), count - i);
      }
    }
  }
}

// ---- reductions

const SUM: i32 = 0;
const MAX: i32 = 1;
const MIN: i32 = 2;
const LOG_SUM_EXP: i32 = 3;
const ARG_MAX: i32 = 4;
/** Bytes of what a reduction keeps between the blocks of one segment: two float64. */
const STATE: usize = 16;

function largestOf(x: usize, count: i32): f32 {
  let most: f32 = -Infinity;
  const end = x + bytes(count);
  if (count >= 2 * LANES) {
    let v = load(x);
    for (x += SIZE; x + SIZE <= end; x += SIZE) v = vec.max(v, load(x));
    most = vec.maxLanes(v);
  }
  for (; x < end; x += 4) most = max(most, f32.load(x));
  return most;
}

function smallestOf(x: usize, count: i32): f32 {
  let least: f32 = Infinity;
  const end = x + bytes(count);
  if (count >= 2 * LANES) {
    let v = load(x);
    for (x += SIZE; x + SIZE <= end; x += SIZE) v = vec.min(v, load(x));
    least = vec.minLanes(v);
  }
  for (; x < end; x += 4) least = min(least, f32.load(x));
  return least;
}

/** Σ x, in float64: a long axis must lose no more than a short one. */
function sumOf(x: usize, count: i32): f64 {
  let total: f64 = 0;
  const end = x + bytes(count);
  if (count >= 2 * LANES) {
    let first = addWide(wideZero(), load(x));
    let second = addWide(wideZero(), load(x + SIZE));
    for (x += 2 * SIZE; x + 2 * SIZE <= end; x += 2 * SIZE) {
      first = addWide(first, load(x));
      second = addWide(second, load(x + SIZE));
    }
    total = sumWide(first) + sumWide(second);
  }
  for (; x < end; x += 4) total += f32.load(x);
  return total;
}

/** Σ e^(x − shift), in float64. */
function sumExpOf(x: usize, count: i32, shift: f32): f64 {
  let total = wideZero();
  const by = splat(shift);
  for (let i: i32 = 0; i < count; i += LANES) {
    let e = exp(sub(load(x), by));
    if (count - i < LANES) e = keep(vec.firstLanes(count - i), e);
    total = addWide(total, e);
    x += SIZE;
  }
  return sumWide(total);
}

/** Adds a run of one segment, which begins `within` it, to the state; returns the segment's result so far. */
function fold(kind: i32, x: usize, count: i32, within: i32, state: usize): f32 {
  const fresh = within == 0;
  switch (kind) {
    case SUM: {
      const total = (fresh ? 0 : f64.load(state)) + sumOf(x, count);
      f64.store(state, total);
      return <f32>total;
    }
    case MAX: {
      const most = largestOf(x, count);
      const value = fresh ? <f64>most : max(f64.load(state), <f64>most);
      f64.store(state, value);
      return <f32>value;
    }
    case MIN: {
      const least = smallestOf(x, count);
      const value = fresh ? <f64>least : min(f64.load(state), <f64>least);
      f64.store(state, value);
      return <f32>value;
    }
    case LOG_SUM_EXP: {
      // Largest so far, and the sum of exponentials relative to it.
      const most = <f64>largestOf(x, count);
      const before = fresh ? <f64>-Infinity : f64.load(state);
      const largest = max(before, most);
      f64.store(state, largest);
      // ±∞ − ±∞ would be NaN; here the largest value is already the answer, as is a NaN.
      if (!(Math.abs(largest) < Infinity)) {
        f64.store(state, 0, 8);
        return <f32>largest;
      }
      let sum = sumExpOf(x, count, <f32>largest);
      if (before > -Infinity) sum += f64.load(state, 8) * Math.exp(before - largest);
      f64.store(state, sum, 8);
      return <f32>(largest + Math.log(sum));
    }
    case ARG_MAX: {
      let largest = fresh ? <f64>-Infinity : f64.load(state);
      let at = fresh ? <f64>0 : f64.load(state, 8);
      for (let i: i32 = 0; i < count; ++i) {
        const value = <f64>f32.load(x + bytes(i));
        if (value > largest) {
          largest = value;
          at = <f64>(within + i);
        }
      }
      f64.store(state, largest);
      f64.store(state, at, 8);
      return <f32>at;
    }
  }
  return 0;
}

/** Adds the block of `count` values from point `start` on to segments of `length` points. */
function foldBlock(kind: i32, x: usize, start: i32, count: i32, length: i32, state: usize, totals: usize): void {
  let within = start % length;
  let to = totals + bytes(start / length);
  while (count > 0) {
    const run = min(length - within, count);
    const total = fold(kind, x, run, within, state);
    if (within + run == length) f32.store(to, total);
    x += bytes(run);
    to += 4;
    count -= run;
    within = 0;
  }
}

/** An item is so many points of the output space. */
export function generated(p: usize, item: i32, scratch: usize): void {
  const points = word(p, 0);
  const length = word(p, 1);
  const each = word(p, 2);
  const values = word(p, 3);
  const reductions = address(p, 8);
  const reductionCount = word(p, 9);
  const first = item * each;
  const last = min(points, first + each);
  const states = scratch;
  const table = states + STATE * <usize>reductionCount;
  const slots = table + ((bytes(values) + 15) & ~15);
  for (let i: i32 = 0; i < values; ++i) i32.store(table + bytes(i), <i32>(slots + <usize>word(p, 11 + i)));

  if (reductionCount > 0) {
    const program = address(p, 4);
    const instructions = word(p, 5);
    const end = last * length;
    for (let start = first * length; start < end; start += BLOCK) {
      const count = min(BLOCK, end - start);
      evaluate(program, instructions, table, start, count);
      for (let i: i32 = 0; i < reductionCount; ++i) {
        const r = reductions + <usize>i * 12;
        const x = address(table, word(r, 1));
        foldBlock(word(r, 0), x, start, count, length, states + STATE * <usize>i, address(r, 2));
      }
    }
  }
  const program = address(p, 6);
  const instructions = word(p, 7);
  for (let start = first; start < last; start += BLOCK) {
    evaluate(program, instructions, table, start, min(BLOCK, last - start));
  }
}
