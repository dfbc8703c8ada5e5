import { joinedSpec } from '../../program/join.ts';
import { layersKernels } from '../../program/join-layers.ts';
import { passKernels } from '../../program/join-passes.ts';
import { type KernelSpec, kernelSpec, WORKGROUP } from '../../program/kernels.ts';
import type { FusedStep, JoinedStep, KernelStep, Step } from '../../program/program.ts';
import { composeLayers, composePass } from './compose.ts';
import { type FusedShader, generateFused } from './fused.ts';
import type { Heap } from './heaps.ts';
import { segmentsInOne } from './segments.ts';
import { specialise } from './shaders.ts';

/** What a step needs to become a dispatch: its code, its bindings, its parameters and its grid. */
export interface StepCode {
  readonly wgsl: string;
  /** Index into the program's buffers of each binding; −1 for none. */
  readonly bound: readonly number[];
  readonly params: readonly number[];
  readonly floats: readonly boolean[];
  readonly grid: FusedShader['grid'];
}

/**
 * @param heapOf where a buffer of the program lies
 * @param subgroups whether the device has them
 */
export function codeOf(step: Step, heapOf: (buffer: number) => Heap, subgroups: boolean): StepCode {
  const whole = segmentsInOne(step, heapOf);
  return whole.kind === 'fused' ? fusedCode(whole) : kernelCode(whole, subgroups);
}

function kernelCode(step: KernelStep | JoinedStep, subgroups: boolean): StepCode {
  const { params, floats, grid }: KernelSpec =
    step.kind === 'joined' ? joinedSpec(step.kernel, step.parts) : kernelSpec(step.kernel);
  return {
    wgsl: kernelText(step, subgroups),
    bound: step.kind === 'joined' ? step.bound : step.buffers,
    params: params.map((name) => step.params[name] ?? 0),
    floats: params.map((name) => floats.includes(name)),
    grid: grid(step.params, subgroups),
  };
}

function kernelText(step: KernelStep | JoinedStep, subgroups: boolean): string {
  if (step.kind === 'joined' && layersKernels.includes(step.kernel)) return composeLayers(step, subgroups);
  if (step.kind === 'joined' && passKernels.includes(step.kernel)) return composePass(step, subgroups);
  return specialise(step, subgroups);
}

function fusedCode({ fused, buffers }: FusedStep): StepCode {
  const inputs = buffers.slice(0, fused.inputs.length);
  const distinct = [...new Set(inputs)];
  const { wgsl, grid } = generateFused(
    fused,
    inputs.map((buffer) => distinct.indexOf(buffer)),
  );
  return { wgsl, bound: [...distinct, ...buffers.slice(inputs.length)], params: [], floats: [], grid };
}

/**
 * Workgroups along x, y and z within the device's limit a dimension: items that pass it wrap into y, exact counts into z,
 * as the kernels expect.
 */
export function dispatchSize(grid: FusedShader['grid'], limit: number): [x: number, y: number, z: number] {
  const count = 'items' in grid ? Math.ceil(grid.items / WORKGROUP) : grid.workgroups;
  const folds = Math.max(1, Math.ceil(count / limit));
  const x = Math.ceil(count / folds);
  return 'items' in grid ? [x, folds, 1] : [x, 1, folds];
}
