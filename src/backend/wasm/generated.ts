// Generated kernels as bytecode for the interpreter in assembly/generated.ts, whose head describes the format.
import { sizeOf } from '../../math/shape.ts';
import { isPadded, type ViewAxis } from '../../math/view.ts';
import type { Expression, GeneratedKernel } from '../../program/program.ts';
import { kernelNumber } from './layouts.ts';
import {
  costs,
  GATHER,
  INSTRUCTION,
  OPERATIONS,
  opcodes,
  PLACE,
  POINT,
  reductionKinds,
  SPLAT,
  WRITE,
} from './opcodes.ts';

/** Points evaluated at a time. */
export const BLOCK = 512;
/** Blocks an item of a kernel without reductions handles. */
const BLOCKS_PER_ITEM = 4;
/** Points an item of a kernel with reductions handles at least. */
const POINTS_PER_ITEM = 4096;

/** Where the parts of a kernel go. */
export interface Placer {
  /** Writes words into memory of the program's own; returns their address. */
  place(words: readonly number[]): number;
  /** Memory of the program's own; returns its address. */
  reserve(bytes: number): number;
  /** The address of BLOCK equal floats. */
  literal(value: number): number;
}

/** A step as it stands in the table, and what running it takes. */
export interface StepPlan {
  readonly kernel: number;
  /** Of its block. */
  readonly address: number;
  readonly items: number;
  /** Bytes of scratch memory for each thread. */
  readonly scratch: number;
  /** Estimated cost of all items on one thread: whether threads are worth waking. */
  readonly nanoseconds: number;
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
): StepPlan {
  const { shape, reducedAxes, element, result, outputs, reductions } = generated;
  const rank = shape.length - reducedAxes;
  const points = sizeOf(shape.slice(0, rank));
  const length = sizeOf(shape.slice(rank));
  const reduces = reducedAxes > 0;
  const totals = reductions.map(() => placer.reserve(4 * points));
  const assembler = new Assembler(generated, addresses, totals, placer);
  const reduced = reductions.map(({ value }) => value);
  const elementCode = reduces
    ? assembler.assemble({ list: element, first: 0, kept: reduced, outputs: [], count: points * length })
    : [];
  const last = reduces ? result : element;
  const first = reduces ? element.length : 0;
  const resultCode = assembler.assemble({ list: last, first, kept: outputs, outputs, count: points });

  const each = pointsPerItem(points, reduces ? length : undefined);
  const values = first + last.length;
  const { slots } = assembler;
  const address = placer.place([
    ...[points, length, each, values],
    ...[placer.place(elementCode), elementCode.length / INSTRUCTION],
    ...[placer.place(resultCode), resultCode.length / INSTRUCTION],
    placer.place(reductions.flatMap(({ kind, value }, i) => [reductionKinds[kind], value, totals[i]])),
    ...[reductions.length, 0],
    ...Array.from({ length: values }, (_, value) => slots.offsetOf(value)),
  ]);
  return {
    kernel: kernelNumber('generated'),
    address,
    items: Math.ceil(points / each),
    scratch: 16 * reductions.length + 4 * values + 64 + 4 * BLOCK * slots.count,
    nanoseconds: assembler.nanoseconds + reductions.length * points * length * 0.5,
  };
}

/** Points of an item. @param length elements that are reduced for each, if any are */
function pointsPerItem(points: number, length: number | undefined): number {
  if (length === undefined) return BLOCK * BLOCKS_PER_ITEM;
  return Math.min(Math.max(1, points), 4 * Math.ceil(POINTS_PER_ITEM / (4 * Math.max(1, length))));
}

/** Expressions to be assembled: those of each element, or those of each point. */
interface Section {
  readonly list: readonly Expression[];
  /** Number of the first of its values among all of the kernel. */
  readonly first: number;
  /** Values that somebody reads after the whole list. */
  readonly kept: readonly number[];
  /** Values that are written, in the order of the kernel's outputs. */
  readonly outputs: readonly number[];
  /** Points it is evaluated at. */
  readonly count: number;
}

/** Code of one kernel. */
class Assembler {
  readonly slots = new Slots();
  nanoseconds = 0;
  private readonly sources: readonly number[];
  private readonly targets: readonly number[];

