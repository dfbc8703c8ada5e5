import type { KernelSpec, Params } from '../../kernels/index.ts';
import { BLOCK, type Placer } from './generated.ts';
import { doublesBegin } from './layouts.ts';
import type { Arena } from './memory.ts';

/** Blocks of equal floats, which programs share. */
export class Literals {
  /** By the bits of their float. */
  private readonly blocks = new Map<number, { readonly address: number; users: number }>();

  constructor(private readonly arena: Arena) {}

  /** The address of BLOCK equal floats, for one more program. */
  take(key: number): number {
    let block = this.blocks.get(key);
    if (!block) {
      block = { address: this.arena.allocate(4 * BLOCK, 'a literal'), users: 0 };
      this.arena.u32.fill(key, block.address / 4, block.address / 4 + BLOCK);
      this.blocks.set(key, block);
    }
    block.users++;
    return block.address;
  }

  leave(key: number): void {
    const block = this.blocks.get(key);
    if (!block || --block.users > 0) return;
    this.blocks.delete(key);
    this.arena.release(block.address, 4 * BLOCK);
  }
}

/** Memory that belongs to one program: its table, parameter blocks and bytecode. */
export class ProgramMemory implements Placer {
  private readonly blocks: [address: number, bytes: number][] = [];
  /** Addresses of literals by their bits. */
  private readonly held = new Map<number, number>();

  constructor(
    private readonly arena: Arena,
    private readonly literals: Literals,
  ) {}

  literal(value: number): number {
    const key = floatBits(value);
    const address = this.held.get(key) ?? this.literals.take(key);
    this.held.set(key, address);
    return address;
  }

  reserve(bytes: number): number {
    const address = this.arena.allocate(bytes, 'a program');
    this.blocks.push([address, bytes]);
    return address;
  }

  place(words: readonly number[]): number {
    const address = this.reserve(4 * words.length);
    this.arena.u32.set(words, address / 4);
    return address;
  }

  /**
   * A kernel's block as assembly/block.ts reads it; behind it, from a multiple of 8 on, its floats in float64.
   *
   * @param addresses of its bindings, 0 where one is unused
   * @param words its words in `kernels.ts`
   */
  placeParams(
    spec: KernelSpec,
    addresses: readonly number[],
    values: Params,
    words: readonly number[],
  ): number {
    const { params, floats } = spec;
    const block = [
      ...addresses,
      ...params.map((name) => (floats.includes(name) ? floatBits(values[name]) : values[name])),
      ...words,
    ];
    const begin = doublesBegin(spec);
    const address = this.reserve(8 * (begin + floats.length));
    this.arena.u32.set(block, address / 4);
    floats.forEach((name, i) => {
      this.arena.f64[address / 8 + begin + i] = values[name];
    });
    return address;
  }

  release(): void {
    for (const [address, bytes] of this.blocks.splice(0)) this.arena.release(address, bytes);
    for (const key of this.held.keys()) this.literals.leave(key);
    this.held.clear();
  }
}

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

/** The float32 nearest to a number, as a word. */
function floatBits(value: number): number {
  asFloat[0] = value;
  return bits[0];
}
