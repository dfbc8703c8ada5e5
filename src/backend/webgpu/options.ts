/**
 * What gives adapters, as `navigator.gpu` does. Its own type (`GPU`) is not named here: programs need no types of WebGPU to
 * use this library.
 */
export interface AdapterSource {
  /** As `GPU.requestAdapter`. */
  requestAdapter(options?: {
    readonly powerPreference?: 'low-power' | 'high-performance';
  }): Promise<object | null>;
}

/** How the webgpu backend is opened. */
export interface WebGpuOptions {
  /** Where to get adapters; by default the platform's own `navigator.gpu`, in Node the package `webgpu`. */
  readonly gpu?: AdapterSource;
  /** As WebGPU has it; `high-performance` when absent. */
  readonly powerPreference?: 'low-power' | 'high-performance';
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
