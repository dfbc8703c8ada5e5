import { kernelSpec, type Params } from './kernels.ts';
import type { KernelStep, Step } from './program.ts';
import { bytesMoved } from './work.ts';

interface BufferFacts {
  readonly kind: string;
  readonly count: number;
}

/** Two steps of a program with the same kernel, by their numbers: the earlier and the later. */
interface Pair {
  readonly early: number;
  readonly late: number;
}

/** How a kernel does the work of two in one dispatch: the later step's first, the earlier step's behind it. */
interface Pairing {
  /** Parameters in which the two may differ. */
  readonly free: readonly string[];
  /** Bindings of which both read the same. */
  readonly shared: readonly string[];
  /** Those of them whose part that is read only the end of the update changes, whatever writes elsewhere in them. */
  readonly steady?: readonly string[];
  /** Parameters of both together, or `undefined` where they do not go together. */
  merge(late: Params, early: Params): Params | undefined;
}

const pairings: Readonly<Record<string, Pairing>> = {
  // One network on two batches of rows is two networks with the same parameters.
  mlp_layer_forward: {
    free: ['x0Offset'],
    shared: ['parameters'],
    merge: (late, early) => {
      const x0Net = early.x0Offset - late.x0Offset;
      const whole = late.nets === 1 && late.hasX1 === 0 && late.x0Rows === late.rows;
      return whole && x0Net >= 0 ? { ...late, nets: 2, x0Net, parametersStride: 0 } : undefined;
    },
  },
  philox: {
    free: ['draw'],
    shared: ['clock'],
    steady: ['clock'],
    merge: (late, early) =>
      late.count % 4 === 0 && late.each === late.count
        ? { ...late, count: 2 * late.count, drawStep: early.draw - late.draw }
        : undefined,
  },
  gaussian_sample: {
    free: ['noiseOffset'],
    shared: [],
    merge: (late, early) =>
      late.samples === 1 && early.noiseOffset - late.noiseOffset === late.batch * late.actions
        ? { ...late, batch: 2 * late.batch }
        : undefined,
  },
};

/** Bindings that may begin in the midst of a buffer, and the parameter that says where. */
const offsets: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  mlp_layer_forward: { x0: 'x0Offset', x1: 'x1Offset' },
  mlp_layer_backward_weights: { x: 'xOffset' },
  gaussian_sample: { noise: 'noiseOffset' },
  loss_soft_bellman: { nextLogProb: 'nextLogProbOffset' },
};

/** Where what the earlier step of a pair leaves then lies, by its old buffer. */
type Moved = ReadonlyMap<number, { readonly buffer: number; readonly offset: number }>;

/**
 * Puts steps that do the same with other rows into one dispatch: a policy's network at the next states and at the
 * states, and its samples there. What they leave lies in one buffer, the later step's half first, so that whatever reads
 * that half finds it where it was; what reads the other must take an offset.
 *
 * @param resize gives a buffer another count; `buffers` then holds it
 */
export function pairSteps(
  steps: readonly Step[],
  buffers: readonly BufferFacts[],
  resize: (buffer: number, count: number) => void,
): Step[] {
  const pairs = choosePairs(steps, buffers);
  const moved = movedBy(pairs, steps, buffers);
  for (const { buffer, offset } of moved.values()) resize(buffer, 2 * offset);
  const lateOf = new Map(pairs.map(({ early, late }) => [early, late]));
  const merged = new Set(lateOf.values());
  return [...steps.keys()].flatMap((at): Step[] => {
    if (merged.has(at)) return [];
    const late = lateOf.get(at);
    if (late === undefined) return [relocate(steps[at], moved)];
    const step = steps[late] as KernelStep;
    const params = mergedParams(steps[at] as KernelStep, step, moved) as Params;
    const flops = kernelSpec(step.kernel).flops(params);
    const both = { ...step, params, flops, shapes: `2 × ${step.shapes}` };
    return [{ ...both, bytes: bytesMoved(both, buffers) }];
  });
}

/** Every pair that can be had together with the others. */
function choosePairs(steps: readonly Step[], buffers: readonly BufferFacts[]): Pair[] {
  let pairs = candidates(steps, buffers);
  for (;;) {
    const moved = movedBy(pairs, steps, buffers);
    const sound = pairs.filter(
      (pair) => readsHalves(pair, steps, moved) && canMove(pair, steps) && isReadable(pair, pairs, steps),
    );
    if (sound.length === pairs.length) return sound;
    pairs = sound;
  }
}

/** Each step with the next that could be its partner by kernel, parameters and what it leaves. */
function candidates(steps: readonly Step[], buffers: readonly BufferFacts[]): Pair[] {
  const taken = new Set<number>();
  return [...steps.keys()].flatMap((early): Pair[] => {
    const late = steps.findIndex(
      (step, at) =>
        at > early && !taken.has(at) && !taken.has(early) && areAlike(steps[early], step, buffers),
    );
    if (late < 0) return [];
    taken.add(early).add(late);
    return [{ early, late }];
  });
}

