// Words (u32) are no numbers: whatever moves them keeps every bit.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { broadcastTo, read, reshape, State, slice, transpose } from '../../src/tape/index.ts';
import { openDevice } from '../helpers/devices.ts';

const device = await openDevice();
test.after(() => device.dispose());

/** As floats: zeros, subnormals, ones, infinities, and NaN that tell and that do not. */
const words = Uint32Array.of(
  ...[0, 1, 5, 0x007fffff, 0x7f800001, 0xffc00001],
  ...[0xffffffff, 0x80000000, 0x80000001, 0x3f800000, 0x7f800000, 0xff812345],
);

test('words are copied bit by bit', async () => {
  const state = new State('words', [3, 4], words);
  const update = await device.compile(() => {
    const w = read(state);
    return {
      copied: w,
      transposed: transpose(w, [1, 0]),
      turned: reshape(transpose(w, [1, 0]), [12]),
      row: slice(w, [1, 1], [2, 3]),
      repeated: broadcastTo(slice(w, [0, 1], [3, 2]), [3, 2]),
    };
  });
  update.run();
  const rows = [0, 1, 2].map((r) => [...words.subarray(4 * r, 4 * r + 4)]);
  const columns = [0, 1, 2, 3].flatMap((c) => rows.map((row) => row[c]));
  const expected = {
    copied: rows.flat(),
    transposed: columns,
    turned: columns,
    row: [rows[1][1], rows[1][2]],
    repeated: rows.flatMap((row) => [row[1], row[1]]),
  };
  for (const [name, values] of Object.entries(expected)) {
    const found = await update.read(name);
    assert.instance(found, Uint32Array, name);
    assert.equal([...found], values, name);
  }
  update.dispose();
  device.free(state);
});

test.run();
