import { kernels } from '../../kernels/index.ts';
import type { KernelSpec } from '../../kernels/layout.ts';

/** Kernels by the number under which assembly/index.ts runs them; generated ones are 0. */
const numbered: readonly string[] = ['generated', ...kernels.map(({ name }) => name)];

export const kernelNumber = (name: string): number => numbered.indexOf(name);

/** Words of a kernel's block before those that the host has worked out. */
const words = ({ bindings, params }: KernelSpec): number => bindings.length + params.length;

/** Where a block's floats in float64 begin, in units of eight bytes. @param extra words that follow the parameters */
export const doublesBegin = (spec: KernelSpec, extra: number): number => Math.ceil((words(spec) + extra) / 2);

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const capital = (name: string): string => name[0]?.toUpperCase() + name.slice(1);

/**
 * AssemblyScript that says where kernels find things in their blocks, for `assembly/layouts`: the word of each binding and
 * parameter, the first of those that follow (`extra`), and of floats the place in float64 (`tau64`), which only kernels
 * without such words read.
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
        ...[...spec.bindings.map(({ name }) => name), ...spec.params].map(line),
        line('extra', words(spec)),
        ...spec.floats.map((name, i) => line(`${name}64`, doublesBegin(spec, 0) + i)),
      ]),
    ),
  ].join('');
}
