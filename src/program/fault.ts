import { type KernelStep, type Program, separateSteps } from './program.ts';

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

/** Index of the buffer that holds the program's clock; undefined when nothing in the program advances one. */
export function clockBuffer({ steps }: Program): number | undefined {
  return steps.find((step) => step.kind === 'kernel' && step.kernel === 'tick')?.buffers[0];
}

/** What a clock [6] has noted; undefined while everything was finite. */
export function faultOf(program: Program, clock: ArrayLike<number>): Fault | undefined {
  if (clock[FIRST_UPDATE] === 0) return undefined;
  return { update: clock[FIRST_UPDATE], what: nameOf(program, clock[PLACE]) };
}

function nameOf({ steps, buffers, outputs }: Program, place: number): string {
  const watching = separateSteps(steps).filter(
    (step): step is KernelStep => step.kind === 'kernel' && 'place' in step.params,
  );
  const step = watching.find(({ kernel, params }) => kernel !== 'tick' && params.place === place);
  if (step) return `the gradient or the new value of '${buffers[step.buffers[0]].name}'`;
  const tick = watching.find(({ kernel }) => kernel === 'tick');
  const scalar = tick?.buffers[1 + place - tick.params.place];
  const output = [...outputs].find(([, port]) => port.buffer === scalar);
  return output ? `the output '${output[0]}'` : 'a value of another program with this clock';
}
