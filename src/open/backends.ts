// The backends, each loaded when it is first opened: a page carries those that it asks for.
import type { Backend } from '../backend/backend.ts';
import type { CpuOptions } from '../backend/cpu/backend.ts';
import type { WasmOptions } from '../backend/wasm/options.ts';
import type { WebGpuOptions } from '../backend/webgpu/options.ts';
import { Device } from '../device.ts';

/** What opens each backend. The errors are those of the function of the same name in its folder. */
export const backends = {
  webgpu: async (options?: WebGpuOptions): Promise<Backend> =>
    (await import('../backend/webgpu/open.ts')).openWebGpu(options),
  wasm: async (options?: WasmOptions): Promise<Backend> =>
    (await import('../backend/wasm/backend.ts')).openWasm(options),
  cpu: async (options?: CpuOptions): Promise<Backend> =>
    (await import('../backend/cpu/backend.ts')).createCpuBackend(options),
};

/** The device that others are compared with: float64 on the cpu. */
export const referenceDevice = async (): Promise<Device> =>
  new Device(await backends.cpu({ precision: 'f64' }));
