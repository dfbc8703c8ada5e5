// Generated kernels as bytecode for the interpreter in assembly/generated.ts, whose head describes the format.
import { sizeOf } from '../../math/shape.ts';
import { isPadded, type ViewAxis } from '../../math/view.ts';
import type { Expression, GeneratedKernel } from '../../program/program.ts';
import type { ElementwiseName, ReductionKind } from '../../tape/index.ts';
import { kernelNumber } from './layouts.ts';
import type { Plan } from './plan.ts';

/** Points evaluated at a time. */
export const BLOCK = 512;
/** Blocks an item of a kernel without reductions handles. */
const BLOCKS_PER_ITEM = 4;
/** Points an item of a kernel with reductions handles at least. */
const POINTS_PER_ITEM = 4096;

const PLACE = 0;
const POINT = 1;
const GATHER = 2;
const WRITE = 3;
const SPLAT = 4;
/** The elementwise operations begin here, in the order of {@link opcodes}. */
const OPERATIONS = 8;

/** The numbers of the operations in assembly/generated.ts. */
const opcodes: Record<ElementwiseName, number> = {
  neg: 0,
  abs: 1,
  sign: 2,
  exp: 3,
  expm1: 4,
  log: 5,
  log1p: 6,
  sqrt: 7,
  square: 8,
  reciprocal: 9,
  sin: 10,
  cos: 11,
  tanh: 12,
  sigmoid: 13,
  logSigmoid: 14,
  softplus: 15,
  relu: 16,
  elu: 17,
  erf: 18,
  logGamma: 19,
  digamma: 20,
  trigamma: 21,
  add: 22,
  sub: 23,
  mul: 24,
  div: 25,
  pow: 26,
  minimum: 27,
  maximum: 28,
  greater: 29,
  greaterEqual: 30,
  equal: 31,
  where: 32,
  clamp: 33,
};

/** Rough nanoseconds for an element, where an operation is dearer than a load and a store. */
const costs: Partial<Record<ElementwiseName, number>> = {
  erf: 40,
  logGamma: 50,
  digamma: 50,
  trigamma: 50,
  pow: 50,
  exp: 2,
  expm1: 2,
  log: 2,
  log1p: 4,
  sin: 3,
  cos: 3,
  tanh: 4,
  sigmoid: 3,
  logSigmoid: 6,
  softplus: 6,
  elu: 3,
};

const reductionKinds: Record<ReductionKind, number> = { sum: 0, max: 1, min: 2, logSumExp: 3, argMax: 4 };

/** Where the parts of a kernel go. */
export interface Placer {
  /** Writes words into memory of the program's own; returns their address. */
  place(words: readonly number[]): number;
  /** Memory of the program's own; returns its address. */
  reserve(bytes: number): number;
  /** The address of BLOCK equal floats. */
  literal(value: number): number;
}

export interface FusedPlan extends Plan {
  readonly kernel: number;
  readonly address: number;
}

/** Fewest axes that reach the same elements in the same order: what lies as one axis becomes one. */
function mergeAxes(axes: readonly ViewAxis[]): ViewAxis[] {
  const merged: ViewAxis[] = [];
  for (const axis of axes) {
    if (axis.size === 1 && !isPadded(axis)) continue;
    const last = merged.at(-1);
    if (last && !isPadded(last) && !isPadded(axis) && last.stride === axis.stride * axis.size) {
      const size = last.size * axis.size;
      merged[merged.length - 1] = { ...axis, size, count: size };
    } else merged.push(axis);
  }
  return merged;
}

/**
 * Assembles a kernel.
 *
 * @param addresses of the inputs, then of the outputs
 */
