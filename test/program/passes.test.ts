// The list of passes as a whole: their order, when they run, and that what they leave can be printed one by one.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adam, mlp } from '../../src/nn/index.ts';
import { lower } from '../../src/program/lower.ts';
import { passes } from '../../src/program/passes/index.ts';
import type { Stage } from '../../src/program/passes/pass.ts';
import { gradient, mean, type RecordingOptions, square, tanh } from '../../src/tape/index.ts';
import { type Body, recordOnly } from '../helpers/devices.ts';

const network = mlp({ inputs: 3, hidden: [4], outputs: 1 });
const optimiser = adam(network.parameters, { learningRate: 0.1 });
const update: Body = ({ input }) => {
  const loss = mean(square(tanh(network(input('x', [5, 3])))));
  optimiser.step(gradient(loss, network.parameters));
  return { loss };
};

function stagesFor(options: Partial<RecordingOptions>): Stage[] {
  const stages: Stage[] = [];
  lower(recordOnly(update, options), (stage) => stages.push(stage));
  return stages;
}
const namesFor = (options: Partial<RecordingOptions>): string[] => stagesFor(options).map(({ pass }) => pass);

test('lowering comes first, then every pass that the target has a use for, in order', () => {
  const always = ['lower', 'join segments', 'merge neighbours', 'drop unread'];
  assert.equal(namesFor({}), always);
  assert.equal(namesFor({ joinedBindings: 10 }), [...always, 'join kernels']);
  assert.equal(namesFor({ halfHidden: true }), [...always, 'halve hidden layers']);
  assert.equal(
    namesFor({ halfHidden: true, mlp: 'tiled' }),
    always,
    'products keep nothing that could be halved',
  );
  assert.equal(namesFor({ halfHidden: true, joinedBindings: 10 }), [
    'lower',
    ...passes.map(({ name }) => name),
  ]);
});

test('a stage lists one line a step and says why there is the pass', () => {
  const stages = stagesFor({ joinedBindings: 10 });
  const [first, last] = [stages[0], stages.at(-1) as Stage];
  for (const { pass, reason } of stages) assert.match(reason, /^[A-Z].*\.$/, pass);
  assert.ok(first.listing.some((line) => /\badam\b/.test(line)));
  assert.ok(last.listing.some((line) => line.includes('mlp_backward_weights_adam')));
  assert.ok(last.listing.length < first.listing.length);
});

test('what is printed last is the program, and printing changes nothing', () => {
  for (const options of [
    {},
    { joinedBindings: 10 },
    { joinedBindings: 10, halfHidden: true },
    { mlp: 'tiled' as const },
  ]) {
    const recording = recordOnly(update, options);
    const stages: Stage[] = [];
    const printed = lower(recording, (stage) => stages.push(stage));
    assert.is(String(printed), String(lower(recording)));
    const kernelAt = (line: string) => line.trim().split(/ +/)[1];
    assert.equal(
      stages.at(-1)?.listing.map(kernelAt),
      String(printed).split('\n').slice(0, printed.kernels).map(kernelAt),
    );
  }
});

test.run();
