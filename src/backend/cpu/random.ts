import type * as kernels from '../../kernels/index.ts';
import { randomKinds } from '../../kernels/index.ts';
import { integerFromBits, normalsFromBits, philox4x32, uniformFromBits } from '../../math/philox.ts';
import type { CpuKernel } from './call.ts';

/** Writes a block of a draw to `out` [4]: counter (index, clock[2], draw, clock[3]), key (clock[0], clock[1]). */
type BlockReader = (index: number, draw: number) => void;

function blockReader(clock: Uint32Array, out: Uint32Array): BlockReader {
  const counter = new Uint32Array(4);
  return (index, draw) => {
    counter[0] = index;
    counter[1] = clock[2];
    counter[2] = draw;
    counter[3] = clock[3];
    philox4x32(counter, clock, out);
  };
}

/**
 * y [count] of random bits, as words, or of uniforms in (0, 1) or standard normals, as floats.
 *
 * @throws Error when y holds the other
 */
export const philox: CpuKernel<typeof kernels.philox> = (call) => {
  const { count, draw, each, drawStep } = call.params;
  const kind = randomKinds[call.params.kind];
  const y = kind === 'bits' ? call.words('y') : call.floats('y');
  const block = new Uint32Array(4);
  const readBlock = blockReader(call.words('clock'), block);
  return () => {
    for (let from = 0; from < count; from += 4) {
      readBlock((from % each) / 4, draw + Math.floor(from / each) * drawStep);
      const lanes = Math.min(4, count - from);
      if (kind === 'normal') {
        for (let lane = 0; lane < lanes; lane += 2) {
          const pair = normalsFromBits(block[lane], block[lane + 1]);
          y[from + lane] = pair[0];
          if (lane + 1 < lanes) y[from + lane + 1] = pair[1];
        }
      } else {
        for (let lane = 0; lane < lanes; lane++) {
          y[from + lane] = kind === 'bits' ? block[lane] : uniformFromBits(block[lane]);
        }
      }
    }
  };
};

/** y [batch, width]: row i is storage row ⌊bits_i·fill[0]/2^32⌋, with replacement. */
export const replaySample: CpuKernel<typeof kernels.replaySample> = (call) => {
  const { batch, width, draw } = call.params;
  const storage = call.floats('storage');
  const fill = call.words('fill');
  const y = call.floats('y');
  const block = new Uint32Array(4);
  const readBlock = blockReader(call.words('clock'), block);
  return () => {
    for (let row = 0; row < batch; row++) {
      if (row % 4 === 0) readBlock(row / 4, draw);
      const from = integerFromBits(block[row % 4], fill[0]) * width;
      for (let i = 0; i < width; i++) y[row * width + i] = storage[from + i];
    }
  };
};
