// What lowering makes of small and of typical programs, read off the listing: no device needed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { adam, layerNormalise, mlp } from '../../src/nn/index.ts';
import { MAX_BINDINGS } from '../../src/program/generate.ts';
import {
  add,
  assign,
  broadcastTo,
  constant,
  div,
  exp,
  grad,
  gradient,
  log,
  logSoftmax,
  matmul,
  mean,
  mul,
  neg,
  read,
  reshape,
  State,
  sigmoid,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
} from '../../src/tape/index.ts';
import { type Body, evaluate, exactDevice, lowered } from '../helpers/devices.ts';
import { leastArenaBytes, readsAndWrites } from './facts.ts';

const listing = (body: Body): string => `\n${lowered(body)}\n`;
const kernelsOf = (body: Body): number => lowered(body).kernels;

test('snapshot: an elementwise chain is one kernel', () => {
  assert.is(
    listing(({ input }) => ({ y: tanh(add(mul(input('x', [4, 3]), input('scale', [3])), 1)) })),
    `
  0  generated  mul∘add∘tanh  [4, 3]  36 FLOP  108 B  x scale %5
1 kernels, 36 FLOP, 108 B moved, arena 0 B in 0 slots
`,
  );
});

test('snapshot: a layer, its loss and their gradients', () => {
  assert.is(
    listing(({ input }) => {
      const w = input('w', [3, 2]);
      const loss = mean(square(sub(matmul(input('x', [8, 3]), w), input('y', [8, 2]))));
      return { loss, dw: grad(loss, [w])[0] };
    }),
    `
  0  matmul     matmul          [8, 3] [3, 2] → [8, 2]  96 FLOP  184 B  x w – %2 –
  1  generated  sub∘square∘mul  [8, 2] → []             49 FLOP  132 B  %2 y %9
  2  generated  sub∘mul∘mul     [8, 2]                  48 FLOP  192 B  %2 y %15
  3  matmul     matmul          [3, 8] [8, 2] → [3, 2]  96 FLOP  184 B  x %15 – %18 –
4 kernels, 289 FLOP, 692 B moved, arena 128 B in 2 slots
`,
  );
});

test('snapshot: an optimiser step writes its states and ends with the clock', () => {
  const w = new State('w', [2], Float32Array.of(1, 2));
  const optimiser = adam(w, { learningRate: 0.1 });
  assert.is(
    listing(() => {
      const loss = sum(square(read(w)));
      optimiser.step(gradient(loss, w));
      return { loss };
    }),
    `
  0  generated  square   [1, 2] → [1]  4 FLOP   12 B   w %2
  1  generated  mul∘mul  [2]           4 FLOP   16 B   w %9
  2  adam       adam     [2] [6] →     28 FLOP  104 B  w w.moments %9 – – clock
  3  tick       tick      →            0 FLOP   48 B   clock – – – – – –
4 kernels, 36 FLOP, 180 B moved, arena 8 B in 1 slots
`,
  );
});

test('what no output needs is not computed, whatever it is', () => {
  const wanted: Body = ({ input }) => {
    const x = input('x', [4, 4]);
    matmul(tanh(x), x);
    sum(exp(x));
    return { y: neg(x) };
  };
  const program = lowered(wanted);
  assert.is(program.kernels, 1);
  assert.is(program.slots.length, 0);
  assert.equal(program.outputs.get('y')?.shape, [4, 4]);
});

