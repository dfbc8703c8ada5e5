// Random programs against plain loops: whatever lowering does, the numbers are those of the operations one by one.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sizeOf } from '../../src/math/shape.ts';
import { MAX_BINDINGS } from '../../src/program/generate.ts';
import type { Program } from '../../src/program/program.ts';
import { allclose } from '../helpers/allclose.ts';
import { exactDevice, lowered } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';
import { freshStates, inputShapes, instructions, recordRandom } from '../helpers/random-programs.ts';
import { lifetimes, readsAndWrites } from './facts.ts';

const inputs = Object.fromEntries(
  Object.entries(inputShapes).map(([name, shape], i) => [name, [...normals(sizeOf(shape), 11 + i)]]),
) as Record<keyof typeof inputShapes, number[]>;

const settings = { numRuns: 1500, seed: 7, includeErrorInReport: true };

test('values equal those of plain loops', async () => {
  await fc.assert(
    fc.asyncProperty(instructions(40), async (list) => {
      const device = exactDevice();
      const states = freshStates();
      let expected: ReturnType<typeof recordRandom>['expected'] = {};
      const update = await device.compile(({ input }) => {
        const recorded = recordRandom(list, input, inputs, states);
        expected = recorded.expected;
        return recorded.outputs;
      });
      update.write(inputs);
      update.run();
      for (const [name, { data }] of Object.entries(expected))
        allclose(await update.read(name), data, { rtol: 1e-9, atol: 1e-9 }, name);
      await device.dispose();
    }),
    settings,
  );
});

const programOf = (list: Parameters<typeof recordRandom>[0]): Program =>
  lowered(({ input }) => recordRandom(list, input, inputs, freshStates()).outputs);

test('two temporaries that share a slot are never alive at once', () => {
  fc.assert(
    fc.property(instructions(40), (list) => {
      const program = programOf(list);
      const alive = lifetimes(program);
      for (const [i, a] of alive.entries()) {
        for (const b of alive.slice(i + 1)) {
          const apart = a.last < b.first || b.last < a.first;
          assert.ok(
            a.slot !== b.slot || apart,
            `${a.name} and ${b.name} overlap in slot ${a.slot}\n${program}`,
          );
        }
        assert.ok(a.count <= program.slots[a.slot].count, `${a.name} does not fit its slot`);
        assert.is(program.slots[a.slot].dtype, a.dtype);
      }
    }),
    { ...settings, numRuns: 500 },
  );
});

test('no kernel binds too many buffers or reads a buffer that it writes', () => {
  fc.assert(
    fc.property(instructions(60), (list) => {
      const program = programOf(list);
      for (const step of program.steps) {
        const bound = new Set(step.buffers.filter((buffer) => buffer >= 0));
        assert.ok(bound.size <= MAX_BINDINGS, `${step.label} binds ${bound.size}\n${program}`);
        assert.equal(readsAndWrites(program, step), [], `${step.label} reads what it writes\n${program}`);
      }
    }),
    { ...settings, numRuns: 500 },
  );
});

test.run();
