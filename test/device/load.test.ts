// Many programs on one device: at once with equal results, and one after the other without anything left behind.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Device } from '../../src/device.ts';
import { adam, mlp } from '../../src/nn/index.ts';
import { gradient, mean, square, sub } from '../../src/tape/index.ts';
import { Data, openTested } from '../helpers/kernel-run.ts';

const test = suite('load');

/** A small regression: an update with parameters of its own. */
function compileOne(device: Device) {
  const network = mlp({ inputs: 3, hidden: [8], outputs: 1, activation: 'tanh', seed: 1 });
  const optimiser = adam(network.parameters, { learningRate: 1e-2 });
  return device.compile(({ input }) => {
    const loss = mean(square(sub(network(input('x', [4, 3])), input('y', [1, 4, 1]))));
    optimiser.step(gradient(loss, network.parameters));
    return { loss };
  });
}

test('64 programs at once give the same losses', async () => {
  const device = new Device(await openTested());
  const data = new Data(3);
  const [x, y] = [data.normal(12), data.normal(4)];
  const updates = [];
  for (let i = 0; i < 64; i++) updates.push(await compileOne(device));
  for (const update of updates) update.write({ x, y });
  for (let i = 0; i < 3; i++) for (const update of updates) update.run(2);
  const losses = [];
  for (const update of updates) losses.push(await update.readScalar('loss'));
  assert.ok(losses[0] > 0);
  assert.is(new Set(losses).size, 1);
  await device.dispose();
});

test('programs that were disposed of leave nothing that the next ones meet', async () => {
  const device = new Device(await openTested());
  const data = new Data(3);
  const [x, y] = [data.normal(12), data.normal(4)];
  const losses = [];
  const pipelines = [];
  for (let i = 0; i < 40; i++) {
    const update = await compileOne(device);
    update.write({ x, y });
    update.run(3);
    losses.push(await update.readScalar('loss'));
    update.dispose();
    pipelines.push(device.backend.counters.pipelinesCreated);
  }
  assert.is(new Set(losses).size, 1);
  if (device.backend.name === 'webgpu')
    assert.is(pipelines.at(-1), pipelines[0], 'equal programs share pipelines');
  await device.dispose();
});

test.run();