test('typical graphs take few kernels', () => {
  const crossEntropy: Body = ({ input }) => {
    const logits = input('logits', [32, 10]);
    const loss = neg(mean(sum(mul(input('labels', [32, 10]), logSoftmax(logits, -1)), -1)));
    return { loss, dLogits: grad(loss, [logits])[0] };
  };
  const layerNorm: Body = ({ input }) => {
    const x = input('x', [32, 16]);
    return { y: layerNormalise(x, input('gamma', [16]), input('beta', [16])) };
  };
  const gaussianNll: Body = ({ input }) => {
    const mu = input('mean', [32, 3]);
    const logStd = input('logStd', [32, 3]);
    const z = mul(sub(input('value', [32, 3]), mu), exp(neg(logStd)));
    const loss = mean(sum(add(mul(0.5, square(z)), logStd), -1));
    const [dMean, dLogStd] = grad(loss, [mu, logStd]);
    return { loss, dMean, dLogStd };
  };
  // max; logSumExp; log-probabilities; loss a row; mean; and two backwards.
  assert.ok(kernelsOf(crossEntropy) <= 7, `softmax cross-entropy\n${lowered(crossEntropy)}`);
  // mean; centred; variance; the rest.
  assert.ok(kernelsOf(layerNorm) <= 4, `layer norm\n${lowered(layerNorm)}`);
  assert.ok(kernelsOf(gaussianNll) <= 4, `gaussian nll\n${lowered(gaussianNll)}`);
});

test('an elementwise end of a reduction is part of its kernel', () => {
  assert.is(
    kernelsOf(({ input }) => ({ y: exp(mul(sum(square(input('x', [5, 7])), 1), -0.5)) })),
    1,
  );
  const both: Body = ({ input }) => {
    const x = input('x', [5, 7]);
    return { y: div(sum(mul(x, x), 1), add(sum(exp(x), 1), 1)) };
  };
  assert.is(kernelsOf(both), 1, 'two reductions over the same axes, one kernel');
});

test('a reduction that is read again, or is an output, keeps a buffer', async () => {
  const { total, scaled, root } = await evaluate(
    ({ input }) => {
      const total = sum(input('x', [2, 3]), 1);
      return { total, scaled: mul(total, 2), root: tanh(mul(total, 0.1)) };
    },
    { x: [1, 2, 3, 4, 5, 6] },
  );
  assert.equal([...total], [6, 15]);
  assert.equal([...scaled], [12, 30]);
  assert.equal([...root], [Math.tanh(6 * 0.1), Math.tanh(15 * 0.1)]);
});

test('neighbours over the same points share a kernel', () => {
  assert.is(
    kernelsOf(({ input }) => {
      const x = input('x', [6, 5]);
      return { a: tanh(x), b: sigmoid(x), c: exp(mul(x, 2)) };
    }),
    1,
  );
});

test('wide expressions are split so that no kernel binds too many buffers', async () => {
  const body = ({ input }: Parameters<Body>[0]) => {
    const xs = Array.from({ length: 30 }, (_, i) => input(`x${i}`, [3]));
    const total = xs.reduce((y, x, i) => (i % 2 ? add(y, tanh(x)) : mul(y, x)));
    return { total, summed: sum(total) };
  };
  for (const step of lowered(body).steps) assert.ok(new Set(step.buffers).size <= MAX_BINDINGS);
  const data = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`x${i}`, [i / 30, 1, -i / 20]]));
  const { total } = await evaluate(body, data);
  const expected = [0, 1, 2].map((at) =>
    Array.from({ length: 30 }, (_, i) => data[`x${i}`][at]).reduce((y, x, i) =>
      i % 2 ? y + Math.tanh(x) : y * x,
    ),
  );
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(total[i] - value) < 1e-12);
});

test('a kernel that would finish reductions of too many tensors leaves some to kernels of their own', async () => {
  const count = 12;
  const body = ({ input }: Parameters<Body>[0]) => {
    const totals = Array.from({ length: count }, (_, i) => sum(exp(input(`x${i}`, [2, 3])), 1));
    return { y: totals.reduce((product, total) => mul(product, total)) };
  };
  for (const step of lowered(body).steps) assert.ok(new Set(step.buffers).size <= MAX_BINDINGS);
  const data = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`x${i}`, [0, 0, -i / 10, 0.1, -1, 0]]),
  );
  const { y } = await evaluate(body, data);
  const expected = [0, 3].map((from) =>
    Object.values(data).reduce(
      (product, x) => product * x.slice(from, from + 3).reduce((total, v) => total + Math.exp(v), 0),
      1,
    ),
  );
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(y[i] / value - 1) < 1e-12);
});

