import type { BindingOf, KernelSpec, Params, ParamsOf } from '../../kernels/index.ts';
import type { Values } from '../backend.ts';

/** Storage of an `f32` buffer: float32, or float64 when the backend was opened with that precision. */
export type Floats = Float32Array | Float64Array;

/**
 * Working memory shared by all steps of a backend. Steps run one after the other and keep nothing between
 * runs, so those that ask for the same name may get the same array, which then stays warm in the cache.
 */
export class Scratch {
  private readonly arrays = new Map<string, Float64Array>();

  /** At least `count` elements with any content. Called at load, never while running. */
  take(name: string, count: number): Float64Array {
    let array = this.arrays.get(name);
    if (!array || array.length < count) {
      array = new Float64Array(count);
      this.arrays.set(name, array);
    }
    return array;
  }
}

/** What one step of a program gives its kernel: parameters, bound arrays and scratch, all fixed at load. */
export class KernelCall<K extends KernelSpec = KernelSpec> {
  /** Every field of the kernel's `Params`; those a step leaves out are 0. */
  readonly params: ParamsOf<K>;
  private readonly spec: K;
  private readonly arrays: readonly (Values | undefined)[];
  private readonly unused: Floats;
  readonly scratch: Scratch;

  /**
   * @param arrays in the kernel's binding order; `undefined` where the step leaves a binding unused
   * @param unused an empty array that stands for unused bindings
   */
  constructor(
    spec: K,
    params: Params,
    arrays: readonly (Values | undefined)[],
    unused: Floats,
    scratch: Scratch,
  ) {
    this.spec = spec;
    this.params = Object.fromEntries(spec.params.map((name) => [name, params[name] ?? 0])) as ParamsOf<K>;
    this.arrays = arrays;
    this.unused = unused;
    this.scratch = scratch;
  }

  /** The call of another kernel as a part of this one: its parameters are this one's but for those given. */
  inner<I extends KernelSpec>(
    spec: I,
    params: Params,
    arrays: readonly (Values | undefined)[],
  ): KernelCall<I> {
    return new KernelCall(spec, { ...this.params, ...params }, arrays, this.unused, this.scratch);
  }

  /** The array bound to `name`, whatever it holds; empty when unused. */
  values(name: BindingOf<K>): Values {
    const at = this.spec.bindings.findIndex((binding) => binding.name === name);
    if (at < 0) throw new Error(`kernel ${this.spec.name} has no binding '${name}'`);
    return this.arrays[at] ?? this.unused;
  }

  /** @throws Error when the binding holds words */
  floats(name: BindingOf<K>): Floats {
    const array = this.values(name);
    if (array instanceof Uint32Array) throw new Error(`${this.spec.name}: '${name}' must hold floats`);
    return array;
  }

  /** @throws Error when the binding holds floats */
  words(name: BindingOf<K>): Uint32Array {
    const array = this.values(name);
    if (!(array instanceof Uint32Array)) throw new Error(`${this.spec.name}: '${name}' must hold u32 words`);
    return array;
  }
}

/** Binds a kernel to one step: reads parameters and takes scratch once; the closure returned runs the step. */
export type CpuKernel<K extends KernelSpec = KernelSpec> = (call: KernelCall<K>) => () => void;
