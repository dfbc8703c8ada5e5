/**
 * How a hand-written kernel is declared: what it binds, its parameters in their order, its grid and its arithmetic. Each
 * layout stands here and in the kernel's family alone: WGSL declarations and the offsets of WebAssembly come from it.
 */

/** Values of a kernel's parameters by name. */
export type Params = Readonly<Record<string, number>>;

/**
 * A parameter: `u32` and `f32` are read when the kernel runs, a `choice` is a u32 that chooses its code and is written
 * into it, as a constant in capitals (`storeSaved` is `STORE_SAVED`).
 */
export type FieldType = 'u32' | 'f32' | 'choice';

export type Access = 'read' | 'write' | 'update';

/**
 * What a binding holds; `hidden` are the hidden layers of a network, floats that a kernel moves as words and may hand on as
 * float16, two to a word; `atomic` are words that several add to at once.
 */
export type ElementType = 'f32' | 'u32' | 'hidden' | 'atomic';

export interface BindingSpec {
  readonly name: string;
  readonly access: Access;
  readonly type: ElementType;
}

/**
 * `items`: one invocation an item, in workgroups of WORKGROUP along x; what passes the device's limit wraps into y, so an
 * item's number is (workgroup.y·num_workgroups.x + workgroup.x)·WORKGROUP + local.
 * `workgroups`: an exact count; what passes the limit wraps into z: workgroup.z·num_workgroups.x + workgroup.x.
 */
export type Grid = { readonly items: number } | { readonly workgroups: number };

export interface KernelSpec {
  readonly name: string;
  readonly bindings: readonly BindingSpec[];
  readonly params: readonly string[];
  readonly types: Readonly<Record<string, FieldType>>;
  /** Those of type f32. */
  readonly floats: readonly string[];
  grid(p: Params): Grid;
  /** Multiply and add count as two, a transcendental as one. */
  flops(p: Params): number;
  /** Elements of a binding that are read or written, by its name, where those are fewer than the buffer holds. */
  touches?(p: Params): Params;
  /** Constants of the WGSL besides its choices, u32 all of them. */
  constants?(p: Params): Params;
  /** Passes through loops that one invocation makes at most, those of all loops together: some drivers end them after a number. */
  passes(p: Params): number;
  /** Bindings whose numbers that are not finite it notes in the clock: the first as the parameter `place`, the next as 1 more. */
  readonly watches?: readonly string[];
}

type BindingText = Access | `${Access} ${ElementType}`;
type Bindings = Readonly<Record<string, BindingText>>;
type Fields = Readonly<Record<string, FieldType>>;
type Values<F extends Fields> = Readonly<Record<keyof F & string, number>>;

/** A kernel whose bindings and parameters the compiler knows by name. */
export interface Kernel<N extends string = string, B extends Bindings = Bindings, F extends Fields = Fields>
  extends KernelSpec {
  readonly name: N;
  /** Types alone: nothing has this value. */
  readonly declared?: { readonly bindings: B; readonly fields: F };
}

/** Values of the parameters of a declared kernel, each of them; of one that is not known, any. */
export type ParamsOf<K> = K extends Kernel<string, Bindings, infer F> ? Values<F> : Params;
/** Names of the bindings of a declared kernel. */
export type BindingOf<K> = K extends Kernel<string, infer B, Fields> ? keyof B & string : string;

/** Declares a kernel. Bindings and parameters stand in their order; a binding holds f32 unless it says otherwise. */
export function kernel<
  const N extends string,
  const B extends Bindings,
  const F extends Fields,
>(declaration: {
  readonly name: N;
  readonly bindings: B;
  readonly params: F;
  readonly grid: (p: Values<F>) => Grid;
  readonly flops: (p: Values<F>) => number;
  readonly touches?: (p: Values<F>) => Partial<Record<keyof B & string, number>>;
  readonly constants?: (p: Params) => Params;
  readonly passes: (p: Values<F>) => number;
  readonly watches?: readonly (keyof B & string)[];
}): Kernel<N, B, F> {
  const { bindings, params, ...rest } = declaration;
  return {
    ...(rest as unknown as Pick<
      KernelSpec,
      'grid' | 'flops' | 'touches' | 'constants' | 'passes' | 'watches'
    >),
    name: declaration.name,
    bindings: bindingsOf(bindings),
    params: Object.keys(params),
    types: params,
    floats: floatsOf(params),
  };
}

export const floatsOf = (types: Fields): string[] =>
  Object.keys(types).filter((name) => types[name] === 'f32');

const bindingsOf = (bindings: Bindings): BindingSpec[] =>
  Object.entries(bindings).map(([name, text]) => {
    const [access, type = 'f32'] = text.split(' ') as [Access, ElementType?];
    return { name, access, type };
  });

/** Fields of one type, for those that a kernel has many of. */
export const fields = <const T extends FieldType, const N extends string>(
  type: T,
  names: readonly N[],
): Readonly<Record<N, T>> => Object.fromEntries(names.map((name) => [name, type])) as Readonly<Record<N, T>>;

/** Items a workgroup of a one-dimensional kernel handles. */
export const WORKGROUP = 64;

export const ceilDivide = (a: number, b: number): number => Math.ceil(a / b);

/** One workgroup: kernels that sum over all items. */
export const one = (): Grid => ({ workgroups: 1 });

/**
 * Invocations at most in the one workgroup of the kernels that sum over all items, and at least, and the items that each
 * takes before there are more of them: software adapters compile in proportion to them.
 */
const SUM_THREADS = { most: 256, least: 16, items: 4 };

export const sumThreads = (items: number): number => {
  const { most, least, items: each } = SUM_THREADS;
  return Math.min(most, Math.max(least, 2 ** Math.ceil(Math.log2(items / each))));
};

/** Constants of the kernels that sum over so many items in one workgroup. */
export const sumConstants = (items: number): Params => ({ THREADS: sumThreads(items) });
