/** Ranges begin at multiples of this many elements: cache lines are not shared. */
const GRAIN = 64;

/** A GPU buffer of which parts are given out. */
export interface Heap {
  /** No other of the device has it. */
  readonly number: number;
  readonly gpu: GPUBuffer;
  readonly dtype: 'f32' | 'u32';
  /** Elements of four bytes. */
  readonly count: number;
}

/** A part of a heap, in elements of four bytes. */
export interface Range {
  readonly heap: Heap;
  readonly offset: number;
  readonly count: number;
}

interface OpenHeap extends Heap {
  /** Free ranges in order, none beside another. */
  free: { offset: number; count: number }[];
  /** First element that was never given out: from there on all are zeros. */
  fresh: number;
}

/** How heaps are made, cleared and ended. */
interface Device {
  create(elements: number, label: string): GPUBuffer;
  clear(gpu: GPUBuffer, offset: number, count: number): void;
}

/**
 * Device memory in few large buffers, so that what a program works on can be bound once: a call that binds costs the
 * host more than one that dispatches. Each heap is twice as large as the last of its type; what is larger has one to
 * itself.
 */
export class Heaps {
  private readonly open: OpenHeap[] = [];
  /** Elements of the next heap of each type. */
  private readonly next: Record<'f32' | 'u32', number>;
  private made = 0;

  /**
   * @param first elements of the first heap of each type
   * @param most elements of a heap at most
   */
  constructor(
    private readonly device: Device,
    first: Readonly<Record<'f32' | 'u32', number>>,
    private readonly most: number,
  ) {
    this.next = { f32: Math.min(first.f32, most), u32: Math.min(first.u32, most) };
  }

  /** Zero-filled. */
  allocate(count: number, dtype: 'f32' | 'u32', label: string): Range {
    const taken = Math.ceil(Math.max(1, count) / GRAIN) * GRAIN;
    const heap =
      this.open.find((each) => each.dtype === dtype && firstFit(each, taken)) ??
      this.grow(taken, dtype, label);
    const hole = firstFit(heap, taken) as { offset: number; count: number };
    const { offset } = hole;
    hole.offset += taken;
    hole.count -= taken;
    if (hole.count === 0) heap.free.splice(heap.free.indexOf(hole), 1);
    const used = Math.min(heap.fresh, offset + taken) - offset;
    if (used > 0) this.device.clear(heap.gpu, offset, used);
    heap.fresh = Math.max(heap.fresh, offset + taken);
    return { heap, offset, count: taken };
  }

  /** Gives a range back; a heap of which nothing is left ends. */
  free({ heap, offset, count }: Range): void {
    const owner = heap as OpenHeap;
    const at = owner.free.findIndex((hole) => hole.offset > offset);
    owner.free.splice(at < 0 ? owner.free.length : at, 0, { offset, count });
    owner.free = owner.free.reduce<OpenHeap['free']>((holes, hole) => {
      const last = holes.at(-1);
      if (last && last.offset + last.count === hole.offset) last.count += hole.count;
      else holes.push(hole);
      return holes;
    }, []);
    if (owner.free[0].count < owner.count) return;
    this.open.splice(this.open.indexOf(owner), 1);
    // The next takes its place: programs that come and go would have ever larger ones.
    this.next[owner.dtype] = Math.min(this.next[owner.dtype], owner.count);
    owner.gpu.destroy();
  }

  private grow(taken: number, dtype: 'f32' | 'u32', label: string): OpenHeap {
    const usual = this.next[dtype];
    if (taken <= usual) this.next[dtype] = Math.min(2 * usual, this.most);
    const count = Math.max(taken, usual);
    const heap = {
      number: this.made++,
      gpu: this.device.create(count, label),
      dtype,
      count,
      free: [{ offset: 0, count }],
      fresh: 0,
    };
    this.open.push(heap);
    return heap;
  }
}

const firstFit = (heap: OpenHeap, count: number) => heap.free.find((hole) => hole.count >= count);