  constructor(
    private readonly generated: GeneratedKernel,
    addresses: readonly number[],
    /** Where the results of its reductions lie. */
    private readonly totals: readonly number[],
    private readonly placer: Placer,
  ) {
    this.sources = addresses.slice(0, generated.inputs.length);
    this.targets = addresses.slice(generated.inputs.length);
  }

  assemble(section: Section): number[] {
    const { list, first, outputs } = section;
    const code: number[] = [];
    const emit: Emit = (op, y, [a = 0, b = a, c = a], extra) =>
      code.push(op, first + y, first + a, first + b, first + c, extra);
    const inPlace = this.computedInPlace(section);
    for (const [value, i] of inPlace) emit(POINT, value, [], this.targets[i]);
    const held = new HeldSlots(this.slots, section);
    list.forEach((expression, at) => {
      switch (expression.kind) {
        case 'literal':
          emit(PLACE, at, [], this.placer.literal(expression.value));
          break;
        case 'reduced':
          emit(POINT, at, [], this.totals[expression.index]);
          break;
        case 'load':
          this.load(expression.input, at, section.count, emit, held);
          break;
        case 'operation':
          // Operands may end here: each operation reads an element before it writes it.
          held.release(at, expression.arguments);
          if (!inPlace.has(at)) held.take(at);
          emit(OPERATIONS + opcodes[expression.op], at, expression.arguments, 0);
          this.nanoseconds += section.count * (costs[expression.op] ?? 0.5);
          break;
        default:
          expression satisfies never;
      }
      held.release(at, [at]);
    });
    outputs.forEach((value, i) => {
      if (inPlace.get(value) !== i) emit(WRITE, value, [], this.targets[i]);
    });
    held.releaseAll();
    return code;
  }

  /**
   * Values that are computed where their output lies, with the number of that. Not where that buffer is also read: then a
   * later load of the same block would see it.
   */
  private computedInPlace({ list, outputs }: Section): Map<number, number> {
    const inPlace = new Map<number, number>();
    outputs.forEach((value, i) => {
      const read = this.sources.includes(this.targets[i]);
      if (list[value].kind === 'operation' && !inPlace.has(value) && !read) inPlace.set(value, i);
    });
    return inPlace;
  }

  /** An input where it lies if its elements follow each other; else they are gathered, or one is spread. */
  private load(input: number, at: number, count: number, emit: Emit, held: HeldSlots): void {
    const view = this.generated.inputs[input];
    const address = this.sources[input] + 4 * view.offset;
    const axes = mergeAxes(view.axes);
    const [only] = axes;
    const one = axes.length === 0 && count === 1;
    if (one || (axes.length === 1 && only.stride === 1 && !isPadded(only))) {
      emit(POINT, at, [], address);
      return;
    }
    held.take(at);
    if (axes.length === 0) emit(SPLAT, at, [], address);
    else {
      emit(GATHER, at, [], this.placer.place(viewWords(axes, address)));
      this.nanoseconds += count;
    }
  }
}

/** Appends an instruction: its opcode, its value, its arguments, and what else it needs. */
type Emit = (op: number, y: number, arguments_: readonly number[], extra: number) => void;

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

/** Slots that the values of a section hold, each until its last use. */
class HeldSlots {
  private readonly held = new Map<number, number>();
  private readonly lastUse: readonly number[];

  constructor(
    private readonly slots: Slots,
    private readonly section: Section,
  ) {
    this.lastUse = lastUses(section.list, section.kept);
  }

  take(value: number): void {
    const slot = this.slots.take();
    this.held.set(value, slot);
    this.slots.assign(this.section.first + value, slot);
  }

  /** Gives back the slots of those values that nothing after this expression reads. */
  release(at: number, values: Iterable<number>): void {
    for (const value of new Set(values)) {
      const slot = this.held.get(value);
      if (slot === undefined || this.lastUse[value] > at) continue;
      this.slots.give(slot);
      this.held.delete(value);
    }
  }

  releaseAll(): void {
    this.release(this.section.list.length, this.held.keys());
  }
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
