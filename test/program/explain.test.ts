// What people see of the passes: the program after each, and what it changed.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { explanation } from '../../src/program/passes/changes.ts';
import { passes, type Stage } from '../../src/program/passes/index.ts';
import { exp, mul, sum } from '../../src/tape/index.ts';
import { exactDevice } from '../helpers/devices.ts';

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

test('what a pass changed is marked, and one that changed nothing says so', () => {
  const stage = (pass: string, ...listing: string[]): Stage => ({ pass, reason: `why ${pass}`, listing });
  const text = explanation([
    stage('lower', '  0  fused   exp  [3]  a b', '  1  fused   neg  [3]  b c'),
    stage('first', '  0  fused   exp + neg  [3]  a c'),
    stage('second', '  0  fused   exp + neg  [3]  a c'),
  ]);
  assert.is(
    text,
    `lower: why lower
  0  fused   exp  [3]  a b
  1  fused   neg  [3]  b c
2 steps

first: why first
  − fused  exp  [3]  a b
  − fused  neg  [3]  b c
  + fused  exp + neg  [3]  a c
  0  fused   exp + neg  [3]  a c
1 step

second: why second
  nothing to do`,
  );
});

test.run();
