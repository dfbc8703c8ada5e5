// Sums in float32 lose little however long they are, on every backend: the error is below 1e-6·log₂ n of Σ|x|. What is
// expected is known: every term is the same number, or comes in pairs that cancel.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { reverseKlLoss, scoreLoss, snisLoss } from '../../src/divergences/loss-op.ts';
import { mlp } from '../../src/nn/index.ts';
import { softBellmanLoss } from '../../src/rl/soft-bellman.ts';
import {
  broadcastTo,
  concat,
  constant,
  exp,
  gather,
  grad,
  gradient,
  logMeanExp,
  logSumExp,
  matmul,
  mean,
  mul,
  reshape,
  sliceAxis,
  sum,
  transpose,
} from '../../src/tape/index.ts';
import { type Body, evaluate, openDevice } from '../helpers/devices.ts';
import { runKernelOn } from '../helpers/kernel-run.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

/** How far a sum of n terms may be off, relative to the sum of their magnitudes. */
const allowed = (n: number): number => 1e-6 * Math.log2(n);

function near(what: string, actual: ArrayLike<number>, expected: number, n: number): void {
  for (let i = 0; i < actual.length; i++) {
    const off = Math.abs(actual[i] / expected - 1);
    assert.ok(
      off <= allowed(n),
      `${what} [${i}] is ${actual[i]}, expected ${expected}: off by ${off.toExponential(1)}`,
    );
  }
}

const tenth = Math.fround(0.1);
const filled = (count: number, value = tenth): Float32Array => new Float32Array(count).fill(value);

test('reductions over every axis', async () => {
  const long = 2 ** 18;
  for (const [shape, axes] of [
    [[long], [0]],
    [[long - 1], [0]],
    [[2, 65_537], [1]],
    [[65_537, 2], [0]],
    [
      [17, 5, 9_001],
      [0, 2],
    ],
    [[5_000, 60], [1]],
  ] as const) {
    const count = shape.reduce((a, b) => a * b, 1);
    const n = axes.reduce<number>((a, axis) => a * (shape[axis] ?? 1), 1);
    const r = await evaluate(
      ({ input }) => {
        const x = input('x', shape);
        return {
          sum: sum(x, axes),
          mean: mean(x, axes),
          logSumExp: exp(logSumExp(x, axes)),
          logMeanExp: exp(logMeanExp(x, axes)),
          broadcast: grad(sum(mul(broadcastTo(sum(x, axes, true), shape), x)), [x])[0],
        };
      },
      { x: filled(count) },
      { device },
    );
    near(`sum over ${axes} of [${shape}]`, r.sum, n * tenth, n);
    near(`mean over ${axes} of [${shape}]`, r.mean, tenth, n);
    // The logarithm of a large number has an error of its own.
    near(`logSumExp over ${axes} of [${shape}]`, r.logSumExp, n * Math.exp(tenth), n);
    near(`logMeanExp over ${axes} of [${shape}]`, r.logMeanExp, Math.exp(tenth), n);
    near(`gradient of products with the sum over ${axes} of [${shape}]`, r.broadcast, 2 * n * tenth, n);
  }
});

test('a product with a million terms, of which many cancel', async () => {
  const [rows, inner] = [6, 1_000_003];
  // Each row begins one element after the one before. Terms of both signs, so that much cancels.
  const spread = (i: number, by: number) => ((i * by) >>> 0) / 2 ** 32;
  const a = Float32Array.from({ length: inner + rows - 1 }, (_, i) => spread(i, 0x9e3779b1));
  const b = Float32Array.from({ length: inner }, (_, i) => spread(i, 0x85ebca6b) - 0.4);
  const params = {
    ...{ batch: 1, rows, columns: 1, inner, aOffset: 0, aBatch: 0, aRow: 1, aColumn: 1 },
    ...{ bOffset: 0, bBatch: 0, bRow: 1, bColumn: 0, biasOffset: 0, biasBatch: 0 },
    ...{ hasBias: 0, activation: 0, storeZ: 0 },
  };
  const { y } = await runKernelOn(device.backend, 'matmul', params, { a, b, y: rows });
  for (let row = 0; row < rows; row++) {
    let [sum, magnitude] = [0, 0];
    for (let k = 0; k < inner; k++) {
      const term = a[row + k] * b[k];
      sum += term;
      magnitude += Math.abs(term);
    }
    const most = allowed(inner) * magnitude;
    assert.ok(Math.abs(y[row] - sum) <= most, `y[${row}] is ${y[row]}, expected ${sum} within ${most}`);
  }
});

test('matrix products with a long inner dimension, and their gradients', async () => {
  for (const [rows, inner, columns] of [
    [1, 300_000, 1],
    [2, 40_001, 1],
    [1, 40_001, 2],
    [3, 40_001, 17],
    [33, 3_001, 5],
  ]) {
    const r = await evaluate(
      ({ input }) => {
        const [a, b] = [input('a', [rows, inner]), input('b', [inner, columns])];
        const [at, bt] = [input('at', [inner, rows]), input('bt', [columns, inner])];
        return { plain: matmul(a, b), swapped: matmul(transpose(at), transpose(bt)) };
      },
      {
        a: filled(rows * inner),
        b: filled(inner * columns),
        at: filled(rows * inner),
        bt: filled(inner * columns),
      },
      { device },
    );
    for (const [name, y] of Object.entries(r))
      near(`${name} product [${rows}, ${inner}]·[${inner}, ${columns}]`, y, inner * tenth * tenth, inner);
  }
});

