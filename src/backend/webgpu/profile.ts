// All that is known of single adapters and runtimes.
import { MLP_WIDTH, MOST_JOINED_BINDINGS } from '../../kernels/index.ts';
import type { RecordingOptions } from '../../tape/index.ts';
import type { ModuleTarget } from './modules.ts';
import { restWhilePending } from './rest.ts';

/** Whether an adapter is a CPU in disguise: SwiftShader, Mesa's llvmpipe/lavapipe, or Windows' WARP. */
export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return (
    info.isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe|software|basic render|\bcpu\b/i.test(text)
  );
}

/** Whether WebGPU is that of Node's package, wherever the program has put it: other platforms have their own. */
function isNode(): boolean {
  const { versions } = (globalThis as { process?: { versions?: Record<string, string> } }).process ?? {};
  return versions?.node !== undefined && !(versions.deno ?? versions.bun ?? versions.electron);
}

/**
 * How programs are recorded for an adapter. A GPU takes the kernels of whole networks, joined where they can be. A CPU that
 * plays GPU, to which workgroup memory and barriers are dear, takes a matrix product a layer.
 */
export function targetOf(
  info: GPUAdapterInfo,
  { maxStorageBuffersPerShaderStage }: GPUSupportedLimits,
  { f16 }: { readonly f16: boolean },
): RecordingOptions {
  return {
    mlp: isSoftwareAdapter(info) && !f16 ? 'tiled' : 'fused',
    joinedBindings: Math.min(MOST_JOINED_BINDINGS, maxStorageBuffersPerShaderStage),
    halfHidden: f16,
    fusedWidth: MLP_WIDTH,
  };
}

/**
 * What modules must know of an adapter. Where workgroups and barriers are dear, a workgroup shares only reductions that one
 * invocation would take long for.
 */
export const moduleTargetOf = (
  info: GPUAdapterInfo,
  { maxComputeWorkgroupsPerDimension }: GPUSupportedLimits,
): ModuleTarget => ({
  mostWorkgroups: maxComputeWorkgroupsPerDimension,
  longReduction: isSoftwareAdapter(info) ? 8192 : 256,
});

/**
 * Passes through loops after which an adapter ends an invocation's loops without a word, those of all loops together.
 *
 * @source Mesa, gallivm/lp_bld_limits.h: LP_MAX_TGSI_LOOP_ITERATIONS
 */
export const mostPasses = ({ vendor, device, description }: GPUAdapterInfo): number =>
  /llvmpipe|lavapipe/i.test(`${vendor} ${device} ${description}`) ? 65_535 : Number.POSITIVE_INFINITY;

/** What to do while promises are pending, where waiting takes a core from the adapter: in Node on a software adapter. */
export const restFor = (info: GPUAdapterInfo): ((promise: Promise<unknown>) => void) | undefined =>
  isSoftwareAdapter(info) && isNode() ? restWhilePending() : undefined;

/**
 * Settings of Dawn in Node. Every kernel writes its workgroup memory before it reads it: clearing it first is dear, on
 * SwiftShader it takes seconds to compile. Timestamps are cut to tenths of a millisecond against spying pages; here is none.
 */
export const dawnSettings = [
  'enable-dawn-features=disable_workgroup_init',
  'disable-dawn-features=timestamp_quantization',
];
