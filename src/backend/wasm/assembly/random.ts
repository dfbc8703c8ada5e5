// Philox 4×32-10, the same bits as src/math/philox.ts.
import { Philox, ReplaySample } from './layouts';
import { address, bytes, word } from './block';
import { log, sinAt } from './math';
import {
  add, evens, LANES, load, mul, nearest, odds, SIZE, splat, sqrt, store, sub, unitFromBits, zipHigh, zipLow,
} from './vec';

const MULTIPLIER_0: u64 = 0xd2511f53;
const MULTIPLIER_1: u64 = 0xcd9e8d57;
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;

/** Writes blocks `index` … `index + count` of draws of `each` blocks one after another: 16 bytes each. */
function philoxBlocks(
  clock: usize, draw: u32, drawStep: u32, each: u32, index: u32, count: i32, to: usize,
): void {
  for (let i: i32 = 0; i < count; ++i) {
    let c0: u32 = (index + i) % each;
    let c1: u32 = <u32>i32.load(clock, 8);
    let c2: u32 = draw + (index + i) / each * drawStep;
    let c3: u32 = <u32>i32.load(clock, 12);
    let k0: u32 = <u32>i32.load(clock);
    let k1: u32 = <u32>i32.load(clock, 4);
    for (let round: i32 = 0; round < 10; ++round) {
      const p0 = MULTIPLIER_0 * <u64>c0;
      const p1 = MULTIPLIER_1 * <u64>c2;
      c0 = <u32>(p1 >> 32) ^ c1 ^ k0;
      c1 = <u32>p1;
      c2 = <u32>(p0 >> 32) ^ c3 ^ k1;
      c3 = <u32>p0;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    i32.store(to, c0);
    i32.store(to, c1, 4);
    i32.store(to, c2, 8);
    i32.store(to, c3, 12);
    to += 16;
  }
}

/** What the last block has too many lies in the buffer's padding. */
export function philox(p: usize, item: i32): void {
  const count = word(p, Philox.count);
  const kind = word(p, Philox.kind);
  const first = item * Philox.PHILOX_BLOCKS;
  const blocks = min(Philox.PHILOX_BLOCKS, (count + 3) / 4 - first);
  let y = address(p, Philox.y) + <usize>first * 16;
  philoxBlocks(address(p, Philox.clock), word(p, Philox.draw), word(p, Philox.drawStep), (word(p, Philox.each) + 3) / 4, first, blocks, y);
  if (kind == 1) {
    for (let i: i32 = 0; i < 4 * blocks; i += LANES) {
      store(y, unitFromBits(load(y)));
      y += SIZE;
    }
  } else if (kind == 2) {
    // Pairs of words become pairs of normals: r cos φ, r sin φ with φ in quarter turns, so that it reduces exactly.
    for (let i: i32 = 0; i < 4 * blocks; i += 2 * LANES) {
      const a = load(y);
      const b = load(y + SIZE);
      const radius = sqrt(mul(splat(-2), log(unitFromBits(evens(a, b)))));
      const turns = mul(splat(4), unitFromBits(odds(a, b)));
      const quarter = nearest(turns);
      const r = mul(sub(turns, quarter), splat(1.5707963267948966));
      const c = mul(radius, sinAt(r, add(quarter, splat(1))));
      const s = mul(radius, sinAt(r, quarter));
      store(y, zipLow(c, s));
      store(y + SIZE, zipHigh(c, s));
      y += SIZE * 2;
    }
  }
}

export function replaySample(p: usize, item: i32, scratch: usize): void {
  const batch = word(p, ReplaySample.batch);
  const width = word(p, ReplaySample.width);
  const storage = address(p, ReplaySample.storage);
  const filled = <u64>i64.load32_u(address(p, ReplaySample.fill));
  const first = item * ReplaySample.REPLAY_ROWS;
  const rows = min(ReplaySample.REPLAY_ROWS, batch - first);
  philoxBlocks(address(p, ReplaySample.clock), word(p, ReplaySample.draw), 0, u32.MAX_VALUE, first / 4, (rows + 3) / 4, scratch);
  let y = address(p, ReplaySample.y) + bytes(first * width);
  for (let row: i32 = 0; row < rows; ++row) {
    const entry = <i32>((<u64>i64.load32_u(scratch + bytes(row)) * filled) >> 32);
    const from = storage + bytes(entry * width);
    for (let i: usize = 0; i < bytes(width); i += 4) f32.store(y + i, f32.load(from + i));
    y += bytes(width);
  }
}
