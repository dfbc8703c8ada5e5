// Whole programs on every backend: the same numbers as the float64 CPU, nothing created after the first run,
// one submit for many updates, and effects in the order of the calls.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { NumericsError, ShapeError, UsageError } from '../../src/errors.ts';
import { adam, mlp } from '../../src/nn/index.ts';
import {
  add,
  assign,
  broadcastTo,
  concat,
  constant,
  exp,
  gather,
  grad,
  gradient,
  greater,
  literal,
  logSoftmax,
  logSumExp,
  type MlpKernels,
  matmul,
  max,
  maximum,
  mean,
  mul,
  neg,
  read,
  reshape,
  State,
  sigmoid,
  slice,
  softplus,
  square,
  sub,
  sum,
  tanh,
  transpose,
  where,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { type Body, evaluate, exactDevice, openDevice } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(async () => {
  await device.dispose();
});

const data = { x: normals(7 * 5 * 3, 1), row: normals(3, 2), w: normals(3 * 70, 3) };
const mixed: Body = ({ input }) => {
  const x = input('x', [7, 5, 3]);
  const row = input('row', [3]);
  const w = input('w', [3, 70]);
  const squashed = mul(tanh(x), sigmoid(row));
  const product = matmul(squashed, broadcastTo(w, [7, 3, 70]));
  const joined = concat([x, neg(squashed)], 1);
  const loss = mean(square(logSoftmax(product, -1)));
  const [dx, dw] = grad(loss, [x, w]);
  return {
    squashed,
    product,
    turned: exp(neg(square(transpose(x, [2, 0, 1])))),
    everyOther: slice(joined, [0, 1, 0], [7, 10, 3], [2, 3, 1]),
    sums: sum(joined, [0, 2]),
    largest: max(x, 1),
    lse: logSumExp(mul(x, 30), 0),
    picked: gather(x, broadcastTo(literal([6, 0, 3], [3, 1, 1]), [3, 5, 3]), 0),
    chosen: where(greater(x, 0), softplus(x), maximum(x, -0.5)),
    total: sum(x),
    flat: reshape(transpose(w), [210]),
    one: constant(1),
    loss,
    dx,
    dw,
  };
};

test('elementwise, reductions, views, products and gradients as in float64', async () => {
  const expected = await evaluate(mixed, data);
  const actual = await evaluate(mixed, data, { device });
  for (const [name, values] of Object.entries(expected))
    allclose(actual[name], values, { rtol: 2e-5, atol: 2e-6 }, name);
});

test('reductions of 1, 63, 64, 65, 1000 and 70,001 elements', async () => {
  for (const n of [1, 63, 64, 65, 1000, 70_001]) {
    const body: Body = ({ input }) => {
      const x = input('x', [n]);
      return { total: sum(x), top: max(x), lse: logSumExp(x), rows: sum(broadcastTo(x, [2, n]), 1) };
    };
    const x = Float32Array.from(normals(n, 5));
    const [actual, expected] = [await evaluate(body, { x }, { device }), await evaluate(body, { x })];
    for (const [name, values] of Object.entries(expected))
      allclose(actual[name], values, { rtol: 2e-5, atol: 3e-6 * n ** 0.75 }, `${name} of ${n}`);
  }
});

const networkStep = (mode: MlpKernels) => {
  const network = mlp({ inputs: 3, hidden: [16, 16], outputs: 2, nets: 2, activation: 'tanh', seed: 3 });
  const optimiser = adam(network.parameters, { learningRate: 1e-2 });
  const body: Body = ({ input }) => {
    const y = network(input('x', [33, 3]));
    const loss = mean(square(sub(y, input('y', [33, 2]))));
    optimiser.step(gradient(loss, network.parameters));
    return { loss };
  };
  return { network, body, mode };
};

for (const mode of ['fused', 'tiled'] as const) {
  test(`20 training steps of a network, ${mode}: the losses and parameters of float64`, async () => {
    const train = async (on: Device) => {
      const { network, body } = networkStep(mode);
      const update = await on.compile(body, { mlp: mode });
      update.write({ x: normals(99, 8), y: normals(66, 9) });
      const losses: number[] = [];
      for (let step = 0; step < 20; step++) {
        update.run();
        losses.push(await update.readScalar('loss'));
      }
      return { losses, parameters: await on.read(network.parameters) };
    };
    const [actual, expected] = [await train(device), await train(exactDevice())];
    allclose(actual.losses, expected.losses, { rtol: 1e-4, atol: 1e-6 }, 'losses');
    // Adam divides by the gradient's own size, so a parameter whose gradient is near 0 may go another way.
    allclose(actual.parameters, expected.parameters, { rtol: 1e-3, atol: 1e-3 }, 'parameters');
    assert.ok(expected.losses[19] < 0.9 * expected.losses[0], 'the loss falls');
  });
}

test('1,000 updates create no buffer and no pipeline, and read nothing back; run(n) is one submit', async () => {
  const { body } = networkStep('fused');
  const update = await device.compile(body);
  update.write({ x: normals(99, 8), y: normals(66, 9) });
  update.run();
  await device.backend.synchronize();
  const before = { ...device.backend.counters };
  update.run(500);
  for (let i = 0; i < 500; i++) update.run();
  await device.backend.synchronize();
  const after = device.backend.counters;
  assert.is(after.buffersCreated, before.buffersCreated);
  assert.is(after.pipelinesCreated, before.pipelinesCreated);
  assert.is(after.readbacks, before.readbacks);
  assert.is(after.submits - before.submits, 501);
  assert.is(after.dispatches - before.dispatches, 1000 * update.program.kernels);
});

test('a program whose results are read many times gives back what it takes', async () => {
  const update = await device.compile(({ input }) => ({ y: mul(input('x', [100]), 2) }));
  update.write({ x: normals(100, 1) });
  update.run();
  await update.read('y');
  const before = device.backend.counters.buffersCreated;
  for (let i = 0; i < 50; i++) await update.read('y');
  assert.is(device.backend.counters.buffersCreated, before);
});

test('a traced step makes nothing of its own', async () => {
  const { body } = networkStep('fused');
  const update = await device.compile(body);
  update.write({ x: normals(99, 8), y: normals(66, 9) });
  const traced = async () => {
    let steps = 0;
    for await (const _ of update.trace()) steps++;
    return steps;
  };
  await traced();
  const { buffersCreated, pipelinesCreated } = device.backend.counters;
  assert.is(await traced(), update.program.kernels);
  const { counters } = device.backend;
  assert.equal([counters.buffersCreated, counters.pipelinesCreated], [buffersCreated, pipelinesCreated]);
  update.dispose();
});

test('writes, runs and reads take effect in the order of the calls', async () => {
  const total = new State('total', [2]);
  const update = await device.compile(({ input }) => {
    const sum = add(read(total), input('x', [2]));
    assign(total, sum);
    return { sum };
  });
  update.write({ x: [1, 10] });
  update.run(3);
  const early = update.read('sum');
  update.write({ x: [100, 1000] });
  update.run();
  const late = update.read('sum');
  device.write(total, Float32Array.of(7), 1);
  const state = device.read(total);
  assert.equal([...(await early)], [3, 30]);
  assert.equal([...(await late)], [103, 1030]);
  assert.equal([...(await state)], [103, 7]);
  update.dispose();
});

test('a network whose outputs nobody needs has its gradient still, and writes them nowhere', async () => {
  const net = mlp({ inputs: 17, hidden: [64, 64], outputs: 12, seed: 3 });
  const linear: Body = ({ input }) => ({
    gradient: gradient(sum(mul(net(input('x', [129, 17])), input('dy', [129, 12]))), net.parameters),
  });
  const inputs = { x: normals(129 * 17, 4), dy: normals(129 * 12, 5) };
  const expected = await evaluate(linear, inputs);
  for (const way of ['fused', 'tiled'] as const) {
    const actual = await evaluate(linear, inputs, { device, mlp: way });
    allclose(actual.gradient, expected.gradient, { rtol: 1e-4, atol: 1e-4 }, way);
  }
});

test('programs share the states of their device', async () => {
  const s = new State('shared', [1], Float32Array.of(2));
  const double = await device.compile(() => {
    assign(s, mul(read(s), 2));
    return {};
  });
  const look = await device.compile(() => ({ value: add(read(s), 0.5) }));
  double.run(3);
  look.run();
  assert.equal([...(await look.read('value'))], [16.5]);
  double.dispose();
  look.run();
  assert.equal([...(await look.read('value'))], [16.5]);
});

test('wrong use is refused with the name of what is wrong', async () => {
  const update = await device.compile(({ input }) => ({ y: mul(input('states', [2]), 2) }));
  const thrown = (kind: new (text: string) => Error, pattern: RegExp) => (error: Error) =>
    error instanceof kind && pattern.test(error.message);
  assert.throws(() => update.write({ state: [1, 2] }), thrown(UsageError, /Did you mean 'states'/));
  assert.throws(() => update.write({ states: [1] }), thrown(ShapeError, /2 values\); got 1/));
  assert.throws(
    () => update.write({ states: [1, Number.NaN] }),
    thrown(NumericsError, /input 'states' holds NaN at element 1/),
  );
  assert.throws(() => update.run(-1), thrown(UsageError, /whole number/));
  const early = await update.read('y').then(
    () => undefined,
    (error: Error) => error,
  );
  assert.ok(early && thrown(UsageError, /run the update first/)(early));
  const s = new State('small', [2]);
  assert.throws(
    () => device.write(s, Float32Array.of(1, 2, 3)),
    thrown(ShapeError, /'small' has 2 elements/),
  );
  update.run(0);
  update.write({ states: [1, 2] });
  update.run();
  assert.equal([...(await update.read('y'))], [2, 4]);
});

test.run();
