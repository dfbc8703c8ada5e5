// FLOP and bytes of kernels, counted by hand.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device, type Recorder } from '../../src/device.ts';
import { adam, gradient, mlp } from '../../src/index.ts';
import { costSettings } from '../../src/measure/cost.ts';
import { compileWholeUpdate } from '../../src/measure/update-cost.ts';
import { dense } from '../../src/nn/mlp-op.ts';
import type { Program } from '../../src/program/program.ts';
import {
  add,
  broadcastTo,
  exp,
  matmul,
  mean,
  mul,
  reshape,
  slice,
  square,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';

type Body = (recorder: Recorder) => Readonly<Record<string, Tensor>>;

async function programOf(body: Body, options = {}): Promise<Program> {
  const device = new Device(createCpuBackend());
  const { program } = await device.compile(body, options);
  await device.dispose();
  return program;
}

/** Kernel, FLOP and elements moved of the only step besides the clock's. */
async function only(body: Body, options = {}): Promise<[kernel: string, flops: number, elements: number]> {
  const { steps } = await programOf(body, options);
  const others = steps.filter((step) => step.kind === 'generated' || step.kernel !== 'tick');
  assert.is(others.length, 1, String(others.map(({ label }) => label)));
  const [step] = others;
  return [step.kind === 'generated' ? 'generated' : step.kernel, step.flops, step.bytes / 4];
}

test('an elementwise kernel: every operation at every point; what is repeated is read once', async () => {
  // exp(x)·2 + z over [4, 6], z [6].
  const found = await only(({ input }) => ({
    y: add(mul(exp(input('x', [4, 6])), 2), broadcastTo(input('z', [6]), [4, 6])),
  }));
  assert.equal(found, ['generated', 3 * 24, 24 + 6 + 24]);
});

test('an operand used twice is read once', async () => {
  const found = await only(({ input }) => {
    const x = input('x', [5, 3]);
    return { y: mul(x, add(x, 1)) };
  });
  assert.equal(found, ['generated', 2 * 15, 15 + 15]);
});

test('of a part that is repeated each element is read once', async () => {
  const found = await only(({ input }) => ({
    y: exp(broadcastTo(slice(input('x', [10, 8]), [3, 0], [4, 8]), [7, 8])),
  }));
  assert.equal(found, ['generated', 56, 8 + 56]);
});

test('of a slice only its own elements are read', async () => {
  const found = await only(({ input }) => ({ y: exp(slice(input('x', [10, 8]), [0, 0], [10, 2])) }));
  assert.equal(found, ['generated', 20, 20 + 20]);
});

test('a reduction: one operation for each element folded, and what comes after for each result', async () => {
  const sums = await only(({ input }) => ({ y: sum(square(input('x', [4, 6])), -1) }));
  assert.equal(sums, ['generated', 2 * 24, 24 + 4]);
  const means = await only(({ input }) => ({ y: mean(input('x', [4, 6]), -1) }));
  assert.equal(means, ['generated', 24 + 4, 24 + 4]);
});

test('kernels over the same points that become one share what they compute and load', async () => {
  const found = await only(({ input }) => {
    const e = exp(input('x', [8]));
    return { y: mul(e, 3), z: add(e, 1) };
  });
  // exp, ·3, +1: three operations; x in, y and z out.
  assert.equal(found, ['generated', 3 * 8, 3 * 8]);
});

test('a matrix product: multiply and add for each pair, all three matrices once', async () => {
  const found = await only(({ input }) => ({ y: matmul(input('a', [3, 5]), input('b', [5, 7])) }));
  assert.equal(found, ['matmul', 2 * 3 * 5 * 7, 15 + 35 + 21]);
});

test('a dense layer reads its weights and bias, not all the parameters they lie among', async () => {
  const found = await only(({ input }) => {
    const parameters = input('parameters', [1, 1000]);
    const weight = slice(parameters, [0, 100], [1, 120]);
    const bias = slice(parameters, [0, 120], [1, 125]);
    return {
      y: dense(input('x', [1, 6, 4]), reshape(weight, [1, 4, 5]), reshape(bias, [1, 1, 5]), 'relu'),
    };
  });
  assert.equal(found, ['matmul', 2 * 6 * 4 * 5, 24 + 20 + 5 + 30]);
});

test('a generated network: products of all layers; parameters and ends once', async () => {
  const network = mlp({ inputs: 2, hidden: [4], outputs: 3, seed: 1, name: 'net' });
  const found = await only(({ input }) => ({ y: network(input('x', [5, 2])) }), { mlp: 'fused' });
  assert.equal(found, ['mlp_forward', 2 * 5 * (2 * 4 + 4 * 3), 10 + (8 + 4 + 12 + 3) + 15]);
});

test('an optimiser reads and writes what it updates', async () => {
  const network = mlp({ inputs: 2, hidden: [4], outputs: 3, seed: 1, name: 'net' });
  const optimiser = adam(network.parameters, { learningRate: 1e-3 });
  const { steps } = await programOf(
    ({ input }) => {
      const loss = mean(square(network(input('x', [5, 2]))));
      optimiser.step(gradient(loss, network.parameters));
      return { loss };
    },
    { mlp: 'fused' },
  );
  const step = steps.find(({ label, kind }) => kind === 'kernel' && label === 'adam');
  const [count, clock] = [27, 2 * 6];
  assert.is(step?.flops, 14 * count);
  // Parameters and both moments each way, the gradient once.
  assert.is((step?.bytes ?? 0) / 4, 3 * 2 * count + count + clock);
});

test('a batch drawn from a replay buffer moves the batch, whatever the buffer holds', async () => {
  const device = new Device(createCpuBackend());
  const settings = costSettings({ batch: 8, observations: 3, actions: 2, hidden: [4] });
  const { update } = await compileWholeUpdate(device, 'reverse-kl/pathwise', settings);
  const step = update.program.steps.find((each) => each.kind === 'kernel' && each.kernel === 'replay_sample');
  // State, action, reward, terminated, next state; read and written, with the fill and the clock.
  const width = 3 + 2 + 1 + 1 + 3;
  const overhead = (step?.bytes ?? 0) / 4 - 2 * 8 * width;
  assert.ok(overhead > 0 && overhead <= 8, `${overhead} words beside the batch`);
  await device.dispose();
});

test('big: the products of one SAC update are those that the algorithm needs', async () => {
  const [observations, actions, batch, h] = [17, 6, 256, 256];
  const device = new Device(createCpuBackend());
  const settings = costSettings({ observations, actions, batch, hidden: [h, h] });
  const policyWeights = observations * h + h * h + h * 2 * actions;
  const criticWeights = (observations + actions) * h + h * h + h;
  // Without the first layer, whose input needs no gradient, or only for the action.
  const policyBackward = policyWeights - observations * h;
  const criticBackward = criticWeights - (observations + actions) * h;
  const needed =
    2 *
    batch *
    // Critics: next action, two targets, two values, their gradients before each layer, their weight gradients.
    (policyWeights +
      2 * criticWeights +
      2 * criticWeights +
      2 * criticBackward +
      2 * criticWeights +
      // Policy: action, two values, gradient of both for the action, through the policy, its weights.
      policyWeights +
      2 * criticWeights +
      2 * (criticBackward + actions * h) +
      policyBackward +
      policyWeights);
  const { update } = await compileWholeUpdate(device, 'reverse-kl/pathwise', settings, { mlp: 'fused' });
  const products = update.program.steps
    .filter((step) => step.kind === 'kernel' && step.kernel.startsWith('mlp_'))
    .reduce((total, { flops }) => total + flops, 0);
  assert.is(products, needed);
  assert.ok(update.program.flops < 1.05 * needed, `${update.program.flops} of ${needed}`);
  await device.dispose();
});

test.run();
