import { kernelSpec, type Params } from '../kernels/index.ts';
import { formatShape, sizeOf } from '../math/shape.ts';
import type { View } from '../math/view.ts';
import type { ElementwiseName, ReductionKind } from '../tape/index.ts';

/**
 * A value inside a generated kernel: a load of input `input`, a literal, the result of reduction `reduced`, or an
 * elementwise operation on earlier values of the same list.
 */
export type Expression =
  | { readonly kind: 'load'; readonly input: number }
  | { readonly kind: 'literal'; readonly value: number }
  | { readonly kind: 'reduced'; readonly index: number }
  | { readonly kind: 'operation'; readonly op: ElementwiseName; readonly arguments: readonly number[] };

/**
 * A generated kernel: elementwise chains over an iteration space, optionally reduced over its last axes and
 * finished elementwise. Backends compile it (WGSL) or interpret it (CPU).
 *
 * Without reductions, `element` is evaluated once for every point of `shape` and `outputs` index into it.
 * With reductions, `element` is evaluated for every point, each reduction folds one of its values over the
 * last `reducedAxes` axes, `result` is evaluated once for every point of the remaining axes, and `outputs`
 * index into `result`. Outputs are written row-major over the remaining axes.
 */
export interface GeneratedKernel {
  readonly shape: readonly number[];
  readonly reducedAxes: number;
  /** Views have the axes of `shape`; those loaded by `result` only the remaining axes. */
  readonly inputs: readonly View[];
  readonly element: readonly Expression[];
  readonly reductions: readonly { readonly kind: ReductionKind; readonly value: number }[];
  readonly result: readonly Expression[];
  readonly outputs: readonly number[];
}

interface StepBase {
  /** The operation it came from, for listings. */
  readonly label: string;
  /** Indices into `Program.buffers`, in the kernel's binding order (generated: inputs, then outputs); −1 is unused. */
  readonly buffers: readonly number[];
  /** Shapes for the listing. */
  readonly shapes: string;
}

/** A step that is one of the library's kernels. */
export interface KernelStep extends StepBase {
  readonly kind: 'kernel';
  readonly kernel: string;
  readonly params: Params;
}

/** A step whose kernel is generated from an expression. */
export interface GeneratedStep extends StepBase {
  readonly kind: 'generated';
  readonly generated: GeneratedKernel;
}

/** Several hand-written kernels in one dispatch; backends that gain nothing from that run the parts. */
export interface JoinedStep extends StepBase {
  readonly kind: 'joined';
  readonly kernel: string;
  readonly params: Params;
  /** Buffers of the joined kernel in its binding order; `buffers` are those of all parts. */
  readonly bound: readonly number[];
  readonly parts: readonly KernelStep[];
}

/** One step of a program. */
export type Step = KernelStep | GeneratedStep | JoinedStep;

/** What a step costs. */
export interface Work {
  readonly flops: number;
  /** Bytes read and bytes written, added; each element that must be touched once each way. */
  readonly bytes: number;
}

/** A step of a finished program. */
export type CountedStep = Step & Work;
/** The kernel of a step, as listings call it: generated ones are all `generated`. */
export const kernelOf = (step: Step): string => (step.kind === 'generated' ? 'generated' : step.kernel);

/** A step that is not several. */
export type SingleStep = KernelStep | GeneratedStep;

/** The steps with joined ones taken apart, for backends to which a kernel is a call. */
export const separateSteps = (steps: readonly Step[]): SingleStep[] =>
  steps.flatMap((step): readonly SingleStep[] => (step.kind === 'joined' ? step.parts : [step]));

/** The same step over other numbers of buffers. */
export function withBuffers<S extends Step>(step: S, at: (buffer: number) => number): S {
  const moved = { ...step, buffers: step.buffers.map(at) };
  if (step.kind !== 'joined') return moved;
  return { ...moved, bound: step.bound.map(at), parts: step.parts.map((part) => withBuffers(part, at)) };
}

/** One line a step: kernel, shapes, what it costs where that is counted, and buffers. */
export function listSteps(
  steps: readonly (Step & Partial<Work>)[],
  buffers: readonly { readonly name: string }[],
): string[] {
  const rows = steps.map((step, i) => [
    String(i).padStart(3),
    kernelOf(step),
    step.label,
    step.shapes,
    ...(step.flops === undefined ? [] : [`${formatCount(step.flops)}FLOP`]),
    ...(step.bytes === undefined ? [] : [`${formatCount(step.bytes)}B`]),
    boundBy(step)
      .map((b) => buffers[b]?.name ?? '–')
      .join(' '),
  ]);
  const widths = rows.reduce<number[]>(
    (known, row) => row.map((cell, i) => Math.max(known[i] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '),
  );
}

/** Buffers that the kernel of a step binds, in its order; −1 is none. */
export const boundBy = (step: Step): readonly number[] =>
  step.kind === 'joined' ? step.bound : step.buffers;

/** The buffer that a step of a hand-written kernel binds as `name`; −1 is none. */
export const bufferOf = ({ kernel, buffers }: KernelStep, name: string): number =>
  buffers[kernelSpec(kernel).bindings.findIndex((binding) => binding.name === name)] ?? -1;

/** What a step reads and what it writes: buffers, or where they lie. */
export interface Accesses {
  readonly read: readonly number[];
  readonly written: readonly number[];
}

/** Which buffers a step reads and writes. */
export function accesses(step: Step): Accesses {
  const used = (wanted: 'read' | 'write') =>
    separateSteps([step]).flatMap((single) => {
      const inputs = single.kind === 'generated' ? single.generated.inputs.length : 0;
      const access = (i: number) =>
        single.kind === 'kernel'
          ? kernelSpec(single.kernel).bindings[i]?.access
          : i < inputs
            ? 'read'
            : 'write';
      return single.buffers.filter(
        (buffer, i) => buffer >= 0 && (access(i) === 'update' || access(i) === wanted),
      );
    });
  return { read: [...new Set(used('read'))], written: [...new Set(used('write'))] };
}

/** Points of a generated kernel's output space. */
export const generatedOutputs = (generated: GeneratedKernel): number =>
  sizeOf(generated.shape.slice(0, generated.shape.length - generated.reducedAxes));

export function generatedLabel(generated: GeneratedKernel): string {
  const kept = generated.shape.slice(0, generated.shape.length - generated.reducedAxes);
  return generated.reducedAxes
    ? `${formatShape(generated.shape)} → ${formatShape(kept)}`
    : formatShape(generated.shape);
}

/** 12345 → `12.3 k`: three digits and a metric prefix. */
export function formatCount(value: number): string {
  const prefixes = ['', 'k', 'M', 'G', 'T'];
  let scaled = value;
  let i = 0;
  while (scaled >= 999.5 && i < prefixes.length - 1) {
    scaled /= 1000;
    i++;
  }
  return `${i === 0 ? String(Math.round(scaled)) : scaled.toPrecision(3)} ${prefixes[i]}`;
}
