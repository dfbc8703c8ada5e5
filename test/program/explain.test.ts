// What people see of the passes: the program after each, and what it changed.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mlp } from '../../src/nn/index.ts';
import { lower } from '../../src/program/lower.ts';
import { changesOf, explanation } from '../../src/program/passes/changes.ts';
import { passes } from '../../src/program/passes/index.ts';
import type { Stage } from '../../src/program/passes/pass.ts';
import { exp, grad, mul, read, sum } from '../../src/tape/index.ts';
import { exactDevice, recordOnly } from '../helpers/devices.ts';

const test = suite('explain');

test('a device tells the program after each pass, the last being the program itself', () => {
  const device = exactDevice();
  const body = ({ input }: Parameters<Parameters<typeof device.explain>[0]>[0]) => {
    const x = input('x', [7, 3]);
    const y = exp(x);
    return { y, total: sum(mul(y, x)) };
  };
  const stages = device.explain(body, { joinedBindings: 10 });
  const wanted = passes.filter(({ applies }) => !applies || applies({ mlp: 'fused', joinedBindings: 10 }));
  assert.equal(
    stages.map(({ pass }) => pass),
    ['lower', ...wanted.map(({ name }) => name)],
  );
  const program = device.lower(body, { joinedBindings: 10 });
  assert.is(stages.at(-1)?.listing.length, program.steps.length);
});

test('what a pass changed is marked: steps, parameters and sizes; one that changed nothing says so', () => {
  const buffers = ['a', 'b', 'c'].map((name) => ({
    kind: 'temporary' as const,
    name,
    count: 8,
    dtype: 'f32' as const,
  }));
  const step = (label: string, params: Record<string, number>) => ({
    ...{ kind: 'kernel' as const, kernel: 'assign', label, params, shapes: '[8]', buffers: [0, 1] },
  });
  const before = { steps: [step('one', { count: 8 }), step('two', { count: 8 })], buffers };
  assert.equal(changesOf(before, before), []);
  const shorter = { steps: [step('both', { count: 8 })], buffers };
  assert.equal(changesOf(before, shorter), [
    '− assign  one  [8]  a b',
    '− assign  two  [8]  a b',
    '+ assign  both  [8]  a b',
  ]);
  const smaller = {
    steps: [step('one', { count: 8, half: 1 }), step('two', { count: 8 })],
    buffers: [...buffers.slice(0, 2), { ...buffers[2], count: 4 }],
  };
  assert.equal(changesOf(before, smaller), ['~ 0 assign: half 1', '~ c: 8 → 4 elements']);
  const stage = (pass: string, ...changes: string[]) => ({
    pass,
    reason: 'why',
    changes,
    listing: ['  0  step'],
  });
  assert.is(
    explanation([stage('lower'), stage('first', '+ step'), stage('second')]),
    `lower: why
  0  step
1 step

first: why
  + step
  0  step
1 step

second: why
  nothing to do`,
  );
});

test('halved hidden layers are seen', () => {
  const net = mlp({ inputs: 3, hidden: [8, 8], outputs: 2, activation: 'tanh', seed: 1, name: 'net' });
  const recording = recordOnly(
    ({ input }) => {
      const y = net(input('x', [6, 3]));
      return { g: grad(sum(mul(y, y)), [read(net.parameters)])[0] };
    },
    { halfHidden: true },
  );
  const stages: Stage[] = [];
  lower(recording, (stage) => stages.push(stage));
  const { changes } = stages.find(({ pass }) => pass === 'halve hidden layers') as Stage;
  assert.ok(
    changes.some((line) => /mlp_forward: half 1/.test(line)) &&
      changes.some((line) => /elements$/.test(line)),
    changes.join('; '),
  );
});

test.run();
