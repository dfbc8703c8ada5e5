import {
  type BindingSpec,
  joinedKernel,
  type KernelSpec,
  kernelSpec,
  type Params,
  WORKGROUP,
} from '../../kernels/index.ts';
import type { GeneratedStep, JoinedStep, KernelStep, Step } from '../../program/program.ts';
import { generateKernel } from './generated.ts';
import { kernelText } from './texts.ts';

/** A buffer that a module binds. */
export interface Bound {
  /** Index into the program's buffers. */
  readonly buffer: number;
  readonly type: 'read-only-storage' | 'storage';
}

/** What a step needs to become a dispatch. Bindings are numbered in order; the parameters, if there are any, come last. */
export interface Module {
  readonly label: string;
  readonly wgsl: string;
  readonly bound: readonly Bound[];
  /** Parameters as they lie in memory. */
  readonly values: ArrayBuffer | undefined;
  readonly workgroups: Workgroups;
  /** Passes through loops that an invocation makes at most. */
  readonly passes: number;
}

export type Workgroups = readonly [x: number, y: number, z: number];

/** What a module must know of the adapter. */
export interface ModuleTarget {
  /** Along a dimension. */
  readonly mostWorkgroups: number;
  /** Elements from which on a workgroup shares a reduction. */
  readonly longReduction: number;
}

/** Puts the module of a step together: declarations from the kernel's layout, then its text. */
export function moduleOf(step: Step, target: ModuleTarget): Module {
  return step.kind === 'generated' ? generated(step, target) : handWritten(step, target);
}

function handWritten(step: KernelStep | JoinedStep, { mostWorkgroups }: ModuleTarget): Module {
  const spec = step.kind === 'joined' ? joinedKernel(step.kernel) : kernelSpec(step.kernel);
  const places = step.kind === 'joined' ? step.bound : step.buffers;
  const bindings = spec.bindings.map((binding, i) => ({ ...binding, buffer: places[i] ?? -1 }));
  const present = bindings.filter(({ buffer }) => buffer >= 0);
  const fields = spec.params.filter((name) => spec.types[name] !== 'choice');
  return {
    label: step.kernel,
    wgsl: [
      constantsOf(spec, step.params),
      ...present.map((binding, i) => declared(binding, i)),
      // Named, but not reached.
      ...bindings.filter(({ buffer }) => buffer < 0).map(absent),
      ...(fields.length > 0 ? [parametersOf(spec, fields, present.length)] : []),
      kernelText(step.kernel),
    ].join(''),
    bound: present.map(({ buffer, access }) => ({
      buffer,
      type: access === 'read' ? 'read-only-storage' : 'storage',
    })),
    values: fields.length > 0 ? valuesOf(spec, fields, step.params) : undefined,
    workgroups: folded(spec.grid(step.params), mostWorkgroups),
    passes: spec.passes(step.params),
  };
}

function generated({ generated, buffers, label }: GeneratedStep, target: ModuleTarget): Module {
  const inputs = buffers.slice(0, generated.inputs.length);
  const distinct = [...new Set(inputs)];
  const { wgsl, grid, passes } = generateKernel(
    generated,
    inputs.map((buffer) => distinct.indexOf(buffer)),
    target.longReduction,
  );
  return {
    ...{ label, wgsl, passes },
    bound: [
      ...distinct.map((buffer) => ({ buffer, type: 'read-only-storage' as const })),
      ...buffers.slice(inputs.length).map((buffer) => ({ buffer, type: 'storage' as const })),
    ],
    values: undefined,
    workgroups: folded(grid, target.mostWorkgroups),
  };
}

const types = { f32: 'f32', u32: 'u32', hidden: 'u32', atomic: 'atomic<u32>' } as const;

/** A binding's name in WGSL, which has some of them as words of its own. */
const named = (name: string): string => (['target', 'storage'].includes(name) ? `${name}_` : name);

const declared = ({ name, access, type }: BindingSpec, at: number): string =>
  `@group(0) @binding(${at}) var<storage, ${access === 'read' ? 'read' : 'read_write'}> ${named(name)}: array<${types[type]}>;\n`;

const absent = ({ name, type }: BindingSpec): string =>
  `var<private> ${named(name)}: array<${types[type]}, 1>;\n`;

/** `storeSaved` as `STORE_SAVED`. */
const capitals = (name: string): string => name.replace(/([A-Z])/g, '_$1').toUpperCase();

function constantsOf(spec: KernelSpec, params: Params): string {
  const choices = spec.params
    .filter((name) => spec.types[name] === 'choice')
    .map((name): [string, number] => [capitals(name), params[name] ?? 0]);
  return [['WORKGROUP', WORKGROUP] as const, ...Object.entries(spec.constants?.(params) ?? {}), ...choices]
    .map(([name, value]) => `const ${name} = ${value}u;\n`)
    .join('');
}

const parametersOf = ({ types }: KernelSpec, fields: readonly string[], at: number): string =>
  `struct Params {\n${fields.map((name) => `  ${name}: ${types[name]},\n`).join('')}}\n` +
  `@group(0) @binding(${at}) var<uniform> params: Params;\n`;

function valuesOf({ types }: KernelSpec, fields: readonly string[], params: Params): ArrayBuffer {
  const values = new DataView(new ArrayBuffer(4 * fields.length));
  fields.forEach((name, i) => {
    if (types[name] === 'f32') values.setFloat32(4 * i, params[name] ?? 0, true);
    else values.setUint32(4 * i, params[name] ?? 0, true);
  });
  return values.buffer;
}

/**
 * Workgroups along x, y and z within the device's limit a dimension: items that pass it wrap into y, exact counts into z,
 * as the kernels expect.
 */
export function folded(grid: ReturnType<KernelSpec['grid']>, limit: number): Workgroups {
  const count = 'items' in grid ? Math.ceil(grid.items / WORKGROUP) : grid.workgroups;
  const folds = Math.max(1, Math.ceil(count / limit));
  const x = Math.ceil(count / folds);
  return 'items' in grid ? [x, folds, 1] : [x, 1, folds];
}
