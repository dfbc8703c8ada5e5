import { BackendError } from '../../errors.ts';
import type { WebGpuBackend } from './backend.ts';
import { dawnSettings } from './profile.ts';

/** How the webgpu backend is opened. */
export interface WebGpuOptions {
  /** Where to get adapters; by default the platform's own `navigator.gpu`, in Node the package `webgpu`. */
  readonly gpu?: GPU;
  /** As WebGPU has it; the platform's choice when absent. */
  readonly powerPreference?: GPUPowerPreference;
  /** Longest wait for an answer of the device before it counts as hanging, s; 600 when absent. */
  readonly patienceSeconds?: number;
  /**
   * Whether hidden layers are handed from kernel to kernel as float16, which halves their memory and changes gradients by
   * some 1e-4 of their size (`divergrad bench --f16` shows it); false when absent. Values past 65504 are cut off there.
   * Programs then use the kernels of whole networks, also on software adapters; networks too wide or deep for those stay in
   * float32.
   */
  readonly f16?: boolean;
}

const whatToDo =
  'In Node, install the package `webgpu` and a Vulkan, Metal or D3D12 driver; in a browser, enable WebGPU; or use the cpu backend.';

/** Limits asked for as high as the adapter has them, since the defaults are for the smallest phones. */
const raisedLimits = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
] as const;

/**
 * Opens the WebGPU device.
 *
 * @throws BackendError when there is no WebGPU, no adapter, or the adapter gives no device
 */
export async function openWebGpu(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const gpu = options.gpu ?? (await platformGpu());
  const adapter = await gpu.requestAdapter({
    powerPreference: options.powerPreference ?? 'high-performance',
  });
  if (!adapter) throw new BackendError('WebGPU offers no adapter.', { hint: whatToDo, fault: 'absent' });
  // Kernels are loaded once there is an adapter to run them.
  const { WebGpuBackend } = await import('./backend.ts');
  const limits = Object.fromEntries(raisedLimits.map((name) => [name, adapter.limits[name]]));
  const features: GPUFeatureName[] = adapter.features.has('timestamp-query') ? ['timestamp-query'] : [];
  try {
    const device = await adapter.requestDevice({ requiredLimits: limits, requiredFeatures: features });
    return new WebGpuBackend(adapter, device, options);
  } catch (cause) {
    throw new BackendError(
      `The adapter gives no device: ${(cause as Error).message.replace(/\s+/g, ' ').trim()}`,
      {
        cause,
        fault: 'absent',
        hint: whatToDo,
      },
    );
  }
}

/**
 * Dawn's root object in Node, one for the process. It must outlive every device: collected earlier, it takes
 * their pending promises along, and the process hangs or crashes. It does not keep a process alive by itself.
 */
let dawn: GPU | undefined;

async function platformGpu(): Promise<GPU> {
  const platform = globalThis as { navigator?: { gpu?: GPU }; process?: { versions?: { node?: string } } };
  if (platform.navigator?.gpu) return platform.navigator.gpu;
  if (!platform.process?.versions?.node) {
    throw new BackendError('This platform has no WebGPU.', { hint: whatToDo, fault: 'absent' });
  }
  try {
    if (dawn) return dawn;
    const { create } = await import('webgpu');
    dawn ??= create(dawnSettings);
    return dawn;
  } catch (cause) {
    throw new BackendError('The package `webgpu`, which gives Node a WebGPU, cannot be loaded.', {
      cause,
      fault: 'absent',
      hint: whatToDo,
    });
  }
}
