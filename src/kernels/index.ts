/**
 * Every hand-written kernel. `shaders/<name>.wgsl`, `backend/cpu/kernels.ts` and `backend/wasm/assembly` implement it under
 * the same name.
 */
import * as gaussian from './gaussian.ts';
import type { Kernel, KernelSpec } from './layout.ts';
import { lossReverseKl, lossScore, lossSnis, lossSoftBellman } from './losses.ts';
import { matmul } from './matmul.ts';
import { mlpBackwardInputs, mlpBackwardWeights, mlpForward } from './mlp.ts';
import { adam, temperatureStep, tick } from './optimiser.ts';
import { assign, gather, gatheredNodes, scatterAdd } from './places.ts';
import { philox, replaySample } from './random.ts';

const declared = [
  matmul,
  mlpForward,
  mlpBackwardInputs,
  mlpBackwardWeights,
  gaussian.gaussianSample,
  gaussian.gaussianSampleBackward,
  gaussian.gaussianLogProb,
  gaussian.gaussianLogProbBackward,
  lossReverseKl,
  lossScore,
  lossSnis,
  lossSoftBellman,
  adam,
  temperatureStep,
  philox,
  replaySample,
  gather,
  scatterAdd,
  gatheredNodes,
  assign,
  tick,
] as const;

/** A kernel that is declared here. */
export type DeclaredKernel = (typeof declared)[number];
export type KernelName = DeclaredKernel['name'];
export type KernelNamed<N extends KernelName> = Extract<DeclaredKernel, Kernel<N>>;

export const kernels: readonly KernelSpec[] = declared;

const byName = new Map(kernels.map((kernel) => [kernel.name, kernel]));

export function kernelSpec(name: string): KernelSpec {
  const found = byName.get(name);
  if (!found) throw new Error(`no kernel is called '${name}'`);
  return found;
}

export { type Activation, activations, savesInput } from './activations.ts';
export * from './gaussian.ts';
export {
  type JoinedKernel,
  joinedKernel,
  joinedKernels,
  MOST_JOINED_BINDINGS,
  placeOf,
} from './joined.ts';
export {
  type BindingOf,
  type BindingSpec,
  type FieldType,
  type Grid,
  type Kernel,
  type KernelSpec,
  type Params,
  type ParamsOf,
  WORKGROUP,
} from './layout.ts';
export * from './losses.ts';
export { MATMUL_TILE, matmul } from './matmul.ts';
export * from './mlp.ts';
export * from './optimiser.ts';
export * from './places.ts';
export * from './random.ts';
