import { BackendError } from '../../errors.ts';
import { formatCount } from '../../program/program.ts';

/** Every block starts on a cache line and ends on one, so that a kernel may write whole vectors at its end. */
const ALIGNMENT = 64;
const PAGE = 65_536;
/** Kept free at the end: kernels read whole vectors, and so a little past the last block. */
const GUARD = 4096;

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Blocks of one WebAssembly memory, which grows as needed: first fit over a list of free ranges. */
export class Arena {
  /** Views of the whole memory; replaced when it grows. */
  f32: Float32Array;
  u32: Uint32Array;
  f64: Float64Array;
  /** Free ranges [begin, end) in order of address. */
  private readonly free: [begin: number, end: number][];

  constructor(
    readonly memory: WebAssembly.Memory,
    /** Pages the memory may grow to. */
    private readonly mostPages: number,
    /** First byte that is not the module's own. */
    base: number,
  ) {
    this.f32 = new Float32Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.f64 = new Float64Array(memory.buffer);
    this.free = [[aligned(base), memory.buffer.byteLength - GUARD]];
  }

  /** @returns the address of a block of zeros. @throws BackendError when the memory cannot grow that far */
  allocate(bytes: number, label: string): number {
    const size = Math.max(ALIGNMENT, aligned(bytes));
    let at = this.free.findIndex(([begin, end]) => end - begin >= size);
    if (at < 0) {
      this.grow(size, label);
      at = this.free.length - 1;
    }
    const range = this.free[at];
    const address = range[0];
    range[0] += size;
    if (range[0] === range[1]) this.free.splice(at, 1);
    this.u32.fill(0, address / 4, (address + size) / 4);
    return address;
  }

  release(address: number, bytes: number): void {
    const end = address + Math.max(ALIGNMENT, aligned(bytes));
    let at = this.free.findIndex(([begin]) => begin > address);
    if (at < 0) at = this.free.length;
    this.free.splice(at, 0, [address, end]);
    for (const i of [at, at - 1]) {
      const next = this.free[i + 1];
      if (i < 0 || !next || this.free[i][1] !== next[0]) continue;
      this.free[i][1] = next[1];
      this.free.splice(i + 1, 1);
    }
  }

  private grow(size: number, label: string): void {
    const { memory } = this;
    const end = memory.buffer.byteLength - GUARD;
    const last = this.free.at(-1);
    const spare = last && last[1] === end ? end - last[0] : 0;
    const needed = Math.ceil((size - spare) / PAGE);
    const has = memory.buffer.byteLength / PAGE;
    // In steps of a quarter, so that many small blocks do not replace the views each time.
    const pages = Math.min(Math.max(needed, Math.ceil(has / 4)), this.mostPages - has);
    try {
      if (pages < needed) throw new RangeError('past the limit');
      memory.grow(pages);
    } catch (cause) {
      throw new BackendError(
        `'${label}' needs ${formatCount(size)}B, and WebAssembly memory of ${formatCount(has * PAGE)}B cannot grow by as much (its limit is ${formatCount(this.mostPages * PAGE)}B).`,
        { cause, fault: 'memory', hint: 'Use a smaller batch or replay buffer, or the cpu backend.' },
      );
    }
    this.f32 = new Float32Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.f64 = new Float64Array(memory.buffer);
    const newEnd = memory.buffer.byteLength - GUARD;
    if (spare > 0 && last) last[1] = newEnd;
    else this.free.push([end, newEnd]);
  }
}
