import { BackendError, unknownName } from '../../errors.ts';

/**
 * Builds of the same kernels, best first: SIMD with a fused multiply-add (its rounding is the engine's choice),
 * SIMD, and neither SIMD nor threads.
 */
export const simdVariants = ['relaxed', 'simd', 'scalar'] as const;
export type SimdVariant = (typeof simdVariants)[number];

/** Each build is loaded when it is tried: a page fetches the one that its browser takes. */
const builds: Readonly<Record<SimdVariant, () => Promise<{ readonly default: Uint8Array<ArrayBuffer> }>>> = {
  relaxed: () => import('../../../dist/wasm/relaxed.wasm'),
  simd: () => import('../../../dist/wasm/simd.wasm'),
  scalar: () => import('../../../dist/wasm/scalar.wasm'),
};

/** What assembly/index.ts exports. */
export interface Kernels {
  gemmScratch(): number;
  heapBase(): number;
  execute(table: number, steps: number, times: number, scratch: number): void;
  executeShared(
    sync: number,
    table: number,
    steps: number,
    times: number,
    threads: number,
    scratch: number,
    pitch: number,
    patience: number,
  ): number;
}

export interface LoadedModule {
  readonly variant: SimdVariant;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Whether threads may share the memory. */
  readonly shared: boolean;
  readonly mostPages: number;
  readonly kernels: Kernels;
}

/** Pages of memory at the start, and the most it may grow to: all that 32-bit addresses reach, or a part. */
const INITIAL_PAGES = 64;
const MOST_PAGES = [65_536, 16_384, 4096];

/**
 * Compiles the best build this engine accepts, or the one asked for, over memory that threads can share where the
 * engine has it.
 *
 * @throws UsageError for an unknown variant, BackendError when the engine does not accept it
 */
export async function loadModule(wanted: SimdVariant | undefined, threads: boolean): Promise<LoadedModule> {
  if (wanted !== undefined && !simdVariants.includes(wanted)) {
    throw unknownName('SIMD variant', String(wanted), simdVariants);
  }
  if (typeof WebAssembly === 'undefined') throw new BackendError('This engine has no WebAssembly.');
  const { variant, bytes } = await firstAccepted(wanted === undefined ? simdVariants : [wanted]);
  const { memory, mostPages, shared } = createMemory(threads && variant !== 'scalar');
  const module = await WebAssembly.compile(shared ? bytes : withUnsharedMemory(bytes));
  const instance = await WebAssembly.instantiate(module, { env: { memory, abort: () => undefined } });
  return { variant, module, memory, shared, mostPages, kernels: instance.exports as unknown as Kernels };
}

/** The first of these builds that the engine accepts. @throws BackendError when it accepts none */
async function firstAccepted(
  choices: readonly SimdVariant[],
): Promise<{ readonly variant: SimdVariant; readonly bytes: Uint8Array<ArrayBuffer> }> {
  for (const variant of choices) {
    const { default: bytes } = await builds[variant]();
    if (WebAssembly.validate(bytes)) return { variant, bytes };
  }
  throw new BackendError(`This engine does not accept the '${choices.at(-1)}' build of the kernels.`, {
    hint: 'Use the cpu backend.',
  });
}

function createMemory(share: boolean): Pick<LoadedModule, 'memory' | 'mostPages' | 'shared'> {
  // A page may only share memory when it is isolated from other origins.
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;
  const mayShare = share && typeof SharedArrayBuffer !== 'undefined' && isolated;
  let failure: unknown;
  for (const shared of mayShare ? [true, false] : [false]) {
    for (const mostPages of MOST_PAGES) {
      try {
        const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: mostPages, shared });
        return { memory, mostPages, shared };
      } catch (error) {
        failure = error; // no room for so many addresses
      }
    }
  }
  throw new BackendError('The engine cannot reserve WebAssembly memory.', {
    cause: failure,
    fault: 'memory',
  });
}

/**
 * The module with its imported memory declared unshared. The two declarations differ in one bit; a build for each
 * would double the size of the library.
 */
function withUnsharedMemory(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = copy[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const IMPORTS = 2;
  const MEMORY = 2;
  const SHARED = 2;
  while (at < copy.length) {
    const section = copy[at++];
    const size = number();
    const end = at + size;
    if (section !== IMPORTS) {
      at = end;
      continue;
    }
    for (let count = number(); count > 0; count--) {
      for (let name = 0; name < 2; name++) {
        const length = number();
        at += length;
      }
      const kind = copy[at++];
      if (kind === MEMORY) {
        copy[at] &= ~SHARED;
        return copy;
      }
      number(); // a function's type
    }
  }
  return copy;
}
