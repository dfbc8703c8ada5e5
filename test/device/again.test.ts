// A program run again gives what it gave, whatever is in memory by then; and NaN passes through every operation that is given
// it, so that it shows where it is looked for.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { adam, mlp } from '../../src/nn/index.ts';
import {
  abs,
  add,
  clamp,
  concat,
  cos,
  div,
  elu,
  erf,
  exp,
  expm1,
  gather,
  geluErf,
  geluTanh,
  grad,
  log,
  log1p,
  logSigmoid,
  logSumExp,
  matmul,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  neg,
  randomUniform,
  read,
  reciprocal,
  relu,
  reshape,
  sigmoid,
  silu,
  sin,
  softmax,
  softplus,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
} from '../../src/tape/index.ts';
import { type Body, evaluate, openDevice } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

test('run again: products, reductions, gathered and scattered values, networks and their gradients', async () => {
  const network = mlp({ inputs: 5, hidden: [9, 6], outputs: 3, nets: 2, activation: 'silu' });
  // Of other sizes, so that what the first one leaves in memory is not what the second expects.
  const other = mlp({ inputs: 5, hidden: [17], outputs: 1, name: 'other' });
  adam(other.parameters, { learningRate: 0.1 });
  const update = await device.compile(({ input }) => {
    const x = input('x', [11, 5]);
    const picked = gather(x, input('index', [4, 5]), 0);
    const y = network(x);
    const loss = sum(square(y));
    const [dx, dPicked] = [grad(loss, [x])[0], grad(sum(square(picked)), [x])[0]];
    return {
      picked,
      dPicked,
      dx,
      dParameters: grad(loss, [read(network.parameters)])[0],
      soft: softmax(matmul(x, transpose(x)), 1),
      largest: max(x, 0),
      other: sum(other(x)),
    };
  });
  // An index past the end picks NaN, whose gradient goes nowhere.
  update.write({ x: normals(55, 3), index: Array.from({ length: 20 }, (_, i) => [0, 3, 3, 10][i % 4]) });
  const names = [...update.program.outputs.keys()];
  const results: string[] = [];
  for (let i = 0; i < 3; i++) {
    update.run(i + 1);
    const values = [];
    for (const name of names) values.push(`${name} ${await update.read(name)}`);
    results.push(values.join('\n'));
  }
  assert.is(results[1], results[0]);
  assert.is(results[2], results[0]);
  update.dispose();
});

test('an index picks what it says up to the last entry, and NaN from there on; gradients go nowhere from outside', async () => {
  const update = await device.compile(({ input }) => {
    const x = input('x', [2, 4, 3]);
    const picked = gather(x, input('index', [2, 3, 3]), 1);
    const [dx] = grad(sum(mul(picked, input('w', [2, 3, 3]))), [x]);
    return { picked, dx };
  });
  const x = Float32Array.from({ length: 24 }, (_, i) => i + 1);
  const index = [0, 1, 2, 3, 3, 3, 4, -1, 0, 1e6, 4, 3, 2, 2, 2, -5, 5, 4];
  const w = index.map((_, i) => 2 ** i);
  update.write({ x, index, w });
  update.run();
  const inside = (entry: number) => entry >= 0 && entry < 4;
  const place = (entry: number, i: number) => (Math.floor(i / 9) * 4 + entry) * 3 + (i % 3);
  assert.equal(
    [...(await update.read('picked'))],
    index.map((entry, i) => (inside(entry) ? x[place(entry, i)] : Number.NaN)),
  );
  const expected = new Array(24).fill(0);
  index.forEach((entry, i) => {
    if (inside(entry)) expected[place(entry, i)] += w[i];
  });
  assert.equal([...(await update.read('dx'))], expected);
  update.dispose();
});

test('two draws of a program are two', async () => {
  const update = await device.compile(() => ({ a: randomUniform([4]), b: randomUniform([4]) }));
  update.run();
  assert.not.equal([...(await update.read('a'))], [...(await update.read('b'))]);
  update.dispose();
});

test('layers one wide and rows that fill no block: gradients are those of float64, and nothing else is written', async () => {
  const canary = (of: number) => {
    const buffer = device.backend.allocate(16 * of, 'f32', 'canary');
    device.backend.write(buffer, new Float32Array(16 * of).fill(of));
    return buffer;
  };
  const canaries = [1, 2, 3].map(canary);
  for (const [rows, hidden, activation] of [
    [35, [1, 4], 'relu'],
    [35, [4, 1, 3], 'tanh'],
    [300, [33, 5], 'silu'],
  ] as const) {
    const network = mlp({ inputs: 5, hidden, outputs: 1, nets: 2, activation });
    const body: Body = ({ input }) => {
      const [x, y] = [input('x', [rows, 3]), input('y', [rows, 2])];
      const loss = mean(square(network(x, y)));
      const [dx, dParameters] = grad(loss, [x, read(network.parameters)]);
      return { dx, dParameters };
    };
    const data = { x: normals(3 * rows, 4), y: normals(2 * rows, 5) };
    const update = await device.compile(body);
    canaries.push(...[4, 5, 60, 8192].map(canary));
    update.write(data);
    update.run(2);
    // By the kernels of products, which share no code with those of networks.
    const exact = await evaluate(body, data, { mlp: 'tiled' });
    for (const name of ['dx', 'dParameters']) {
      const values = await update.read(name);
      const norm = Math.hypot(...exact[name]);
      const apart = Math.hypot(...exact[name].map((value, i) => value - values[i]));
      assert.ok(apart <= 1e-5 * norm, `${rows} rows, ${hidden}: ${name} is off by ${apart} of ${norm}`);
    }
    update.dispose();
  }
  for (const buffer of canaries) {
    const values = await device.backend.read(buffer);
    assert.ok(values.every((value) => value === values.length / 16));
    device.backend.free(buffer);
  }
});

const unary = {
  neg,
  abs,
  exp,
  expm1,
  log,
  log1p,
  sqrt,
  square,
  reciprocal,
  sin,
  cos,
  tanh,
  sigmoid,
  logSigmoid,
  softplus,
  relu,
  elu,
  erf,
  silu,
  geluTanh,
  geluErf,
};
const binary = { add, sub, mul, div, minimum, maximum };
const folds = { sum, max, min, logSumExp };

test('NaN passes through every operation', async () => {
  const update = await device.compile(({ input }) => {
    const x = input('x', [2]);
    // [NaN, 1] where x is [0, 1].
    const nan = div(x, x);
    const one = add(mul(x, 0), 1);
    const outputs: Record<string, Tensor> = {};
    for (const [name, operation] of Object.entries(unary)) outputs[name] = operation(nan);
    for (const [name, operation] of Object.entries(binary)) {
      outputs[`${name} left`] = operation(nan, one);
      outputs[`${name} right`] = operation(one, nan);
    }
    outputs.clamp = clamp(nan, -1, 1);
    for (const [name, fold] of Object.entries(folds))
      outputs[name] = concat([reshape(fold(nan), [1]), reshape(sum(one), [1])], 0);
    return outputs;
  });
  update.write({ x: [0, 1] });
  update.run();
  for (const name of update.program.outputs.keys()) {
    const [first, second] = await update.read(name);
    assert.ok(Number.isNaN(first), `${name} of NaN is ${first}`);
    assert.ok(Number.isFinite(second), `${name} of 1 is ${second}`);
  }
  update.dispose();
});

test.run();