for (const kind of ['fused', 'tiled'] as const) {
  test(`gradients of a ${kind} network over many rows, of one or two inputs`, async () => {
    const rows = 20_001;
    for (const parts of [1, 2]) {
      const network = mlp({ inputs: 3, hidden: [4], outputs: 2, activation: 'silu', nets: 2 });
      // Every row is the same: so is each one's part of the gradient.
      const body = (count: number): Body => {
        return ({ input }) => {
          const [x0, x1] = [input('x0', [count, 1]), input('x1', [count, 2])];
          const y = parts === 1 ? network(concat([x0, x1], 1)) : network(x0, x1);
          return { gradient: gradient(sum(y), network.parameters) };
        };
      };
      const inputs = (count: number) => ({ x0: filled(count), x1: filled(2 * count, -0.3) });
      const whole = await evaluate(body(rows), inputs(rows), { device, mlp: kind });
      const one = await evaluate(body(1), inputs(1));
      const largest = one.gradient.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      one.gradient.forEach((expected, i) => {
        const off = Math.abs(whole.gradient[i] / rows - expected);
        const most = allowed(rows) * Math.abs(expected) + 1e-6 * largest;
        assert.ok(
          off <= most,
          `${parts}: [${i}] is ${whole.gradient[i] / rows}, expected ${expected}: off by ${off}`,
        );
      });
    }
  });
}

test('a wide layer: sums over its inputs, and over its outputs on the way back', async () => {
  const wide = 20_001;
  for (const kind of ['fused', 'tiled'] as const) {
    const [first, last] = [
      mlp({ inputs: wide, hidden: [], outputs: 1, name: 'first' }),
      mlp({ inputs: 1, hidden: [], outputs: wide, name: 'last' }),
    ];
    for (const { parameters } of [first, last]) device.write(parameters, filled(parameters.size));
    const r = await evaluate(
      ({ input }) => {
        const [x, z] = [input('x', [2, wide]), input('z', [2, 1])];
        return { forward: first(x), backward: grad(sum(last(z)), [z])[0] };
      },
      { x: filled(2 * wide), z: filled(2) },
      { device, mlp: kind },
    );
    near(`${kind}: output of a wide layer`, r.forward, wide * tenth * tenth + tenth, wide);
    near(`${kind}: gradient through a wide layer`, r.backward, wide * tenth, wide);
    for (const { parameters } of [first, last]) device.free(parameters);
  }
});

test('losses and densities of many samples', async () => {
  for (const [samples, batch] of [
    [16_384, 1],
    [1, 16_384],
  ]) {
    const count = samples * batch;
    const r = await evaluate(
      ({ input }) => {
        const logProb = input('logProb', [samples, batch]);
        const q = reshape(input('q', [count]), [1, samples, batch]);
        const snis = snisLoss(logProb, q, constant(1), logProb);
        const one = input('one', [count, 2]);
        const bellman = softBellmanLoss({
          ...{ rows: one, rewardColumn: 0, terminatedColumn: 1, nextLogProb: input('next', [count]) },
          ...{
            nextQ: reshape(q, [1, count]),
            q: reshape(q, [1, count]),
            temperature: constant(1),
            discount: 0.9,
          },
        });
        const head = input('head', [batch, 2]);
        const gaussian = new Gaussian(head, 1, false);
        const drawn = gaussian.rsample(samples, { noise: input('noise', [samples, batch, 1]) });
        const values = input('values', [samples, batch, 1]);
        return {
          reverse: reverseKlLoss(logProb, q, constant(1)),
          score: scoreLoss(logProb, q, constant(1), { baseline: 'mean' }),
          loss: snis.loss,
          size: snis.effectiveSampleSize,
          weights: grad(snis.loss, [logProb])[0],
          bellman: bellman.loss,
          action: reshape(sliceAxis(grad(sum(drawn.actions), [head])[0], 1, 0, 1), [batch]),
          density: grad(sum(gaussian.logProbLatent(values)), [head])[0],
        };
      },
      {
        ...{ logProb: filled(count), q: filled(count, -0.2), one: filled(2 * count, 1), next: filled(count) },
        ...{ head: filled(2 * batch, 0), noise: filled(count), values: filled(count) },
      },
      { device },
    );
    const minus = Math.fround(-0.2);
    near('reverse loss', r.reverse, tenth - minus, count);
    near('score loss', r.score, tenth - minus, count);
    near('snis loss', r.loss, -tenth, count);
    near('effective sample size', r.size, samples, count);
    near('weights of snis', r.weights, -1 / count, count);
    near('Bellman loss', r.bellman, (minus - 1) ** 2, count);
    near('gradient of samples', r.action, samples, count);
    for (let b = 0; b < batch; b++) {
      near('gradient of densities', [r.density[2 * b]], samples * tenth, count);
      near('gradient of densities', [r.density[2 * b + 1]], samples * (tenth ** 2 - 1), count);
    }
  }
});

test('the entropy that a temperature follows, and values added at one place', async () => {
  const count = 300_000;
  const r = await evaluate(
    ({ input }) => {
      const x = input('x', [2]);
      const index = broadcastTo(constant(1), [count]);
      const picked = gather(x, index, 0);
      return { dx: grad(sum(mul(picked, input('g', [count]))), [x])[0] };
    },
    { x: filled(2), g: filled(count) },
    { device },
  );
  near('scattered gradient', [r.dx[1]], count * tenth, count);
  const bindings = {
    ...{ parameters: filled(1), moments: 2, logProb: filled(count), entropy: 1, clock: new Uint32Array(6) },
  };
  const rates = {
    learningRate: 0,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
    tau: 0,
    place: 0,
  };
  const params = {
    ...{ ...rates, samples: count, decoupled: 0, hasTarget: 0, targetEntropy: 0 },
    ...{ beta1Complement: 0.1, beta2Complement: 0.001 },
  };
  const { entropy } = await runKernelOn(device.backend, 'temperature_step', params, bindings);
  near('entropy', entropy, -tenth, count);
});

test.run();
