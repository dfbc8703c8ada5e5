// The modules of every kernel, over its choices and over which of its bindings are there.
import { type Module, moduleOf } from '../../src/backend/webgpu/modules.ts';
import {
  activations,
  joinedKernels,
  type KernelSpec,
  kernels,
  type Params,
} from '../../src/kernels/index.ts';
import type { JoinedStep, KernelStep } from '../../src/program/program.ts';

/** The binding that a choice such as `storeDQ` or `hasBias` lets a kernel do without. */
export function bindingOfFlag({ bindings, name }: KernelSpec, flag: string): string | undefined {
  const [, of = ''] = /^(?:store|has)(\w+)$/.exec(flag) ?? [];
  const first = of.charAt(0).toLowerCase() + of.slice(1);
  // A gradient step asks what cotangents it has.
  const named = of === 'Ess' ? 'effectiveSampleSize' : first;
  const cotangent = `d${of}`;
  const known = (binding: string) => bindings.some((each) => each.name === binding);
  if (/^has/.test(flag) && name.startsWith('gaussian_sample_backward') && known(cotangent)) return cotangent;
  return known(named) ? named : known(cotangent) ? cotangent : undefined;
}

/** Choices of a kernel that say whether a binding is there. */
export const flagsOf = (spec: KernelSpec): string[] =>
  spec.params.filter((name) => spec.types[name] === 'choice' && bindingOfFlag(spec, name) !== undefined);

/** A number for each parameter, no two alike, so that one taken for another shows; networks of `layers` layers. */
export function someParams(spec: KernelSpec, layers = 2): Record<string, number> {
  const values = spec.params.map((name, i): [string, number] => {
    const dimension = /^d(\d+)$/.exec(name);
    if (dimension) return [name, Number(dimension[1]) <= layers ? 3 + Number(dimension[1]) : 0];
    if (spec.types[name] === 'choice') return [name, 0];
    return [name, spec.types[name] === 'f32' ? i + 0.5 : i + 20];
  });
  const known = Object.fromEntries(values);
  for (const [name, value] of [
    ['layers', layers],
    ['nets', 2],
  ] as const)
    if (name in known) known[name] = value;
  return known;
}

export interface Variant {
  readonly what: string;
  readonly spec: KernelSpec;
  readonly params: Params;
  /** Bindings that are there, in order. */
  readonly present: readonly string[];
  readonly module: Module;
}

/** The module of a kernel with these parameters; buffers are numbered from 10 on, in the order of its bindings. */
export function variantOf(spec: KernelSpec, params: Params, absent: readonly string[] = []): Variant {
  const places = spec.bindings.map(({ name }, i) => (absent.includes(name) ? -1 : 10 + i));
  const common = { kernel: spec.name, label: spec.name, params, shapes: '' };
  const step: KernelStep | JoinedStep = isJoined(spec)
    ? { ...common, kind: 'joined', parts: [], bound: places, buffers: places }
    : { ...common, kind: 'kernel', buffers: places };
  const present = spec.bindings.map(({ name }) => name).filter((name) => !absent.includes(name));
  const what = `${spec.name} with ${present.join(' ')}, ${JSON.stringify(params)}`;
  return {
    what,
    spec,
    params,
    present,
    module: moduleOf(step, { mostWorkgroups: 65_535, longReduction: 256 }),
  };
}

const isJoined = (spec: KernelSpec): boolean => joinedKernels.some(({ name }) => name === spec.name);

/** Every kernel, joined or not. */
export const allKernels: readonly KernelSpec[] = [...kernels, ...joinedKernels];

/** Bindings that are there or not without a choice: second segments of input, and what the clock watches. */
const optional = ['x1', 'watched1', 'watched2', 'watched3', 'watched4', 'watched5'];

/** Modules of a kernel: each set of its flags, then each value of its other choices. */
export function variantsOf(spec: KernelSpec): Variant[] {
  const flags = flagsOf(spec);
  const free = optional.filter((name) => spec.bindings.some((binding) => binding.name === name));
  const without = (params: Params, more: readonly string[] = []): Variant => {
    const off = flags.filter((flag) => !params[flag]).map((flag) => bindingOfFlag(spec, flag) as string);
    return variantOf(spec, params, [...off, ...more]);
  };
  const base = someParams(spec);
  const all = { ...base, ...Object.fromEntries(flags.map((flag) => [flag, 1])) };
  const bySet = Array.from({ length: 2 ** flags.length }, (_, set) =>
    without({ ...base, ...Object.fromEntries(flags.map((flag, i) => [flag, (set >> i) & 1])) }),
  );
  const shorter = 'layers' in base ? [someParams(spec, 1)] : [];
  const others: Params[] = [
    ...('activation' in base ? activations.map((_, activation) => ({ ...all, activation })) : []),
    ...('nets' in base ? [{ ...all, nets: 1 }] : []),
    ...['squash', 'decoupled'].flatMap((name) => (name in base ? [{ ...all, [name]: 1 }] : [])),
    ...('baseline' in base ? [1, 2, 3].map((baseline) => ({ ...all, baseline })) : []),
    ...('kind' in base ? [1, 2].map((kind) => ({ ...all, kind })) : []),
    ...('layers' in base ? [{ ...all, half: 1 }] : []),
  ];
  return [
    ...bySet,
    ...others.map((params) => without(params)),
    ...free.map((_, i) => without(all, free.slice(i))),
    // Of one layer nothing is hidden.
    ...shorter.map((params) => without(params, ['saved', 'dz'])),
  ];
}