const sac: Body = ({ input }) => {
  const policy = mlp({ inputs: 3, hidden: [64, 64], outputs: 2, name: 'policy' });
  const critic = mlp({ inputs: 4, hidden: [64, 64], outputs: 1, nets: 2, name: 'critic' });
  const states = input('states', [64, 3]);
  const q = critic(states, input('actions', [64, 1]));
  const loss = mean(square(sub(reshape(q, [2, 64]), input('targets', [64]))));
  adam(critic.parameters, { learningRate: 1e-3 }).step(gradient(loss, critic.parameters));
  const target = boltzmann((actions) => reshape(critic(states, actions), [2, 4, 64]), { temperature: 0.2 });
  const pi = distributionFamilies[1].make(policy(states), 1);
  const { loss: policyLoss } = chooseEstimator('reverse-kl/pathwise').loss({
    policy: pi,
    target,
    samples: 4,
  });
  adam(policy.parameters, { learningRate: 1e-3 }).step(gradient(policyLoss, policy.parameters));
  return { loss, policyLoss };
};

test('the arena of an actor-critic update is within 1.3 of the least there can be', () => {
  for (const mlp of ['fused', 'tiled'] as const) {
    const program = lowered(sac, { mlp });
    const least = leastArenaBytes(program);
    assert.ok(
      program.arenaBytes <= 1.3 * least,
      `${mlp}: ${program.arenaBytes} bytes, at least ${least}\n${program}`,
    );
    for (const step of program.steps) {
      assert.equal(readsAndWrites(program, step), [], `${step.label}\n${program}`);
      assert.ok(new Set(step.buffers.filter((b) => b >= 0)).size <= MAX_BINDINGS, step.label);
    }
  }
});

test('a constant for a hand-written kernel is filled when the program is loaded, not in every update', () => {
  const program = lowered(sac);
  const labels = program.steps.map((step) => step.label);
  assert.not.ok(labels.includes('copy'), `${program}`);
  const filled = program.buffers.filter((buffer) => buffer.kind === 'literal');
  assert.ok(filled.some((buffer) => buffer.kind === 'literal' && buffer.values[0] === 0.2));
});

test('broadcast and reshaped constants reach a kernel by value, as do constant outputs', async () => {
  const body = ({ input }: Parameters<Body>[0]) => ({
    y: matmul(input('x', [2, 3]), broadcastTo(constant(2), [3, 2])),
    z: matmul(input('x2', [1, 1]), reshape(constant(5), [1, 1])),
    one: constant(1),
    wide: broadcastTo(constant(7), [2, 2]),
  });
  const program = lowered(body);
  assert.is(program.kernels, 2, `${program}`);
  const { y, z, one, wide } = await evaluate(body, { x: [1, 2, 3, 4, 5, 6], x2: [3] });
  assert.equal([...y], [12, 12, 30, 30]);
  assert.equal([...z], [15]);
  assert.equal([...one], [1]);
  assert.equal([...wide], [7, 7, 7, 7]);
});

// ---- states and outputs ----------------------------------------------------------------------------

const fresh = () => new State('s', [2], Float32Array.of(1, 2));

test('a read of a state is its value as of that point, wherever it is used', async () => {
  const s = fresh();
  const r = await evaluate(
    ({ input }) => {
      const before = read(s);
      const product = mul(before, 10);
      const view = reshape(before, [2, 1]);
      assign(s, input('x', [2]));
      const between = read(s);
      assign(s, add(between, before));
      const after = read(s);
      return {
        before,
        product,
        late: add(before, 0.5),
        lateView: neg(transpose(view)),
        lateSum: sum(before),
        laterProduct: mul(product, 2),
        between,
        after,
        change: sub(after, before),
      };
    },
    { x: [100, 200] },
  );
  const expected: Readonly<Record<string, number[]>> = {
    before: [1, 2],
    product: [10, 20],
    late: [1.5, 2.5],
    lateView: [-1, -2],
    lateSum: [3],
    laterProduct: [20, 40],
    between: [100, 200],
    after: [101, 202],
    change: [100, 200],
  };
  for (const [name, values] of Object.entries(expected))
    assert.equal([...r[name as keyof typeof r]], values, name);
});

