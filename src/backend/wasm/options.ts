/**
 * Builds of the same kernels, best first: SIMD with a fused multiply-add (its rounding is the engine's choice),
 * SIMD, and neither SIMD nor threads.
 */
export const simdVariants = ['relaxed', 'simd', 'scalar'] as const;
/** A build of the kernels, by name. */
export type SimdVariant = (typeof simdVariants)[number];

/** Where a build of the kernels is fetched from: a `URL`, or its text. */
export type KernelAddress = string | { readonly href: string };

/** How the wasm backend computes. */
export interface WasmOptions {
  /** Which build of the kernels; the best the engine accepts by default. */
  readonly simd?: SimdVariant;
  /**
   * Threads of a program; by default one or as many as a measurement finds useful, whichever its late runs were faster
   * with, once a program is loaded that is large enough. Results do not depend on it.
   */
  readonly threads?: number;
  /**
   * Where each build is fetched from; the package has them as `divergrad/wasm/relaxed.wasm`, `simd.wasm` and `scalar.wasm`.
   * When absent, the build is a JavaScript module that is loaded with the backend: a third larger, and nothing to set up.
   */
  readonly fetchFrom?: (variant: SimdVariant) => KernelAddress;
}
