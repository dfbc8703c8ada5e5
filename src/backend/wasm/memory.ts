import { BackendError } from '../../errors.ts';
import { formatCount } from '../../program/program.ts';
import type { Room } from '../backend.ts';

/** Every block starts on a cache line and ends on one, so that a kernel may write whole vectors at its end. */
const ALIGNMENT = 64;
const PAGE = 65_536;
/** Kept free at the end: kernels read whole vectors, and so a little past the last block. */
const GUARD = 4096;

/** Bytes of a block. */
const blockSize = (bytes: number): number => Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);

/** Blocks of one WebAssembly memory, which grows as needed: first fit over a list of free ranges. */
export class Arena {
  /** Views of the whole memory; replaced when it grows. */
  f32: Float32Array;
  u32: Uint32Array;
  f64: Float64Array;
  /** Free ranges [begin, end) in order of address. */
  private readonly free: [begin: number, end: number][];
  /** First byte that was never given out: from there on all are zeros, and take no memory of the machine yet. */
  private fresh: number;

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
    this.fresh = blockSize(base);
    this.free = [[this.fresh, this.end]];
  }

  /** @returns the address of a block of zeros. @throws BackendError when the memory cannot grow that far */
  allocate(bytes: number, label: string): number {
    const size = blockSize(bytes);
    let at = this.free.findIndex(([begin, end]) => end - begin >= size);
    if (at < 0) {
      this.grow(size, label);
      at = this.free.length - 1;
    }
    const range = this.free[at];
    const address = range[0];
    range[0] += size;
    if (range[0] === range[1]) this.free.splice(at, 1);
    const used = Math.min(this.fresh, address + size);
    if (used > address) this.u32.fill(0, address / 4, used / 4);
    this.fresh = Math.max(this.fresh, address + size);
    return address;
  }

  release(address: number, bytes: number): void {
    const end = address + blockSize(bytes);
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

  /** @throws BackendError unless these blocks can be had, one after the other */
  requireRoom(blocks: readonly Room[]): void {
    const free = this.free.map(([begin, end]) => [begin, end]);
    const most = this.mostPages * PAGE - GUARD;
    const last = free.at(-1);
    if (last?.[1] === this.end) last[1] = most;
    else free.push([this.end, most]);
    for (const { count, label } of blocks) {
      const size = blockSize(4 * count);
      const range = free.find(([begin, end]) => end - begin >= size);
      if (!range) throw this.exhausted(size, label);
      range[0] += size;
    }
  }

  /** Where the last block can end, as the memory stands. */
  private get end(): number {
    return this.memory.buffer.byteLength - GUARD;
  }

  private exhausted(size: number, label: string, cause?: unknown): BackendError {
    const [needed, has, most] = [size, this.memory.buffer.byteLength, this.mostPages * PAGE].map(formatCount);
    return new BackendError(
      `'${label}' needs ${needed}B, and WebAssembly memory of ${has}B cannot grow by as much (its limit is ${most}B).`,
      { cause, fault: 'memory', hint: 'Use a smaller batch or replay buffer, or the cpu backend.' },
    );
  }

  private grow(size: number, label: string): void {
    const { memory, end } = this;
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
      throw this.exhausted(size, label, cause);
    }
    this.f32 = new Float32Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.f64 = new Float64Array(memory.buffer);
    if (spare > 0 && last) last[1] = this.end;
    else this.free.push([end, this.end]);
  }
}
