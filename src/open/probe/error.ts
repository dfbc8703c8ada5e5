import { ProbeError } from '../../errors.ts';

/** The error for a kernel, or a result, that is not what the reference says. */
export function probeError(of: {
  readonly adapter: string;
  readonly kernel: string;
  readonly where: string;
  readonly found: number;
  readonly expected: number;
}): ProbeError {
  const { adapter, kernel, where, found, expected } = of;
  const instead = adapter.startsWith('wasm') ? 'cpu' : 'wasm';
  return new ProbeError(
    `${adapter} computes wrong numbers: '${kernel}' gives ${found} in ${where}, expected ${expected}.`,
    { adapter, kernel, found, expected, hint: `Use the ${instead} backend, or update the driver or engine.` },
  );
}
