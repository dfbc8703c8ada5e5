// Every hand-written kernel on the backend of this run against the float64 reference, at sizes below, at and
// past the tiles. Float32 has 6e-8 of relative rounding; what is allowed beyond a few of those is the length
// of a sum or the conditioning of a density, and said where it is.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Values } from '../../src/backend/backend.ts';
import {
  activations,
  MLP_LAYERS,
  type Params,
  randomKinds,
  scoreBaselines,
} from '../../src/kernels/index.ts';
import { mulHigh32, normalsFromBits, philox4x32, uniformFromBits } from '../../src/math/philox.ts';
import { assertClose, Data, openTested, oracle, runKernelOn, type Start } from '../helpers/kernel-run.ts';

let backend: Backend;
test.before(async () => {
  backend = await openTested();
});
test.after(() => backend.dispose());

type Tolerance = { rtol?: number; atol?: number; scale?: number };

/** Runs a kernel on both and compares the outputs named. */
async function compare(
  kernel: string,
  params: Params,
  bindings: Record<string, Start>,
  outputs: readonly string[],
  tolerance: Tolerance = {},
): Promise<Record<string, Values>> {
  const expected = await runKernelOn(oracle, kernel, params, bindings);
  const actual = await runKernelOn(backend, kernel, params, bindings);
  for (const name of outputs)
    assertClose(actual[name], expected[name], `${kernel} ${JSON.stringify(params)} ${name}`, tolerance);
  return actual;
}

// ---------------------------------------------------------------- matmul

test('matmul: strides, batches, bias, activation and z', async () => {
  const data = new Data(1);
  const sizes = [
    [1, 1, 1, 1],
    [1, 32, 32, 32],
    [1, 33, 31, 17],
    [2, 5, 65, 3],
    [3, 7, 1, 40],
    [1, 1, 130, 129],
    // Columns and rows alone: heads with one output and the gradients through them.
    [1, 13, 1, 37],
    [1, 13, 1, 37],
    [2, 67, 1, 3],
    [1, 70, 1, 41],
    [2, 9, 21, 1],
    [2, 9, 21, 1],
  ];
  for (const [i, [batch, rows, columns, inner]] of sizes.entries()) {
    for (const transposed of [0, 1]) {
      const hasBias = (i + transposed) % 2;
      const params = {
        batch,
        rows,
        columns,
        inner,
        aOffset: 3,
        aBatch: rows * inner,
        aRow: transposed ? 1 : inner,
        aColumn: transposed ? rows : 1,
        bOffset: 1,
        bBatch: i % 2 ? 0 : inner * columns,
        bRow: transposed ? 1 : columns,
        bColumn: transposed ? inner : 1,
        biasOffset: 2,
        biasBatch: columns,
        hasBias,
        activation: i % activations.length,
        storeZ: transposed,
      };
      const bindings = {
        a: data.normal(batch * rows * inner + 3),
        b: data.normal(batch * inner * columns + 1),
        bias: hasBias ? data.normal(batch * columns + 2) : undefined,
        y: batch * rows * columns,
        z: transposed ? batch * rows * columns : undefined,
      };
      await compare('matmul', params, bindings, transposed ? ['y', 'z'] : ['y'], { rtol: 2e-6, scale: 1 });
    }
  }
});

test('matmul: every activation', async () => {
  const data = new Data(2);
  for (const activation of activations.keys()) {
    const params = {
      batch: 1,
      rows: 40,
      columns: 40,
      inner: 1,
      aOffset: 0,
      aBatch: 0,
      aRow: 1,
      aColumn: 1,
      bOffset: 0,
      bBatch: 0,
      bRow: 40,
      bColumn: 1,
      biasOffset: 0,
      biasBatch: 0,
      hasBias: 0,
      activation,
      storeZ: 0,
    };
    const bindings = { a: data.uniform(40, -4, 4), b: data.uniform(40, -4, 4), y: 1600 };
    // gelu at −4 is the difference 1 + tanh of two numbers near 1.
    await compare('matmul', params, bindings, ['y'], { rtol: 2e-6, atol: 5e-7 });
  }
});

// ---------------------------------------------------------------- networks

