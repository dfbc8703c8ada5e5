// Whatever is freed, disposed of or closed, in any order and more than once: what is gone is refused by one error, and what
// is not keeps its values, on every backend.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device, Update } from '../../src/device.ts';
import { BackendError, UsageError } from '../../src/errors.ts';
import { ReplayBuffer } from '../../src/rl/replay.ts';
import { add, assign, read, State, sum } from '../../src/tape/index.ts';
import { openDevice } from '../helpers/devices.ts';
import { Lifetimes } from '../helpers/lifetimes.ts';

/** The fault of what a call throws. */
async function faultOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
  } catch (error) {
    assert.instance(error, BackendError, `${error}`);
    return (error as BackendError).fault;
  }
  return undefined;
}

const counter = (device: Device, state: State): Promise<Update> =>
  device.compile(() => {
    const y = add(read(state), 1);
    assign(state, y);
    return { y, total: sum(y) };
  });

test('a section ends with its update, and touches nothing afterwards', async () => {
  const device = await openDevice();
  const first = new State('first', [4], Float32Array.of(1, 2, 3, 4));
  const update = await counter(device, first);
  const section = await update.section(() => true);
  const inner = await section.section(() => true);
  const late = update.section((_, i) => i === 0);
  update.dispose();
  assert.is(await faultOf(() => late), 'disposed');
  // In the memory that was theirs.
  const second = new State('second', [4], Float32Array.of(100, 100, 100, 100));
  const other = await counter(device, second);
  other.run();
  for (const each of [update, section, inner]) {
    const uses = [
      () => each.run(),
      () => each.read('y'),
      () => each.fault(),
      () => each.timeSteps(1),
      () => each.section(() => true),
      () => each.trace().next(),
    ];
    for (const use of uses) assert.is(await faultOf(use), 'disposed', String(use));
    each.dispose();
  }
  assert.equal([...(await other.read('y'))], [101, 101, 101, 101]);
  assert.equal([...(await device.read(second))], [101, 101, 101, 101]);
  assert.equal([...(await device.read(first))], [1, 2, 3, 4]);
  device.free(first);
  await device.dispose();
});

test('a trace whose update or device is disposed of midway says which of both is gone', async () => {
  for (const moment of ['at a step', 'within a step'] as const)
    for (const what of ['program', 'device'] as const) {
      const device = await openDevice();
      const state = new State('s', [4], Float32Array.of(1, 2, 3, 4));
      const update = await counter(device, state);
      const steps = update.trace();
      if (moment === 'at a step') await steps.next();
      const later = moment === 'within a step' ? steps.next() : undefined;
      // What a step needs comes in several answers: it is gone after the first.
      later?.catch(() => undefined);
      if (later) await device.read(state);
      const end = what === 'device' ? device.dispose() : update.dispose();
      let thrown: unknown;
      try {
        await later;
        for await (const _ of steps);
      } catch (error) {
        thrown = error;
      }
      assert.instance(thrown, BackendError, moment);
      const { fault, message } = thrown as BackendError;
      assert.is(fault, 'disposed');
      assert.match(message, `The ${what} was disposed of.`);
      await end;
      await device.dispose();
    }
});

test('nothing of a device that was closed is used; a read that was asked for before is answered', async () => {
  const device = await openDevice();
  const state = new State('s', [4], Float32Array.of(1, 2, 3, 4));
  const update = await counter(device, state);
  const buffer = device.bufferOf(state);
  const { backend } = device;
  update.run();
  const asked = update.read('y');
  const loading = counter(device, new State('t', [4]));
  const refused = faultOf(() => loading);
  const ends = [device.dispose(), device.dispose()];
  assert.equal([...(await asked)], [2, 3, 4, 5]);
  assert.is(await refused, 'disposed');
  await Promise.all(ends);
  const uses = [
    () => device.read(state),
    () => device.write(state, Float32Array.of(1, 2, 3, 4)),
    () => counter(device, state),
    () => update.run(),
    () => update.read('y'),
    () => backend.allocate(4, 'f32', 'x'),
    () => backend.read(buffer),
    () => backend.write(buffer, Float32Array.of(1)),
    () =>
      backend.load(
        update.program,
        update.program.buffers.map(() => buffer),
      ),
    () => backend.synchronize(),
  ];
  for (const use of uses) assert.is(await faultOf(use), 'disposed', String(use));
  update.dispose();
  device.free(state);
  await device.dispose();
});

test('a device over a backend that another has closed knows it', async () => {
  const device = await openDevice();
  const state = new State('s', [4]);
  const update = await counter(device, state);
  const loading = faultOf(() => counter(device, new State('t', [4])));
  await device.backend.dispose();
  assert.is(await loading, 'disposed');
  for (const use of [() => update.run(), () => update.read('y'), () => device.read(state)])
    assert.is(await faultOf(use), 'disposed', String(use));
  update.dispose();
  await device.dispose();
});

test('memory is not freed under a program', async () => {
  const device = await openDevice();
  const state = new State('s', [4]);
  const update = await counter(device, state);
  const buffer = device.bufferOf(state);
  for (const free of [() => device.free(state), () => device.backend.free(buffer)]) {
    assert.throws(free, (error: Error) => error instanceof UsageError && /still uses it/.test(error.message));
  }
  update.run();
  update.dispose();
  device.free(state);
  assert.is(await faultOf(() => device.backend.read(buffer)), 'disposed');
  await device.dispose();
});

test('a replay buffer knows where its transitions are: nothing is drawn on another device, or from memory that was freed', async () => {
  const [device, other] = [await openDevice(), await openDevice()];
  const replay = new ReplayBuffer({ capacity: 4, observations: 1, actions: 1, boxed: false });
  const transition = { observation: [5], action: [6], reward: 7, terminated: false, nextObservation: [8] };
  const drawing = (on: Device) => on.compile(() => ({ rows: replay.sample(2).rows }));
  const refused = async (call: () => unknown) => {
    let thrown: unknown;
    try {
      await call();
    } catch (error) {
      thrown = error;
    }
    assert.instance(thrown, UsageError, `${call}: ${thrown}`);
    assert.match((thrown as Error).message, /transitions are in other memory/);
  };
  replay.add(device, transition);
  const here = await drawing(device);
  const there = await drawing(other);
  here.run();
  const row = [5, 6, 7, 0, 8];
  assert.equal([...(await here.read('rows'))], [...row, ...row]);
  await refused(() => there.run());
  await refused(() => replay.add(other, transition));
  await refused(() => replay.save(other));
  const saved = await replay.save(device);
  here.dispose();
  for (const state of [replay.storage, replay.fill]) device.free(state);
  const again = await drawing(device);
  await refused(() => again.run());
  await refused(() => replay.add(device, transition));
  replay.restore(other, saved);
  there.run();
  assert.equal([...(await there.read('rows'))], [...row, ...row]);
  await refused(() => again.run());
  await device.dispose();
  await other.dispose();
});

test('random sequences of calls do what a simple model does', async () => {
  for (let seed = 0; seed < 6; seed++) await new Lifetimes(seed, openDevice).run(150);
});

test.run();