export function assembleGenerated(
  generated: GeneratedKernel,
  addresses: readonly number[],
  placer: Placer,
): FusedPlan {
  const rank = generated.shape.length - generated.reducedAxes;
  const points = sizeOf(generated.shape.slice(0, rank));
  const length = sizeOf(generated.shape.slice(rank));
  const sources = addresses.slice(0, generated.inputs.length);
  const targets = addresses.slice(generated.inputs.length);
  const reduces = generated.reducedAxes > 0;
  const each = reduces
    ? Math.min(Math.max(1, points), 4 * Math.ceil(POINTS_PER_ITEM / (4 * Math.max(1, length))))
    : BLOCK * BLOCKS_PER_ITEM;

  const totals = generated.reductions.map(() => placer.reserve(4 * points));
  const slots = new Slots();
  let nanoseconds = 0;

  /** Code of one list of expressions; `kept` are values somebody reads after the whole list. */
  const assemble = (
    list: readonly Expression[],
    firstValue: number,
    kept: readonly number[],
    outputs: readonly number[],
    count: number,
  ): number[] => {
    const code: number[] = [];
    const emit = (op: number, y: number, [a = 0, b = a, c = a]: readonly number[], extra: number) =>
      code.push(op, firstValue + y, firstValue + a, firstValue + b, firstValue + c, extra);
    const lastUse = lastUses(list, kept);
    // A value that is an output may be computed in place, unless its buffer is also read: then a later load
    // of the same block would see it.
    const inPlace = new Map<number, number>();
    outputs.forEach((value, i) => {
      const direct = list[value].kind === 'operation' && !inPlace.has(value) && !sources.includes(targets[i]);
      if (direct) inPlace.set(value, i);
    });
    for (const [value, i] of inPlace) emit(POINT, value, [], targets[i]);
    const held: number[] = [];
    const hold = (value: number) => {
      held[value] = slots.take();
      slots.assign(firstValue + value, held[value]);
    };
    const release = (at: number, values: Iterable<number>) => {
      for (const value of new Set(values)) {
        if (held[value] !== undefined && lastUse[value] <= at) {
          slots.give(held[value]);
          delete held[value];
        }
      }
    };
    list.forEach((expression, at) => {
      switch (expression.kind) {
        case 'literal':
          emit(PLACE, at, [], placer.literal(expression.value));
          break;
        case 'reduced':
          emit(POINT, at, [], totals[expression.index]);
          break;
        case 'load': {
          const view = generated.inputs[expression.input];
          const address = sources[expression.input] + 4 * view.offset;
          const axes = mergeAxes(view.axes);
          const [only] = axes;
          if (axes.length === 0 && count === 1) emit(POINT, at, [], address);
          else if (axes.length === 1 && only.stride === 1 && !isPadded(only)) emit(POINT, at, [], address);
          else {
            hold(at);
            if (axes.length === 0) emit(SPLAT, at, [], address);
            else {
              emit(GATHER, at, [], placer.place(viewWords(axes, address)));
              nanoseconds += count;
            }
          }
          break;
        }
        case 'operation': {
          // Operands may end here: each operation reads an element before it writes it.
          release(at, expression.arguments);
          if (!inPlace.has(at)) hold(at);
          emit(OPERATIONS + opcodes[expression.op], at, expression.arguments, 0);
          nanoseconds += count * (costs[expression.op] ?? 0.5);
          break;
        }
        default:
          expression satisfies never;
      }
      release(at, [at]);
    });
    outputs.forEach((value, i) => {
      if (inPlace.get(value) !== i) emit(WRITE, value, [], targets[i]);
    });
    release(list.length, held.keys());
    return code;
  };

  const { element, result, outputs } = generated;
  const reduced = generated.reductions.map(({ value }) => value);
  const elementCode = reduces ? assemble(element, 0, reduced, [], points * length) : [];
  const last = reduces ? result : element;
  const first = reduces ? element.length : 0;
  const resultCode = assemble(last, first, outputs, outputs, points);
  nanoseconds += generated.reductions.length * points * length * 0.5;

  const values = first + last.length;
  const reductions = generated.reductions.flatMap(({ kind, value }, i) => [
    reductionKinds[kind],
    value,
    totals[i],
  ]);
  const address = placer.place([
    points,
    length,
    each,
    values,
    placer.place(elementCode),
    elementCode.length / 6,
    placer.place(resultCode),
    resultCode.length / 6,
    placer.place(reductions),
    generated.reductions.length,
    0,
    ...Array.from({ length: values }, (_, value) => slots.offsetOf(value)),
  ]);
  const scratch = 16 * generated.reductions.length + 4 * values + 64 + 4 * BLOCK * slots.count;
  return {
    kernel: kernelNumber('generated'),
    address,
    items: Math.ceil(points / each),
    scratch,
    nanoseconds,
  };
}

/** For each value the last expression that reads it; past the end for those kept. */
function lastUses(list: readonly Expression[], kept: readonly number[]): number[] {
  const last = list.map((_, i) => i);
  list.forEach((expression, i) => {
    if (expression.kind === 'operation') for (const argument of expression.arguments) last[argument] = i;
  });
  for (const value of kept) last[value] = list.length;
  return last;
}

function viewWords(axes: readonly ViewAxis[], address: number): number[] {
  const inner = axes[axes.length - 1];
  const outer = axes.slice(0, -1);
  return [
    address,
    inner.size,
    inner.stride,
    inner.begin,
    inner.step,
    inner.count,
    isPadded(inner) ? 1 : 0,
    outer.length,
    ...outer.flatMap(({ size, stride, begin, step, count }) => [size, stride, begin, step, count]),
  ];
}

/** Arrays of BLOCK floats in scratch memory; values that are not alive at once share one. */
class Slots {
  count = 0;
  private readonly free: number[] = [];
  private readonly slotOf: number[] = [];

  take(): number {
    return this.free.pop() ?? this.count++;
  }

  give(slot: number): void {
    this.free.push(slot);
  }

  assign(value: number, slot: number): void {
    this.slotOf[value] = slot;
  }

  offsetOf(value: number): number {
    return 4 * BLOCK * (this.slotOf[value] ?? 0);
  }
}
