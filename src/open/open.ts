import type { Backend, BackendName } from '../backend/backend.ts';
import type { Precision } from '../backend/cpu/backend.ts';
import type { WasmOptions } from '../backend/wasm/options.ts';
import type { WebGpuOptions } from '../backend/webgpu/options.ts';
import { Device } from '../device.ts';
import { BackendError, ProbeError, requireOptions, UsageError, unknownName } from '../errors.ts';
import { backends } from './backends.ts';
import { expectedMs, measureSpeed, type Speed, type Work } from './crossover.ts';

/** Every backend, in the order in which `auto` prefers them. */
export const backendNames: readonly BackendName[] = ['webgpu', 'wasm', 'cpu'];

/** A backend by name, or `auto`: see {@link open}. */
export type BackendChoice = 'auto' | BackendName;

/** Which device is opened. */
export interface OpenOptions {
  /** `auto` when absent. */
  readonly backend?: BackendChoice;
  /** Storage of the cpu backend; `f64` is for checks beyond float32. Other backends are float32. `f32` when absent. */
  readonly precision?: Precision;
  /** Threads and instructions of the wasm backend, which chooses both by itself when absent. */
  readonly wasm?: WasmOptions;
  /** Adapter, patience and variants of the webgpu backend; the platform's adapter when absent. */
  readonly webgpu?: WebGpuOptions;
  /** What will be done over and over, from which `auto` tells whether a GPU is worth its launches; a GPU is taken when absent. */
  readonly work?: Work;
  /**
   * Whether what is opened must agree with the reference first, on a small update whose results are known; once in a process
   * for each adapter and variant. True when absent.
   */
  readonly probe?: boolean;
}

type Opening = Omit<OpenOptions, 'backend' | 'precision'>;

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
 * layers, so it is used only when webgpu is asked for by name. Where the work is known, both are measured, and the one
 * that should take less time for it is taken: a small update is over on the CPU before a GPU has started its kernels.
 * Where the engine has no WebAssembly, `auto` takes the cpu. A backend that computes wrong numbers is not taken by `auto`, and
 * not opened when asked for.
 *
 * @throws UsageError for an unknown name, BackendError when the backend asked for cannot be opened, ProbeError when it computes
 * wrong numbers
 */
export async function open(options: OpenOptions = {}): Promise<OpenedDevice> {
  const { backend = 'auto', precision, ...opening } = requireOptions('open', options);
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
        : openAuto(opening);
    case 'cpu':
      return openCpu(precision, 'asked for by name');
    case 'wasm':
    case 'webgpu': {
      const opened = await (backend === 'wasm'
        ? backends.wasm(opening.wasm)
        : backends.webgpu(opening.webgpu));
      return new OpenedDevice(await probed(opened, opening), 'asked for by name');
    }
    default:
      throw unknownName('backend', String(backend satisfies never), ['auto', ...backendNames]);
  }
}

/** A backend that has agreed with the reference; one that has not is ended. @throws ProbeError */
async function probed(backend: Backend, { probe: wanted = true }: Opening): Promise<Backend> {
  try {
    if (wanted) await (await import('./probe/quick.ts')).probe(backend);
    return backend;
  } catch (error) {
    await backend.dispose();
    throw error;
  }
}

const openCpu = async (precision: Precision | undefined, reason: string): Promise<OpenedDevice> =>
  new OpenedDevice(await backends.cpu(precision ? { precision } : {}), reason);

async function openAuto(opening: Opening): Promise<OpenedDevice> {
  let webgpu: Backend;
  try {
    webgpu = await backends.webgpu(opening.webgpu);
    if (webgpu.information.software === true) {
      await webgpu.dispose();
      const reason = `the only adapter is software (${webgpu.description}), which is used only when webgpu is asked for by name`;
      return openFallback(opening, reason);
    }
    await probed(webgpu, opening);
  } catch (error) {
    if (error instanceof BackendError) return openFallback(opening, `no WebGPU: ${error.message}`);
    if (error instanceof ProbeError) return openFallback(opening, `WebGPU is not used: ${error.message}`);
    throw error;
  }
  const reason = 'a GPU was found';
  const { work } = opening;
  return work ? openFaster(webgpu, opening, work, reason) : new OpenedDevice(webgpu, reason);
}

/** The GPU or wasm, whichever should take less time for the work. */
async function openFaster(
  webgpu: Backend,
  opening: Opening,
  work: Work,
  reason: string,
): Promise<OpenedDevice> {
  const fallback = await openFallback(opening, reason);
  const gpu = new OpenedDevice(webgpu, reason);
  const speeds = { gpu: await measureSpeed(gpu), cpu: await measureSpeed(fallback) };
  const { faster, text } = compareSpeeds(work, speeds.gpu, speeds.cpu, fallback.backend.name);
  await (faster === 'gpu' ? fallback : gpu).dispose();
  return new OpenedDevice((faster === 'gpu' ? gpu : fallback).backend, text);
}

/** Which of two devices should take less time for the work, and the sentence that says why. */
export function compareSpeeds(
  work: Work,
  gpu: Speed,
  cpu: Speed,
  cpuName: BackendName,
): { readonly faster: 'gpu' | 'cpu'; readonly text: string } {
  const [onGpu, onCpu] = [expectedMs(work, gpu), expectedMs(work, cpu)];
  const faster = onGpu < onCpu ? 'gpu' : 'cpu';
  const part = (name: string, ms: number, { launchMs, gflops }: Speed) =>
    `${ms.toPrecision(2)} ms on ${name} (${(1000 * launchMs).toPrecision(2)} µs a launch, ${gflops.toPrecision(2)} GFLOP/s)`;
  const text = `${(work.flops / 1e6).toPrecision(3)} MFLOP in ${work.kernels} kernels should take ${part('the GPU', onGpu, gpu)} and ${part(cpuName, onCpu, cpu)}`;
  return { faster, text };
}

async function openFallback(opening: Opening, reason: string): Promise<OpenedDevice> {
  try {
    return new OpenedDevice(await probed(await backends.wasm(opening.wasm), opening), reason);
  } catch (error) {
    if (error instanceof BackendError) return openCpu('f32', `${reason}; no WebAssembly: ${error.message}`);
    if (error instanceof ProbeError) return openCpu('f32', `${reason}; wasm is not used: ${error.message}`);
    throw error;
  }
}