test('the optimiser moves a state between two reads of it', async () => {
  const s = fresh();
  const r = await evaluate(() => {
    const before = read(s);
    const g = gradient(sum(square(before)), s);
    adam(s, { learningRate: 0.5 }).step(g);
    return { before, after: read(s), g, moved: sub(before, read(s)) };
  });
  assert.equal([...r.before], [1, 2]);
  assert.equal([...r.g], [2, 4]);
  for (const step of r.moved) assert.ok(Math.abs(step - 0.5) < 1e-7);
  assert.equal(
    [...r.after].map((v) => Math.round(v * 1e6) / 1e6),
    [0.5, 1.5],
  );
});

test('a hand-written kernel that would read an overwritten state is refused', () => {
  for (const mode of ['fused', 'tiled'] as const) {
    assert.throws(
      () =>
        lowered(
          ({ input }) => {
            const network = mlp({ inputs: 2, hidden: [4], outputs: 1 });
            const y = network(input('x', [3, 2]));
            const parameters = read(network.parameters);
            adam(network.parameters, { learningRate: 0.1 }).step(grad(sum(y), [parameters])[0]);
            // The gradient of the same output once more: its backward pass needs the old parameters.
            return { again: grad(sum(square(y)), [parameters])[0] };
          },
          { mlp: mode },
        ),
      /after the state it depends on was updated; record the gradient before/,
    );
  }
});

test('assignments in a row, and one state from another', async () => {
  const [a, b] = [new State('a', [2], Float32Array.of(1, 2)), new State('b', [2], Float32Array.of(3, 4))];
  const device = exactDevice();
  const update = await device.compile(() => {
    const [x, y] = [read(a), read(b)];
    assign(a, y);
    assign(b, x);
    return {};
  });
  update.run();
  assert.equal(
    [[...(await device.read(a))], [...(await device.read(b))]],
    [
      [3, 4],
      [1, 2],
    ],
  );
  update.run();
  assert.equal(
    [[...(await device.read(a))], [...(await device.read(b))]],
    [
      [1, 2],
      [3, 4],
    ],
  );
});

test('outputs may be inputs, states, constants, views of each other, and one tensor under two names', async () => {
  const s = fresh();
  const r = await evaluate(
    ({ input }) => {
      const x = input('x', [2, 2]);
      input('unused', [5]);
      const y = mul(x, 2);
      return {
        x,
        xAgain: x,
        turned: transpose(x),
        state: read(s),
        y,
        yAgain: y,
        yFlat: reshape(y, [4]),
        yTurned: transpose(y),
        yRow: sum(y, 0),
        stopped: stopGradient(y),
      };
    },
    { x: [1, 2, 3, 4] },
  );
  const expected: Readonly<Record<string, number[]>> = {
    x: [1, 2, 3, 4],
    xAgain: [1, 2, 3, 4],
    turned: [1, 3, 2, 4],
    state: [1, 2],
    y: [2, 4, 6, 8],
    yAgain: [2, 4, 6, 8],
    yFlat: [2, 4, 6, 8],
    yTurned: [2, 6, 4, 8],
    yRow: [8, 12],
    stopped: [2, 4, 6, 8],
  };
  for (const [name, values] of Object.entries(expected))
    assert.equal([...r[name as keyof typeof r]], values, name);
});

test('an output keeps its value while the arena is used again', async () => {
  const chain = (x: Tensor) => {
    let y = x;
    for (let i = 0; i < 6; i++) y = matmul(y, y);
    return y;
  };
  const { early, late } = await evaluate(
    ({ input }) => {
      const x = input('x', [2, 2]);
      return { early: matmul(x, x), late: chain(mul(0.5, log(exp(x)))) };
    },
    { x: [1, 0, 0, 1] },
  );
  assert.equal([...early], [1, 0, 0, 1]);
  assert.ok(Math.abs(late[0] - 0.5 ** 64) < 1e-30);
});

test.run();
