// A kernel that writes a state may be given that state to read, too: every backend computes it from what was there before.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { UsageError } from '../../src/errors.ts';
import { adam } from '../../src/nn/index.ts';
import { assign, read, reshape, State, stopGradient, transpose } from '../../src/tape/index.ts';
import { openDevice } from '../helpers/devices.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

const fresh = (name = 's') => new State(name, [2, 2], Float32Array.of(1, 2, 3, 4));
const close = (found: ArrayLike<number>, expected: readonly number[]) =>
  expected.forEach((value, i) => {
    assert.ok(Math.abs(found[i] - value) < 1e-5, `${Array.from(found)}, expected ${expected}`);
  });

const ways = {
  itself: (s: State) => read(s),
  'without a gradient': (s: State) => stopGradient(read(s)),
  'there and back': (s: State) => reshape(reshape(read(s), [4]), [2, 2]),
  'transposed twice': (s: State) => transpose(transpose(read(s))),
};
for (const [way, of] of Object.entries(ways))
  test(`a state is assigned ${way}`, async () => {
    const s = fresh();
    const update = await device.compile(() => {
      assign(s, of(s));
      return { s: read(s) };
    });
    update.run(2);
    close(await update.read('s'), [1, 2, 3, 4]);
    update.dispose();
    device.free(s);
  });

test('a state is assigned its transpose', async () => {
  const s = fresh();
  const update = await device.compile(() => {
    assign(s, transpose(read(s)));
    return { s: read(s) };
  });
  update.run();
  close(await update.read('s'), [1, 3, 2, 4]);
  update.dispose();
  device.free(s);
});

test('the gradient of Adam is the state itself, or its target', async () => {
  const [s, t] = [fresh(), fresh('t')];
  const own = adam(s, { learningRate: 0.1 });
  const update = await device.compile(() => {
    own.step(read(t), { target: { parameters: t, tau: 0.5 } });
    return { s: read(s), t: read(t) };
  });
  update.run();
  // The first step is the learning rate, whatever the gradient's size.
  close(await update.read('s'), [0.9, 1.9, 2.9, 3.9]);
  close(await update.read('t'), [0.95, 1.95, 2.95, 3.95]);
  update.dispose();
  const alone = await device.compile(() => {
    own.step(read(s));
    return { s: read(s) };
  });
  alone.run();
  assert.ok((await alone.read('s')).every(Number.isFinite));
  alone.dispose();
});

test('a state that would be its own target is refused by name', async () => {
  const s = fresh();
  const error = await device
    .compile(() => {
      adam(s, { learningRate: 0.1 }).step(read(s), { target: { parameters: s, tau: 0.5 } });
      return {};
    })
    .catch((thrown: unknown) => thrown);
  assert.instance(error, UsageError);
  assert.match((error as Error).message, /'s' cannot be its own target/);
});

test.run();
