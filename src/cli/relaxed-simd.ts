import { setFlagsFromString } from 'node:v8';

/** Node before 22 has relaxed SIMD behind a flag; the wasm backend is a third faster with it. Call before compiling. */
export function allowRelaxedSimd(): void {
  const old = Number.parseInt(process.versions.node, 10) < 22;
  if (old && !('Deno' in globalThis)) setFlagsFromString('--experimental-wasm-relaxed-simd');
}
