import { kernelSpec, tick } from '../kernels/index.ts';
import { at } from '../math/items.ts';
import { bufferOf, type KernelStep, type Program, separateSteps } from './program.ts';

/** Words of a clock: see `clockState`. */
const FIRST_UPDATE = 4;
const PLACE = 5;

/** Where a program first met NaN or infinity. */
export interface Fault {
  /** Which update, counted from 1 over the clock's whole life. */
  readonly update: number;
  /** What was not finite, e.g. `the output 'loss'`. */
  readonly what: string;
}

const kernelSteps = ({ steps }: Program): KernelStep[] =>
  separateSteps(steps).flatMap((step) => (step.kind === 'kernel' ? [step] : []));

/** Index of the buffer that holds the program's clock; undefined when nothing in the program advances one. */
export function clockBuffer(program: Program): number | undefined {
  const step = kernelSteps(program).find(({ kernel }) => kernel === tick.name);
  return step && bufferOf(step, 'clock');
}

/** What a clock [6] has noted; undefined while everything was finite. */
export function faultOf(program: Program, clock: ArrayLike<number>): Fault | undefined {
  const update = at(clock, FIRST_UPDATE, 'word of the clock');
  if (update === 0) return undefined;
  return { update, what: nameOf(program, at(clock, PLACE, 'word of the clock')) };
}

function nameOf(program: Program, place: number): string {
  for (const step of kernelSteps(program)) {
    const watched = kernelSpec(step.kernel).watches?.[place - (step.params.place ?? 0)];
    const buffer = watched === undefined ? -1 : bufferOf(step, watched);
    if (buffer < 0) continue;
    const output = [...program.outputs].find(([, port]) => port.buffer === buffer);
    if (output) return `the output '${output[0]}'`;
    return `the gradient or the new value of '${at(program.buffers, buffer, 'buffer').name}'`;
  }
  return 'a value of another program with this clock';
}