interface Network {
  readonly dims: readonly number[];
  readonly rows: number;
  readonly nets: number;
  readonly activation: number;
  /** Columns of the second segment, 0 for one segment only. */
  readonly second: number;
  /** Rows the first segment has; the batch repeats them. */
  readonly x0Rows: number;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

function networkCase(network: Network, data: Data) {
  const { dims, rows, nets, activation, second, x0Rows } = network;
  const layers = dims.length - 1;
  const width0 = dims[0] - second;
  const params: Record<string, number> = {
    nets,
    rows,
    layers,
    activation,
    x0Offset: 2,
    x0Stride: width0 + 1,
    x0Rows,
    x0Width: width0,
    x1Offset: 0,
    x1Stride: second,
    x1Rows: rows,
    x1Width: second,
  };
  for (let i = 0; i <= MLP_LAYERS; i++) params[`d${i}`] = dims[i] ?? 0;
  const hidden = sum(dims.slice(1, -1)) * rows * nets;
  const count = nets * sum(dims.slice(1).map((out, l) => (dims[l] + 1) * out));
  return {
    params,
    hidden,
    count,
    x0: data.normal(x0Rows * (width0 + 1) + 2),
    x1: second ? data.normal(rows * second) : undefined,
    parameters: data.normal(count, 0.4),
    outputs: nets * rows * (dims.at(-1) as number),
  };
}

const networks: Network[] = [
  { dims: [1, 1], rows: 1, nets: 1, activation: 0, second: 0, x0Rows: 1 },
  { dims: [3, 16, 2], rows: 8, nets: 1, activation: 2, second: 0, x0Rows: 8 },
  { dims: [5, 17, 31, 1], rows: 9, nets: 2, activation: 1, second: 2, x0Rows: 3 },
  { dims: [4, 64, 65, 3], rows: 13, nets: 2, activation: 3, second: 1, x0Rows: 13 },
  { dims: [7, 15, 2], rows: 1, nets: 1, activation: 4, second: 3, x0Rows: 1 },
  { dims: [6, 33, 16, 5, 2], rows: 23, nets: 1, activation: 5, second: 0, x0Rows: 23 },
  { dims: [2, 9, 9, 9, 9, 9, 1], rows: 10, nets: 2, activation: 6, second: 1, x0Rows: 5 },
  { dims: [3, 5, 7, 9, 8, 6, 4, 6, 8, 9, 7, 5, 2], rows: 9, nets: 2, activation: 2, second: 1, x0Rows: 9 },
  { dims: [23, 130, 2], rows: 5, nets: 2, activation: 1, second: 6, x0Rows: 5 },
];
// A sum over at most 256 products and as many rows; each layer passes on the rounding of the one before.
const networkTolerance = { rtol: 5e-6, scale: 1 };

test('mlp_forward', async () => {
  const data = new Data(3);
  for (const network of networks) {
    const { params, hidden, x0, x1, parameters, outputs } = networkCase(network, data);
    for (const storeSaved of hidden ? [0, 1] : [0]) {
      const bindings = { x0, x1, parameters, y: outputs, saved: storeSaved ? hidden : undefined };
      const stored = storeSaved ? ['y', 'saved'] : ['y'];
      await compare('mlp_forward', { ...params, storeSaved }, bindings, stored, networkTolerance);
    }
  }
});

test('mlp_backward_inputs and mlp_backward_weights', async () => {
  const data = new Data(4);
  for (const [i, network] of networks.entries()) {
    const { params, hidden, x0, x1, parameters, outputs, count } = networkCase(network, data);
    const forward = { x0, x1, parameters, y: outputs, saved: hidden || undefined };
    const { saved } = await runKernelOn(
      oracle,
      'mlp_forward',
      { ...params, storeSaved: hidden ? 1 : 0 },
      forward,
    );
    const kept = saved && Float32Array.from(saved);
    const dy = data.normal(outputs);
    const { rows, second, dims } = network;
    const flags = { storeDz: hidden ? 1 : 0, storeDx0: (i + 1) % 2, storeDx1: second ? 1 : 0 };
    const back = {
      dy,
      parameters,
      saved: kept,
      dz: hidden || undefined,
      dx0: flags.storeDx0 ? rows * (dims[0] - second) : undefined,
      dx1: second ? rows * second : undefined,
    };
    const stored = ['dz', 'dx0', 'dx1'].filter((name) => back[name as keyof typeof back] !== undefined);
    const { dz } = await compare(
      'mlp_backward_inputs',
      { ...params, ...flags },
      back,
      stored,
      networkTolerance,
    );
    const weights = { x0, x1, saved: kept, dz: dz && Float32Array.from(dz), dy, dparameters: count };
    await compare('mlp_backward_weights', params, weights, ['dparameters'], networkTolerance);
  }
});

// ---------------------------------------------------------------- Gaussian policies

const gaussianSizes = [
  [1, 1, 1],
  [3, 5, 2],
  [2, 64, 1],
  [7, 13, 6],
  [1, 65, 17],
];
// The clamp's bounds themselves occur among the log-stds: there the gradient passes.
const bounds = { logStdMin: -2, logStdMax: 0.5 };

function head(data: Data, batch: number, actions: number): Float32Array {
  const values = data.normal(batch * 2 * actions);
  for (let row = 0; row < batch; row++) {
    for (let a = 0; a < actions; a++) {
      const at = row * 2 * actions + actions + a;
      values[at] = data.pick([-3, -2, 0.5, 0.75, data.uniform(1, -2, 0.5)[0]]);
    }
  }
  return values;
}

test('gaussian_sample', async () => {
  const data = new Data(5);
  for (const [samples, batch, actions] of gaussianSizes) {
    for (const squash of [0, 1]) {
      for (const [storeAction, storePreTanh, storeLogProb] of [
        [1, 1, 1],
        [1, 0, 0],
        [0, 0, 1],
      ]) {
        const params = {
          batch,
          samples,
          actions,
          squash,
          storeAction,
          storePreTanh,
          storeLogProb,
          ...bounds,
          noiseOffset: storePreTanh ? 5 : 0,
        };
        const each = samples * batch * actions;
        const bindings = {
          head: head(data, batch, actions),
          noise: data.normal(params.noiseOffset + each, 2),
          action: storeAction ? each : undefined,
          preTanh: storePreTanh ? each : undefined,
          logProb: storeLogProb ? samples * batch : undefined,
        };
        const stored = Object.entries({ action: storeAction, preTanh: storePreTanh, logProb: storeLogProb });
        const names = stored.filter(([, on]) => on).map(([name]) => name);
        // Terms up to 20 cancel: squares of noise against log-Jacobians.
        await compare('gaussian_sample', params, bindings, names, { rtol: 2e-6, atol: 5e-6 });
      }
    }
  }
});

test('gaussian_sample_backward', async () => {
  const data = new Data(6);
  for (const [samples, batch, actions] of gaussianSizes) {
    for (const squash of [0, 1]) {
      for (const [hasAction, hasPreTanh, hasLogProb] of [
        [1, 1, 1],
        [1, 0, 0],
        [0, 0, 1],
        [0, 1, 0],
      ]) {
        const params = { batch, samples, actions, squash, hasAction, hasPreTanh, hasLogProb, ...bounds };
        const each = samples * batch * actions;
        const bindings = {
          head: head(data, batch, actions),
          noise: data.normal(each),
          dAction: hasAction ? data.normal(each) : undefined,
          dPreTanh: hasPreTanh ? data.normal(each) : undefined,
          dLogProb: hasLogProb ? data.normal(samples * batch) : undefined,
          dHead: batch * 2 * actions,
        };
        await compare('gaussian_sample_backward', params, bindings, ['dHead'], { rtol: 3e-6, scale: 0.3 });
      }
    }
  }
});

test('gaussian_log_prob and its backward', async () => {
  const data = new Data(7);
  for (const [samples, batch, actions] of gaussianSizes) {
    for (const squash of [0, 1]) {
      const params = { batch, samples, actions, squash, ...bounds };
      const each = samples * batch * actions;
      const given = { head: head(data, batch, actions), value: data.normal(each) };
      const forward = { ...given, logProb: samples * batch };
      await compare('gaussian_log_prob', params, forward, ['logProb'], { rtol: 3e-6, atol: 5e-6 });
      for (const [storeDHead, storeDValue] of [
        [1, 1],
        [1, 0],
        [0, 1],
      ]) {
        const bindings = {
          ...given,
          dLogProb: data.normal(samples * batch),
          dHead: storeDHead ? batch * 2 * actions : undefined,
          dValue: storeDValue ? each : undefined,
        };
        const names = [...(storeDHead ? ['dHead'] : []), ...(storeDValue ? ['dValue'] : [])];
        const all = { ...params, storeDHead, storeDValue };
        await compare('gaussian_log_prob_backward', all, bindings, names, { rtol: 3e-6, scale: 0.3 });
      }
    }
  }
});

test('a squashed log-prob stays right far out in the tanh', async () => {
  const params = { batch: 1, samples: 6, actions: 1, squash: 1, logStdMin: -5, logStdMax: 5 };
  const bindings = {
    head: Float32Array.of(0, 1),
    value: Float32Array.of(-30, -9, 0, 5, 20, 44),
    logProb: 6,
  };
  // At −30 two terms near 60 leave −4.
  await compare('gaussian_log_prob', params, bindings, ['logProb'], { rtol: 1e-6, atol: 1e-5 });
});

// ---------------------------------------------------------------- losses

const lossSizes = [
  [1, 1, 1],
  [2, 1, 64],
  [2, 5, 13],
  [1, 16, 65],
  [3, 2, 257],
];
const lossTolerance = { rtol: 3e-6, scale: 0.3 };

/** Rounded to quarters, so that networks tie now and then. */
const quarters = (values: Float32Array): Float32Array => values.map((v) => Math.round(4 * v) / 4);

test('loss_reverse_kl, with ties between networks', async () => {
  const data = new Data(8);
  for (const [nets, samples, batch] of lossSizes) {
    const count = samples * batch;
    const bindings = {
      logProb: data.normal(count),
      q: quarters(data.normal(nets * count)),
      temperature: Float32Array.of(0.3),
      loss: 1,
      dLogProb: count,
      dQ: nets * count,
    };
    const params = { nets, samples, batch, storeLoss: 1, storeDLogProb: 1, storeDQ: 1 };
    await compare('loss_reverse_kl', params, bindings, ['loss', 'dLogProb', 'dQ'], lossTolerance);
    const only = { ...bindings, loss: undefined, dLogProb: undefined };
    await compare(
      'loss_reverse_kl',
      { ...params, storeLoss: 0, storeDLogProb: 0 },
      only,
      ['dQ'],
      lossTolerance,
    );
  }
});

test('loss_score with every baseline', async () => {
  const data = new Data(9);
  for (const [nets, samples, batch] of lossSizes) {
    for (const [baseline, name] of scoreBaselines.entries()) {
      if (name === 'loo' && samples === 1) continue;
      const count = samples * batch;
      const bindings = {
        logProb: data.normal(count),
        q: data.normal(nets * count),
        temperature: Float32Array.of(0.7),
        value: name === 'value' ? data.normal(batch) : undefined,
        loss: 1,
        dLogProb: count,
      };
      const params = { nets, samples, batch, baseline, storeLoss: 1, storeDLogProb: 1 };
      await compare('loss_score', params, bindings, ['loss', 'dLogProb'], lossTolerance);
    }
  }
});

test('loss_snis', async () => {
  const data = new Data(10);
  for (const [nets, samples, batch] of lossSizes) {
    const count = samples * batch;
    const bindings = {
      logProb: data.normal(count),
      q: data.normal(nets * count, 3),
      logProposal: data.normal(count),
      temperature: Float32Array.of(0.1),
      loss: 1,
      effectiveSampleSize: 1,
      dLogProb: count,
    };
    const params = { nets, samples, batch, storeLoss: 1, storeEss: 1, storeDLogProb: 1 };
    // Exponents near 100 carry an absolute rounding of 1e-5 into the weights.
    const outputs = ['loss', 'effectiveSampleSize', 'dLogProb'];
    await compare('loss_snis', params, bindings, outputs, { rtol: 3e-5, scale: 0.3 });
  }
});

test('loss_soft_bellman', async () => {
  const data = new Data(11);
  for (const [nets, , batch] of lossSizes) {
    const stride = 7;
    const transition = data.normal(batch * stride + 2);
    for (let row = 0; row < batch; row++) transition[2 + row * stride + 5] = data.below(2);
    const bindings = {
      transition,
      nextLogProb: data.normal(3 + batch),
      nextQ: data.normal(nets * batch),
      q: data.normal(nets * batch),
      temperature: Float32Array.of(0.2),
      loss: 1,
      dQ: nets * batch,
      target: batch,
    };
    const params = {
      nets,
      batch,
      transitionOffset: 2,
      transitionStride: stride,
      rewardColumn: 4,
      terminatedColumn: 5,
      storeLoss: 1,
      storeDQ: 1,
      storeTarget: 1,
      discount: 0.99,
      nextLogProbOffset: 3,
    };
    await compare('loss_soft_bellman', params, bindings, ['loss', 'dQ', 'target'], lossTolerance);
  }
});

// ---------------------------------------------------------------- state

/** First moments, then second ones, which are never negative. */
const momentsOf = (data: Data, count: number): Float32Array =>
  Float32Array.of(...data.normal(count, 0.1), ...data.uniform(count, 0.001, 0.1));

test('adam: first and late steps, weight decay of both kinds, clipping scale and target', async () => {
  const data = new Data(12);
  for (const [i, count] of [1, 64, 65, 1000].entries()) {
    for (const step of [0, 1, 5000]) {
      for (const [decoupled, hasScale, hasTarget] of [
        [0, 0, 0],
        [1, 1, 1],
      ]) {
        const params = {
          count,
          hasTarget,
          hasScale,
          decoupled,
          learningRate: 1e-3,
          beta1: 0.9,
          beta2: 0.999,
          epsilon: 1e-8,
          weightDecay: i % 2 ? 0.01 : 0,
          tau: 0.005,
          beta1Complement: 1 - 0.9,
          beta2Complement: 1 - 0.999,
        };
        const bindings = {
          parameters: data.normal(count),
          moments: step ? momentsOf(data, count) : 2 * count,
          gradient: data.normal(count),
          target: hasTarget ? data.normal(count) : undefined,
          scale: hasScale ? Float32Array.of(0.5) : undefined,
          clock: Uint32Array.of(1, 2, step, 0),
        };
        const names = ['parameters', ...(hasTarget ? ['target'] : [])];
        const { moments } = await compare('adam', params, bindings, names, { rtol: 1e-6, atol: 1e-7 });
        const expected = (await runKernelOn(oracle, 'adam', params, bindings)).moments;
        const what = `adam ${JSON.stringify(params)}`;
        const first = [moments, expected].map((both) => both.slice(0, count));
        assertClose(first[0], first[1], `${what} first moment`, { rtol: 1e-6, atol: 1e-7 });
        // 1 − 0.999 has lost 1.3e-5 of itself once 0.999 is a float32; the bias correction loses as much.
        const second = [moments, expected].map((both) => both.slice(count));
        assertClose(second[0], second[1], `${what} second moment`, { rtol: 2e-5 });
      }
    }
  }
});

test('philox: bits and uniforms are exact, normals to rounding', async () => {
  const clock = Uint32Array.of(0x12345678, 0x9abcdef0, 41, 7);
  for (const count of [1, 3, 4, 255, 256, 257, 1000]) {
    for (const [kind, name] of randomKinds.entries()) {
      const draw = 3;
      const params = { count, draw, kind, each: count, drawStep: 0 };
      const { y } = await runKernelOn(backend, 'philox', params, { clock, y: count });
      const words = new Uint32Array(4 * Math.ceil(count / 4));
      for (let block = 0; block < words.length / 4; block++) {
        philox4x32([block, clock[2], draw, clock[3]], clock, words, 4 * block);
      }
      if (name === 'bits') assert.equal([...y], [...words.slice(0, count)]);
      if (name === 'uniform') assert.equal([...y], [...words.slice(0, count)].map(uniformFromBits));
      if (name === 'normal') {
        const normals = Array.from({ length: words.length / 2 }, (_, pair) =>
          normalsFromBits(words[2 * pair], words[2 * pair + 1]),
        ).flat();
        assertClose(y, normals.slice(0, count), `normals of ${count}`, { rtol: 1e-6, atol: 2e-7 });
      }
    }
  }
});

test('philox: draws one after another are those made alone', async () => {
  const clock = Uint32Array.of(1, 2, 3, 4);
  for (const [kind] of randomKinds.entries()) {
    for (const each of [4, 64, 1028]) {
      const count = 2 * each + 1;
      const drawn = async (words: number, draw: number, drawStep: number) => {
        const params = { count: words, draw, kind, each, drawStep };
        return [...(await runKernelOn(backend, 'philox', params, { clock, y: words })).y];
      };
      const alone = [...(await drawn(each, 7, 0)), ...(await drawn(each, 5, 0)), ...(await drawn(1, 3, 0))];
      assert.equal(await drawn(count, 7, -2), alone);
    }
  }
});

test('replay_sample draws the rows that the words say', async () => {
  const data = new Data(13);
  const clock = Uint32Array.of(5, 6, 7, 8);
  for (const [batch, width, filled] of [
    [1, 1, 1],
    [13, 5, 40],
    [64, 9, 33],
    [5, 16, 40],
    [7, 37, 50],
  ]) {
    const storage = data.normal(50 * width);
    const bindings = { storage, fill: Uint32Array.of(filled, 0), clock, y: batch * width };
    const { y } = await runKernelOn(backend, 'replay_sample', { batch, width, draw: 2 }, bindings);
    const words = new Uint32Array(4 * Math.ceil(batch / 4));
    for (let block = 0; block < words.length / 4; block++)
      philox4x32([block, 7, 2, 8], clock, words, 4 * block);
    for (let row = 0; row < batch; row++) {
      const entry = mulHigh32(words[row], filled);
      const expected = storage.slice(entry * width, (entry + 1) * width);
      assert.equal([...y.slice(row * width, (row + 1) * width)], [...expected]);
    }
  }
});

test('gathered_nodes: equal steps of y between nodes, wherever centres are', async () => {
  const data = new Data(15);
  const places = [
    { centres: 1, lanes: 1, count: 4 },
    { centres: 3, lanes: 67, count: 320 },
    { centres: 5, lanes: 6, count: 88 },
    { centres: 2, lanes: 65_537, count: 3 },
  ];
  for (const params of places) {
    const size = params.centres * params.lanes;
    const scale = data.normal(size).map((x) => Math.exp(Math.min(3, 1.5 * x - 1)));
    // The last centre reaches everywhere, so that y rises everywhere.
    const isLast = (i: number) => i >= size - params.lanes;
    const bindings = {
      centre: data.normal(size).map((x) => 4 * x),
      scale,
      far: scale.map((x, i) => (isLast(i) ? 1e15 : Math.max(0.7, 8 * x))),
      weight: scale.map((_, i) => (isLast(i) ? 1 : i % 3 ? 1.5 : 0)),
      reach: data.normal(params.lanes).map((x) => 20 + Math.abs(x)),
      nodes: params.count * params.lanes,
      logLength: params.count * params.lanes,
    };
    const expected = await runKernelOn(oracle, 'gathered_nodes', params, bindings);
    const found = await runKernelOn(backend, 'gathered_nodes', params, bindings);
    // In units of the distance between nodes, and of what float32 holds of a node and of y.
    for (let i = 0; i < bindings.nodes; i++) {
      const length = Math.exp(expected.logLength[i]);
      const off = Math.abs(found.nodes[i] - expected.nodes[i]);
      const what = `${JSON.stringify(params)} node ${i}: ${found.nodes[i]}, not ${expected.nodes[i]}`;
      assert.ok(off <= 1e-3 * length + 3e-7 * Math.abs(expected.nodes[i]), what);
    }
    assertClose(found.logLength, expected.logLength, 'logLength', {
      rtol: params.count > 4 ? 1e-3 : 1e-2,
      scale: 1,
    });
  }
});

test('gathered_nodes: integrals do not feel that float32 moves nodes', async () => {
  // A Gaussian of deviation e⁻⁶ around 12: its nodes are some hundred steps of float32 apart.
  const [lanes, count, deviation] = [16, 640, Math.exp(-6)];
  const centres = Float32Array.from({ length: lanes }, (_, i) => 12 - 0.1 * i);
  const column = (own: number, middle: number) =>
    Float32Array.from({ length: 2 * lanes }, (_, i) => (i < lanes ? own : middle));
  const found = await runKernelOn(
    backend,
    'gathered_nodes',
    { centres: 2, lanes, count },
    {
      centre: Float32Array.from([...centres, ...new Float32Array(lanes)]),
      scale: column(2 * deviation, 1),
      far: column(0.7, 1e15),
      weight: column(1.5, 1),
      reach: new Float32Array(lanes).fill(26),
      nodes: count * lanes,
      logLength: count * lanes,
    },
  );
  for (let lane = 0; lane < lanes; lane++) {
    const moments = [0, 0, 0];
    for (let i = lane; i < count * lanes; i += lanes) {
      const z = (found.nodes[i] - centres[lane]) / deviation;
      const mass = Math.exp(found.logLength[i] - 0.5 * z * z) / (deviation * Math.sqrt(2 * Math.PI));
      moments.forEach((_, k) => {
        moments[k] += mass * z ** k;
      });
    }
    // Without the correction of lengths they are off by up to 4e-5.
    const off = Math.max(...moments.map((x, k) => Math.abs(x - [1, 0, 1][k])));
    assert.ok(off < 1e-5, `lane ${lane}: moments are off by ${off}: ${moments}`);
  }
});

test('gather and scatter_add', async () => {
  const data = new Data(14);
  for (const [outer, entries, picks, inner] of [
    [1, 1, 1, 1],
    [3, 7, 2, 5],
    [65, 4, 1, 1],
    [2, 5, 40, 3],
  ]) {
    const params = { outer, entries, picks, inner };
    const index = data.integers(outer * picks * inner, entries);
    const gathered = { x: data.normal(outer * entries * inner), index, y: outer * picks * inner };
    await compare('gather', params, gathered, ['y'], { rtol: 0 });
    const scattered = { x: data.normal(outer * picks * inner), index, y: outer * entries * inner };
    await compare('scatter_add', params, scattered, ['y'], { rtol: 1e-6, scale: 1 });
  }
  const outside = { x: Float32Array.of(1, 2), index: Float32Array.of(-1, 1, 2), y: 3 };
  const { y } = await runKernelOn(backend, 'gather', { outer: 1, entries: 2, picks: 3, inner: 1 }, outside);
  assert.ok(Number.isNaN(y[0]) && y[1] === 2 && Number.isNaN(y[2]));
});

test('temperature_step: entropy, the step on log α', async () => {
  const data = new Data(21);
  for (const samples of [1, 7, 256, 257, 3000]) {
    const params = {
      samples,
      decoupled: 0,
      hasTarget: 0,
      targetEntropy: -2,
      learningRate: 3e-4,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
      tau: 0,
      beta1Complement: 1 - 0.9,
      beta2Complement: 1 - 0.999,
      place: 9,
      logMin: -20,
      logMax: 20,
    };
    const bindings = {
      logProb: data.normal(samples),
      parameters: Float32Array.of(-0.7),
      moments: momentsOf(data, 1),
      entropy: 1,
      clock: Uint32Array.of(1, 2, 40 * samples, 0, 0, 0),
    };
    const names = ['parameters', 'moments', 'entropy'];
    await compare('temperature_step', params, bindings, names, { rtol: 2e-6, atol: 1e-7 });
    for (const [logMin, logMax] of [
      [-0.5, 2],
      [-3, -0.9],
    ]) {
      const bounded = { ...params, logMin, logMax };
      const { parameters } = await runKernelOn(backend, 'temperature_step', bounded, bindings);
      assert.is(parameters[0], Math.fround(logMin > -0.7 ? logMin : logMax), 'kept within its bounds');
    }
    const broken = { ...bindings, logProb: Float32Array.of(Number.NaN, ...bindings.logProb.slice(1)) };
    const { clock } = await runKernelOn(backend, 'temperature_step', params, broken);
    assert.equal([...clock], [1, 2, 40 * samples, 0, 40 * samples + 1, 9], 'a NaN is noted');
  }
});

test('assign and tick', async () => {
  const x = new Data(15).normal(130);
  const { y } = await runKernelOn(backend, 'assign', { count: 129 }, { x, y: 130 });
  assert.equal([...y], [...x.slice(0, 129), 0]);
  const { clock } = await runKernelOn(
    backend,
    'tick',
    { watched: 0, place: 0 },
    { clock: Uint32Array.of(9, 8, 7, 6) },
  );
  assert.equal([...clock], [9, 8, 8, 6]);
});

test('items past the widest dispatch wrap into another dimension', async () => {
  // 64 · 65,535 items fit along x; y is written at both ends.
  const count = 64 * 65_535 + 1;
  const x = new Float32Array(count);
  x[0] = 1;
  x[count - 1] = 2;
  const { y } = await runKernelOn(backend, 'assign', { count }, { x, y: count });
  assert.is(y[0], 1);
  assert.is(y[count - 1], 2);
});

test.run();
