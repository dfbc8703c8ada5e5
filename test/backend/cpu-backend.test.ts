import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { cpuKernels } from '../../src/backend/cpu/kernels.ts';
import { BackendError, ShapeError, UsageError } from '../../src/errors.ts';
import { kernels } from '../../src/kernels/index.ts';
import { Program, type ProgramBuffer, type Step } from '../../src/program/program.ts';
import { thrownBy } from '../helpers/thrown.ts';

const step: Step = {
  ...{ kind: 'kernel', kernel: 'tick', params: {}, buffers: [0] },
  ...{ label: 'tick', shapes: '' },
};
const clockBuffer: ProgramBuffer = { name: 'clock', count: 4, dtype: 'u32', kind: 'input' };
const program = (buffers: ProgramBuffer[] = [clockBuffer], steps: Step[] = [step]) =>
  new Program(steps, buffers, [], new Map(), new Map(), []);

test('every kernel of the contract has a twin, and no other exists', () => {
  assert.equal(Object.keys(cpuKernels).sort(), kernels.map(({ name }) => name).sort());
});

test('buffers start at zero, convert what is written, and read back a copy', async () => {
  for (const precision of ['f32', 'f64'] as const) {
    const backend = createCpuBackend({ precision });
    const buffer = backend.allocate(4, 'f32', 'x');
    backend.write(buffer, Float64Array.of(0.1, 2), 1);
    const first = await backend.read(buffer);
    assert.equal([...first], [0, precision === 'f64' ? 0.1 : Math.fround(0.1), 2, 0]);
    backend.write(buffer, Uint32Array.of(7), 0);
    assert.is(first[0], 0);
    assert.equal([...(await backend.read(buffer, 0, 1))], [7]);
    assert.is(backend.counters.readbacks, 2);
  }
});

test('runs as often as asked, and a steady state creates nothing', async () => {
  const backend = createCpuBackend();
  const clock = backend.allocate(4, 'u32', 'clock');
  const executable = await backend.load(program(), [clock]);
  const before = { ...backend.counters };
  executable.run(3);
  executable.run(1);
  assert.equal([...(await backend.read(clock))], [0, 0, 4, 0]);
  assert.is(backend.counters.submits - before.submits, 2);
  assert.is(backend.counters.dispatches - before.dispatches, 4);
  assert.is(backend.counters.buffersCreated, before.buffersCreated);
  assert.is(backend.counters.pipelinesCreated, before.pipelinesCreated);
  executable.dispose();
  assert.instance(await thrownBy(() => executable.run(1)), BackendError);
});

test('wrong buffers are refused with a typed error', async () => {
  const backend = createCpuBackend();
  const clock = backend.allocate(4, 'u32', 'clock');
  assert.instance(await thrownBy(() => backend.load(program(), [])), UsageError);
  assert.instance(
    await thrownBy(() => backend.load(program(), [backend.allocate(3, 'u32', 'short')])),
    ShapeError,
  );
  assert.instance(
    await thrownBy(() => backend.load(program(), [backend.allocate(4, 'f32', 'float')])),
    ShapeError,
  );
  assert.instance(await thrownBy(() => createCpuBackend().read(clock)), BackendError);
  assert.instance(await thrownBy(() => backend.write(clock, new Uint32Array(2), 3)), ShapeError);
  assert.instance(await thrownBy(() => backend.read(clock, 0, 5)), ShapeError);
  assert.instance(await thrownBy(() => backend.allocate(2 ** 53, 'f32', 'huge')), BackendError);
  backend.free(clock);
  assert.instance(await thrownBy(() => backend.read(clock)), BackendError);
});

test('a temporary of words has memory of words', async () => {
  const backend = createCpuBackend();
  const [floats, slot] = (['f32', 'u32'] as const).map((dtype) => backend.allocate(4, dtype, 'slot'));
  const clock = backend.allocate(4, 'u32', 'clock');
  const temporary: ProgramBuffer = { name: 't', count: 4, dtype: 'u32', kind: 'temporary', slot: 0 };
  const draw: Step = {
    ...step,
    kernel: 'philox',
    params: { count: 4, draw: 0, kind: 0, each: 4, drawStep: 0 },
    buffers: [0, 1],
  };
  const drawn = program([clockBuffer, temporary], [draw]);
  assert.instance(await thrownBy(() => backend.load(drawn, [clock, floats])), ShapeError);
  const executable = await backend.load(drawn, [clock, slot]);
  executable.run(1);
  assert.is(backend.counters.dispatches, 1);
});

test.run();
