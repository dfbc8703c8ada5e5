import { kernels } from '../../kernels/index.ts';
import type { KernelSpec } from '../../kernels/layout.ts';
import { wasmKernel } from './kernels.ts';

/** Kernels by the number under which assembly/index.ts runs them; generated ones are 0. */
const numbered: readonly string[] = ['generated', ...kernels.map(({ name }) => name)];

export const kernelNumber = (name: string): number => numbered.indexOf(name);

/** The words of a kernel's block by name: addresses of its bindings, its parameters, what the host has worked out. */
const wordsOf = ({ name, bindings, params }: KernelSpec): string[] => [
  ...bindings.map((binding) => binding.name),
  ...params,
  ...(wasmKernel(name).words ?? []),
];

/** Where a block's floats in float64 begin, in units of eight bytes. */
export const doublesBegin = (spec: KernelSpec): number => Math.ceil(wordsOf(spec).length / 2);

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const capital = (name: string): string => name[0]?.toUpperCase() + name.slice(1);

/**
 * AssemblyScript that says where kernels find things in their blocks, for `assembly/layouts`: each word of the block, of
 * floats also the place in float64 (`tau64`), and the constants of `kernels.ts`.
 */
export function layoutsText(): string {
  const line = (name: string, value: number) => `  export const ${name}: i32 = ${value};\n`;
  const block = (name: string, lines: readonly string[]) =>
    `export namespace ${name} {\n${lines.join('')}}\n`;
  return [
    block(
      'Kernel',
      numbered.map((name, number) => line(camel(name), number)),
    ),
    ...kernels.map((spec) =>
      block(capital(camel(spec.name)), [
        ...wordsOf(spec).map(line),
        ...spec.floats.map((name, i) => line(`${name}64`, doublesBegin(spec) + i)),
        ...Object.entries(wasmKernel(spec.name).constants ?? {}).map(([name, value]) => line(name, value)),
      ]),
    ),
  ].join('');
}
