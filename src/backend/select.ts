import { Device } from '../device.ts';
import { BackendError, UsageError, unknownName } from '../errors.ts';
import type { Backend, BackendName } from './backend.ts';
import { createCpuBackend, type Precision } from './cpu/backend.ts';
import { openWasm, type WasmOptions } from './wasm/backend.ts';
import { openWebGpu } from './webgpu/open.ts';

/** Every backend, in the order in which `auto` prefers them. */
export const backendNames: readonly BackendName[] = ['webgpu', 'wasm', 'cpu'];

/** A backend by name, or `auto`: webgpu on a real GPU, else wasm. */
export type BackendChoice = 'auto' | BackendName;

export interface OpenOptions {
  readonly backend?: BackendChoice;
  /** Storage of the cpu backend; `f64` is for checks beyond float32. Other backends are float32. */
  readonly precision?: Precision;
  /** Threads and instructions of the wasm backend, which chooses both by itself. */
  readonly wasm?: WasmOptions;
}

/** A device that remembers why its backend was chosen. */
export class OpenedDevice extends Device {
  constructor(
    backend: Backend,
    /** One sentence for people. */
    readonly reason: string,
  ) {
    super(backend);
  }
}

/**
 * Opens a backend. `auto` takes webgpu on a real GPU and wasm otherwise: a software adapter is a CPU behind many
 * layers, so it is used only when webgpu is asked for by name. Where the engine has no WebAssembly, `auto` takes
 * the cpu.
 *
 * @throws UsageError for an unknown name, BackendError when the backend asked for cannot be opened
 */
export async function open({ backend = 'auto', precision, wasm }: OpenOptions = {}): Promise<OpenedDevice> {
  if (precision !== undefined && precision !== 'f32' && precision !== 'f64') {
    throw unknownName('precision', String(precision), ['f32', 'f64']);
  }
  if (precision === 'f64' && (backend === 'webgpu' || backend === 'wasm')) {
    throw new UsageError(`The ${backend} backend has no f64.`, { hint: "Use the backend 'cpu'." });
  }
  switch (backend) {
    case 'auto':
      return precision === 'f64'
        ? openCpu('f64', 'f64 storage was asked for, which only the cpu backend has')
        : openAuto(wasm);
    case 'cpu':
      return openCpu(precision, 'asked for by name');
    case 'wasm':
      return new OpenedDevice(await openWasm(wasm), 'asked for by name');
    case 'webgpu':
      return new OpenedDevice(await openWebGpu(), 'asked for by name');
    default:
      throw unknownName('backend', String(backend satisfies never), ['auto', ...backendNames]);
  }
}

const openCpu = (precision: Precision | undefined, reason: string): OpenedDevice =>
  new OpenedDevice(createCpuBackend(precision ? { precision } : {}), reason);

async function openAuto(wasm: WasmOptions | undefined): Promise<OpenedDevice> {
  let webgpu: Backend;
  try {
    webgpu = await openWebGpu();
  } catch (error) {
    if (error instanceof BackendError) return openFallback(wasm, `no WebGPU: ${error.message}`);
    throw error;
  }
  if (webgpu.information.software !== true) return new OpenedDevice(webgpu, 'a GPU was found');
  await webgpu.dispose();
  const reason = `the only adapter is software (${webgpu.description}), which is used only when webgpu is asked for by name`;
  return openFallback(wasm, reason);
}

async function openFallback(wasm: WasmOptions | undefined, reason: string): Promise<OpenedDevice> {
  try {
    return new OpenedDevice(await openWasm(wasm), reason);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    return openCpu('f32', `${reason}; no WebAssembly: ${error.message}`);
  }
}
