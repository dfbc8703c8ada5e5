// Each step of a program by itself, against the cpu's twin in float64 on the very same inputs.

import type { Values } from '../../backend/backend.ts';
import type { Update } from '../../device.ts';
import {
  accesses,
  kernelOf,
  Program,
  type ProgramBuffer,
  type Step,
  withBuffers,
} from '../../program/program.ts';
import { backends } from '../backends.ts';
import { type Deviation, deviation, larger, noDeviation, nudged } from './agreement.ts';

/** What a step's kernel was found to compute. */
export interface CheckedStep extends Deviation {
  readonly step: Step;
  /** Its kernel, as listings call it. */
  readonly kernel: string;
  /** Buffer with the largest deviation. */
  readonly buffer: string;
}

/**
 * Runs one update step by step and compares each with the cpu's kernel in float64, which gets what the step got: a fault
 * is found where it arises, and rounding does not add up.
 *
 * @param wanted which steps are compared; all when absent
 */
export async function* checkSteps(
  update: Update,
  wanted: (step: Step) => boolean = () => true,
): AsyncGenerator<CheckedStep> {
  for await (const { step, before, after } of update.stepwise()) {
    // Two of float16 in a word are no number.
    if (!wanted(step) || (step.kind !== 'generated' && step.params.half)) continue;
    const expected = await computeStep(step, update.program.buffers, before);
    const moved = await computeStep(
      step,
      update.program.buffers,
      new Map([...before].map(([buffer, values]) => [buffer, nudged(values)])),
    );
    // What the parts of a joined kernel hand on need not reach memory.
    const bound = step.kind === 'joined' ? step.bound : step.buffers;
    let worst: Deviation = noDeviation;
    let name = '';
    for (const [buffer, values] of after) {
      if (!bound.includes(buffer)) continue;
      const found = deviation(values, expected.get(buffer) as Values, moved.get(buffer));
      if (name === '' || found.factor > worst.factor) name = update.program.buffers[buffer].name;
      worst = larger(worst, found);
    }
    yield { ...worst, step, kernel: kernelOf(step), buffer: name };
  }
}

/** What a step writes on the cpu in float64, from what its buffers hold before; by the buffers' numbers. */
async function computeStep(
  step: Step,
  described: readonly ProgramBuffer[],
  before: ReadonlyMap<number, Values>,
): Promise<Map<number, Values>> {
  const cpu = await backends.cpu({ precision: 'f64' });
  const numbers = [...before.keys()];
  const buffers = numbers.map((number): ProgramBuffer => ({ ...described[number], kind: 'input' }));
  const memory = numbers.map((number, i) => {
    const buffer = cpu.allocate(buffers[i].count, buffers[i].dtype, buffers[i].name);
    cpu.write(buffer, before.get(number) as Values);
    return buffer;
  });
  const own = withBuffers(step, (buffer) => (buffer < 0 ? buffer : numbers.indexOf(buffer)));
  const executable = await cpu.load(new Program([own], buffers, [], new Map(), new Map(), []), memory);
  executable.run(1);
  const result = new Map<number, Values>();
  for (const buffer of accesses(step).written)
    result.set(buffer, await cpu.read(memory[numbers.indexOf(buffer)]));
  return result;
}
