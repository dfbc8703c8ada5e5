import { type Accesses, accesses, areIndependent, type Step } from '../../program/program.ts';
import type { Heap, Range } from './heaps.ts';
import { agree, MOST_USES, type Numbering, numberingOf, type Use } from './place.ts';
import { codeOf, dispatchSize, type StepCode } from './step-code.ts';

type Size = readonly [x: number, y: number, z: number];

/** A step whose bindings have their place in the heaps that it binds. */
export interface PlacedStep extends Accesses<Range> {
  readonly step: Step;
  readonly code: StepCode;
  readonly heaps: readonly Heap[];
  readonly use: Use;
  readonly size: Size;
}

/** Steps with one pipeline: several by their numbers, or one by its entry in the table. */
export interface Sharers {
  readonly steps: readonly PlacedStep[];
  readonly slot: number;
  readonly numbering: Numbering | undefined;
}

/** A step that can be dispatched, by itself or with others. */
export interface ReadyStep extends Accesses<Range> {
  readonly size: Size;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly numbering: Numbering | undefined;
  /** Among the steps of its pipeline, from 1. */
  readonly number: number;
}

export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/**
 * Where each step finds its bindings: in the program's heaps if all can be bound at once, else in its own, which may be
 * more than that.
 *
 * @param rangeOf where a buffer of the program lies
 */
export function placeSteps(
  steps: readonly Step[],
  rangeOf: (buffer: number) => Range,
  { features, limits }: Pick<GPUDevice, 'features' | 'limits'>,
): PlacedStep[] {
  const { maxStorageBuffersPerShaderStage: most, maxComputeWorkgroupsPerDimension } = limits;
  const codes = steps.map((step) =>
    codeOf(step, (buffer) => rangeOf(buffer).heap, features.has('subgroups')),
  );
  const heapsOf = (bound: readonly number[]): Heap[] => [
    ...new Set(bound.filter((i) => i >= 0).map((i) => rangeOf(i).heap)),
  ];
  const all = heapsOf(codes.flatMap(({ bound }) => bound));
  return steps.map((step, i) => {
    const code = codes[i];
    const heaps = all.length <= most ? all : heapsOf(code.bound);
    const places = code.bound.map((buffer) => {
      if (buffer < 0) return undefined;
      const { heap, offset } = rangeOf(buffer);
      return { heap: heaps.indexOf(heap), offset };
    });
    const { read, written } = accesses(step);
    return {
      ...{ step, code, heaps, use: { params: code.params, places } },
      size: dispatchSize(code.grid, maxComputeWorkgroupsPerDimension),
      read: read.map(rangeOf),
      written: written.map(rangeOf),
    };
  });
}

/** Steps that can have a pipeline in common together, the others by themselves. */
export function sharePipelines(placed: readonly PlacedStep[]): Sharers[] {
  const alike = new Map<string, PlacedStep[][]>();
  for (const each of placed) {
    const key = `${each.heaps.map(({ count }) => count)} ${each.code.wgsl}`;
    const groups = alike.get(key) ?? [];
    alike.set(key, groups);
    const group = groups.find((steps) =>
      steps.every(({ use }) => agree(each.code.wgsl, use.places, each.use.places)),
    );
    if (group) group.push(each);
    else groups.push([each]);
  }
  let slot = 0;
  return [...alike.values()].flat().flatMap((steps): Sharers[] => {
    const numbering = numberingOf(steps[0].code.wgsl);
    const free = numbering && steps.every(({ size }) => along(size, numbering.folded) === 1);
    const most = free ? MOST_USES : 1;
    const parts = Array.from({ length: Math.ceil(steps.length / most) }, (_, i) =>
      steps.slice(i * most, (i + 1) * most),
    );
    return parts.map((part) =>
      part.length > 1
        ? { steps: part, slot: 0, numbering }
        : { steps: part, slot: slot++, numbering: undefined },
    );
  });
}

/**
 * The dispatches of an update: each of one step, or of several in a row that have a pipeline in common and do not wait for
 * each other. A dispatch costs the host as much whatever it does.
 */
export function dispatchesOf(steps: readonly ReadyStep[]): Dispatch[] {
  const rows: ReadyStep[][] = [];
  for (const step of steps) {
    const row = rows.at(-1);
    if (row && goesWith(row, step)) row.push(step);
    else rows.push([step]);
  }
  return rows.map(dispatchOf);
}

/** The dispatch of steps that go together; their numbers follow each other. */
function dispatchOf(steps: readonly ReadyStep[]): Dispatch {
  const { pipeline, group, size, numbering, number } = steps[0];
  const [x, y, z] = size;
  if (!numbering) return { pipeline, group, x, y, z };
  const { folded, beside } = numbering;
  const extents = { y, z, [folded]: number };
  if (beside && steps.length > 1) extents[beside] = steps.length;
  return { pipeline, group, x: Math.ceil(x / number), y: extents.y, z: extents.z };
}

function goesWith(row: readonly ReadyStep[], step: ReadyStep): boolean {
  const last = row[row.length - 1];
  const beside = step.numbering?.beside;
  return (
    beside !== undefined &&
    step.pipeline === last.pipeline &&
    step.group === last.group &&
    step.number === last.number + 1 &&
    step.size.every((extent, i) => extent === last.size[i]) &&
    along(step.size, beside) === 1 &&
    row.every((other) => areIndependent(other, step))
  );
}

const along = ([, y, z]: Size, axis: 'y' | 'z'): number => (axis === 'y' ? y : z);
