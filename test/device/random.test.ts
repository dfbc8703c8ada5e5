// The same seed draws the same bits on every backend: those of src/math/philox.ts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { normalsFromBits, philox4x32, uniformFromBits } from '../../src/math/philox.ts';
import { clockState, mean, randomBits, randomNormal, randomUniform, square } from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { openDevice } from '../helpers/devices.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(async () => {
  await device.dispose();
});

/** Word `i` is lane i mod 4 of block ⌊i/4⌋: counter (block, update, draw, 0) under the seed's two words. */
function words(count: number, seed: number, update: number, draw: number): Uint32Array {
  const out = new Uint32Array(4 * Math.ceil(count / 4));
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  for (let block = 0; 4 * block < count; block++) philox4x32([block, update, draw, 0], key, out, 4 * block);
  return out.slice(0, count);
}

for (const [count, seed] of [
  [1, 0],
  [3, 1],
  [257, 12345],
  [1000, 2 ** 40 + 17],
]) {
  test(`${count} draws of seed ${seed}: bits equal, uniforms and normals those of the bits`, async () => {
    const update = await device.compile(
      () => ({ bits: randomBits([count]), uniform: randomUniform([count]), normal: randomNormal([count]) }),
      { seed },
    );
    for (let time = 0; time < 3; time++) {
      update.run();
      assert.equal([...(await update.read('bits'))], [...words(count, seed, time, 0)]);
      const uniform = await update.read('uniform');
      assert.equal([...uniform], [...Float32Array.from(words(count, seed, time, 1), uniformFromBits)]);
      const source = words(count + 1, seed, time, 2);
      const normals = Array.from(
        { length: count },
        (_, i) => normalsFromBits(source[i - (i % 2)], source[i - (i % 2) + 1])[i % 2],
      );
      allclose(await update.read('normal'), normals, { rtol: 2e-5, atol: 2e-5 }, 'normal');
    }
    update.dispose();
  });
}

test('run(n) draws what n runs draw, and a shared clock goes on where it was', async () => {
  const clock = clockState(9);
  const body = () => ({ bits: randomBits([8]) });
  const one = await device.compile(body, { clock });
  const two = await device.compile(body, { clock });
  one.run(5);
  assert.equal([...(await one.read('bits'))], [...words(8, 9, 4, 0)]);
  two.run(2);
  assert.equal([...(await two.read('bits'))], [...words(8, 9, 6, 0)]);
  one.run();
  assert.equal([...(await one.read('bits'))], [...words(8, 9, 7, 0)]);
  assert.equal([...(await device.read(clock))], [9, 0, 8, 0, 0, 0]);
});

test('draws of one program differ, and have the moments they should', async () => {
  const n = 40_000;
  const update = await device.compile(
    () => {
      const [u, z] = [randomUniform([n]), randomNormal([n])];
      const again = randomNormal([n]);
      return { u: mean(u), z: mean(z), zz: mean(square(z)), first: z, again };
    },
    { seed: 4 },
  );
  update.run();
  const within = async (name: string, expected: number, deviation: number) => {
    const value = await update.readScalar(name);
    assert.ok(Math.abs(value - expected) < (4 * deviation) / Math.sqrt(n), `${name}: ${value}`);
  };
  await within('u', 0.5, Math.sqrt(1 / 12));
  await within('z', 0, 1);
  await within('zz', 1, Math.SQRT2);
  assert.not.equal([...(await update.read('first'))], [...(await update.read('again'))]);
});

test.run();
