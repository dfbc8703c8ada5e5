import { kernelSpec } from './kernels.ts';
import type { JoinedStep, KernelStep } from './program.ts';
import { bytesMoved } from './work.ts';

/** The buffer that a step binds as `name`; −1 is none. */
export const bufferOf = ({ kernel, buffers }: KernelStep, name: string): number =>
  buffers[kernelSpec(kernel).bindings.findIndex((binding) => binding.name === name)];

/** The parts as one step of the kernel called `kernel`, with what that binds and takes. */
export function joinedStep(
  kernel: string,
  parts: readonly KernelStep[],
  own: Pick<JoinedStep, 'params' | 'bound' | 'shapes'>,
  buffers: readonly { readonly count: number }[],
): JoinedStep {
  const joined = {
    kind: 'joined' as const,
    kernel,
    label: parts.map(({ label }) => label).join(' + '),
    parts,
    ...own,
    buffers: [...new Set(parts.flatMap((part) => part.buffers))],
    flops: parts.reduce((total, { flops }) => total + flops, 0),
  };
  return { ...joined, bytes: bytesMoved(joined, buffers) };
}
