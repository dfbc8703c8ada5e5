// What the tests ask of a lowered program.
import { joinedKernel, kernelSpec } from '../../src/kernels/index.ts';
import type { Program, Step } from '../../src/program/program.ts';

export interface Lifetime {
  readonly name: string;
  readonly slot: number;
  readonly count: number;
  readonly dtype: 'f32' | 'u32';
  /** First and last step that binds the temporary. */
  readonly first: number;
  readonly last: number;
}

export function lifetimes(program: Program): Lifetime[] {
  return program.buffers.flatMap((buffer, index) => {
    if (buffer.kind !== 'temporary') return [];
    const users = [...program.steps.keys()].filter((at) => program.steps[at].buffers.includes(index));
    if (users.length === 0) return [];
    return [
      {
        name: buffer.name,
        slot: buffer.slot,
        count: buffer.count,
        dtype: buffer.dtype,
        first: users[0],
        last: users[users.length - 1],
      },
    ];
  });
}

/** Most bytes of temporaries that are alive at one step: no arena can be smaller. */
export function leastArenaBytes(program: Program): number {
  const alive = lifetimes(program);
  const live = program.steps.map((_, at) =>
    alive
      .filter(({ first, last }) => first <= at && at <= last)
      .reduce((sum, { count }) => sum + 4 * count, 0),
  );
  return Math.max(0, ...live);
}

/** Device memory that a buffer of the program stands for. */
const memoryOf = (program: Program, index: number): string => {
  const buffer = program.buffers[index];
  return buffer.kind === 'temporary' ? `slot ${buffer.slot}` : `buffer ${index}`;
};

/** Memory that a step binds both for reading and for writing, or twice with a write; `update` bindings may do so. */
export function readsAndWrites(program: Program, step: Step): string[] {
  const reads: string[] = [];
  const writes: string[] = [];
  const bound = step.kind === 'joined' ? step.bound : step.buffers;
  bound.forEach((buffer, i) => {
    if (buffer < 0) return;
    const access =
      step.kind === 'generated'
        ? i < step.generated.inputs.length
          ? 'read'
          : 'write'
        : (step.kind === 'joined' ? joinedKernel(step.kernel) : kernelSpec(step.kernel)).bindings[i].access;
    (access === 'read' ? reads : writes).push(memoryOf(program, buffer));
  });
  return writes.filter((memory, i) => reads.includes(memory) || writes.indexOf(memory) !== i);
}
