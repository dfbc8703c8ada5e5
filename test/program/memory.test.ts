import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { compilePolicyUpdate, costSettings } from '../../src/measure/cost.ts';
import { compileWholeUpdate } from '../../src/measure/update-cost.ts';
import { programMemory } from '../../src/program/memory.ts';
import { type KernelStep, Program, type ProgramBuffer } from '../../src/program/program.ts';
import { exp, matmul, randomBits, transpose } from '../../src/tape/index.ts';
import { countingBackend } from '../helpers/counting-backend.ts';
import { leastArenaBytes } from './facts.ts';

const temporary = (name: string, count: number, slot: number): ProgramBuffer => ({
  ...{ name, count, slot },
  kind: 'temporary',
  dtype: 'f32',
});
const step = (...buffers: number[]): KernelStep => ({
  kind: 'kernel',
  kernel: 'tick',
  label: 'tick',
  params: {},
  buffers,
  shapes: '',
});
const program = (
  steps: readonly KernelStep[],
  buffers: readonly ProgramBuffer[],
  slots: readonly number[],
): Program => {
  const floats = slots.map((count) => ({ count, dtype: 'f32' as const }));
  return new Program(steps, buffers, floats, new Map(), new Map(), []);
};

test('a chain keeps two of its temporaries alive at a time', () => {
  const buffers = [10, 20, 30, 5].map((count, i) => temporary(`%${i}`, count, i));
  const steps = [step(0), step(0, 1), step(1, 2), step(2, 3)];
  const memory = programMemory(program(steps, buffers, [10, 20, 30, 5]));
  assert.is(memory.liveBytes, 4 * (20 + 30));
  assert.is(memory.arenaBytes, 4 * 65);
});

test('what is used again later stays alive in between, and unused bindings count for nothing', () => {
  const buffers = [
    temporary('kept', 100, 0),
    temporary('a', 7, 1),
    temporary('b', 9, 1),
    temporary('c', 3, 2),
  ];
  const steps = [step(0, -1), step(1, 3), step(2), step(-1, 0)];
  assert.is(programMemory(program(steps, buffers, [100, 9, 3])).liveBytes, 4 * (100 + 10));
});

test('a step that binds a buffer twice holds it once, and one that nothing binds is not held', () => {
  const buffers = [temporary('a', 8, 0), temporary('never', 1000, 1)];
  assert.is(programMemory(program([step(0, 0)], buffers, [8, 1000])).liveBytes, 32);
  assert.is(programMemory(program([], [], [])).liveBytes, 0);
});

test('memory of every kind is told apart', () => {
  const state = { name: 's', size: 6, dtype: 'f32', shape: [6] } as never;
  const common = { dtype: 'f32' } as const;
  const buffers: ProgramBuffer[] = [
    { ...common, kind: 'state', name: 's', count: 6, state },
    { ...common, kind: 'input', name: 'x', count: 3 },
    { ...common, kind: 'output', name: 'y', count: 2 },
    { ...common, kind: 'literal', name: 'c', count: 5, values: new Float32Array(5) },
    temporary('t', 4, 0),
  ];
  assert.equal(programMemory(program([step(0, 1, 4), step(4, 3, 2)], buffers, [4])), {
    arenaBytes: 16,
    liveBytes: 16,
    stateBytes: 24,
    portBytes: 20,
    literalBytes: 20,
  });
});

test('a device allocates what the program says, words among it', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const { program } = await device.compile(({ input }) => {
    const x = input('x', [4, 6]);
    // Copies of words and a product of copies: temporaries of both types, alive at different steps.
    const bits = [0, 1].map(() => transpose(randomBits([4, 6]), [1, 0]));
    return { first: bits[0], second: bits[1], product: matmul(transpose(exp(x), [1, 0]), exp(x)) };
  });
  const dtypes = program.buffers.flatMap(({ kind, dtype }) => (kind === 'temporary' ? [dtype] : []));
  assert.equal([...new Set(dtypes)].sort(), ['f32', 'u32']);
  const { arenaBytes, liveBytes, stateBytes, portBytes, literalBytes } = programMemory(program);
  const held = [...backend.held.keys()].reduce((total, { count }) => total + 4 * count, 0);
  assert.is(held, arenaBytes + stateBytes + portBytes + literalBytes);
  assert.ok(liveBytes <= arenaBytes);
  // The words are drawn, copied and drawn anew: one slot of them is enough.
  assert.equal(
    program.slots.filter(({ dtype }) => dtype === 'u32').map(({ count }) => count),
    [24],
  );
  await device.dispose();
});

test('real programs: the arena is no smaller than what is alive at once, and not much larger', async () => {
  const device = new Device(createCpuBackend());
  try {
    const settings = costSettings({ batch: 16, hidden: [24, 24] });
    const names = ['reverse-kl/pathwise', 'forward-kl/snis:policy', 'mpo/decoupled', 'renyi/dreg:0.5'];
    const programs = [
      (await compileWholeUpdate(device, 'reverse-kl/pathwise', settings, { mlp: 'fused' })).update.program,
      (await compileWholeUpdate(device, 'reverse-kl/pathwise', settings, { mlp: 'tiled' })).update.program,
    ];
    for (const name of names)
      programs.push((await compilePolicyUpdate(device, chooseEstimator(name), settings)).program);
    for (const each of programs) {
      const { arenaBytes, liveBytes } = programMemory(each);
      assert.is(liveBytes, leastArenaBytes(each));
      assert.ok(liveBytes > 0 && arenaBytes >= liveBytes);
      // Slots of whole buffers; docs/scaling.md has the figures for larger programs, where less is lost.
      assert.ok(arenaBytes <= 1.4 * liveBytes, `${arenaBytes} bytes for ${liveBytes}`);
    }
  } finally {
    await device.dispose();
  }
});

test.run();