function areAlike(a: Step, b: Step, buffers: readonly BufferFacts[]): boolean {
  if (a.kind !== 'kernel' || b.kind !== 'kernel' || a.kernel !== b.kernel) return false;
  const pairing = pairings[a.kernel];
  const isTemporary = (buffer: number) => buffer >= 0 && buffers[buffer].kind === 'temporary';
  return (
    pairing !== undefined &&
    Object.keys(b.params).every((name) => pairing.free.includes(name) || a.params[name] === b.params[name]) &&
    kernelSpec(a.kernel).bindings.every(({ access }, i) => {
      const [x, y] = [a.buffers[i], b.buffers[i]];
      if (access === 'read' || (x < 0 && y < 0)) return x < 0 === y < 0;
      return isTemporary(x) && isTemporary(y) && buffers[x].count === buffers[y].count;
    })
  );
}

function movedBy(pairs: readonly Pair[], steps: readonly Step[], buffers: readonly BufferFacts[]): Moved {
  return new Map(
    pairs.flatMap(({ early, late }) => {
      const from = writtenBy(steps[early]);
      return writtenBy(steps[late]).map(
        (buffer, i) => [from[i], { buffer, offset: buffers[from[i]].count }] as const,
      );
    }),
  );
}

/** Buffers that a step writes, in the order of its bindings. */
function writtenBy(step: Step): number[] {
  if (step.kind === 'fused') return step.buffers.slice(step.fused.inputs.length);
  const parts = step.kind === 'joined' ? step.parts : [step];
  return parts.flatMap(({ kernel, buffers }) =>
    kernelSpec(kernel).bindings.flatMap(({ access }, i) =>
      access === 'read' || buffers[i] < 0 ? [] : [buffers[i]],
    ),
  );
}

/** The step with what it reads where it then lies. */
function relocate<S extends Step>(step: S, moved: Moved): S {
  if (step.kind !== 'kernel' || !step.buffers.some((buffer) => moved.has(buffer))) return step;
  const params: Record<string, number> = { ...step.params };
  kernelSpec(step.kernel).bindings.forEach(({ name }, i) => {
    const place = moved.get(step.buffers[i]);
    const field = offsets[step.kernel]?.[name];
    if (place && field) params[field] += place.offset;
  });
  return { ...step, params, buffers: step.buffers.map((buffer) => moved.get(buffer)?.buffer ?? buffer) };
}

const mergedParams = (early: KernelStep, late: KernelStep, moved: Moved): Params | undefined =>
  pairings[late.kernel].merge(late.params, relocate(early, moved).params);

/** Whether the two read the same, parts of the same, or what another pair leaves. */
function readsHalves({ early, late }: Pair, steps: readonly Step[], moved: Moved): boolean {
  const [a, b] = [steps[early], steps[late]] as [KernelStep, KernelStep];
  const { shared } = pairings[a.kernel];
  return (
    mergedParams(a, b, moved) !== undefined &&
    kernelSpec(a.kernel).bindings.every(({ name, access }, i) => {
      const [x, y] = [a.buffers[i], b.buffers[i]];
      if (access !== 'read' || x < 0) return true;
      const isSame = x === y && !moved.has(x);
      if (shared.includes(name)) return isSame;
      return moved.get(x)?.buffer === y || (isSame && offsets[a.kernel]?.[name] !== undefined);
    })
  );
}

/** Whether nothing from the earlier step on changes what the later one reads, but for what other pairs leave. */
function canMove({ early, late }: Pair, steps: readonly Step[]): boolean {
  const [a, b] = [steps[early], steps[late]] as [KernelStep, KernelStep];
  const { steady } = pairings[a.kernel];
  const read = kernelSpec(b.kernel).bindings.flatMap(({ name }, i) =>
    b.buffers[i] >= 0 && b.buffers[i] === a.buffers[i] && !steady?.includes(name) ? [b.buffers[i]] : [],
  );
  return steps.slice(early, late).every((step) => !writtenBy(step).some((buffer) => read.includes(buffer)));
}

/** Whether all that reads the earlier step's results is the earlier of a pair itself, or takes an offset. */
function isReadable({ early }: Pair, pairs: readonly Pair[], steps: readonly Step[]): boolean {
  const results = writtenBy(steps[early]);
  return steps.every((step, at) => {
    if (at === early || !step.buffers.some((buffer) => results.includes(buffer))) return true;
    if (pairs.some((pair) => pair.early === at)) return true;
    if (step.kind !== 'kernel' || pairs.some((pair) => pair.late === at)) return false;
    return kernelSpec(step.kernel).bindings.every(
      ({ name, access }, i) =>
        !results.includes(step.buffers[i]) ||
        (access === 'read' && offsets[step.kernel]?.[name] !== undefined),
    );
  });
}
