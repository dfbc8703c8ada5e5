import { test } from 'uvu';
import { PhiloxStream } from '../../src/math/philox.ts';
import { close, dot, finiteDifferences, runKernel } from '../helpers/cpu-run.ts';

const random = new PhiloxStream(3);
const normals = (count: number, scale = 1) =>
  Float64Array.from({ length: count }, () => scale * random.nextNormal());

const [samples, batch, actions] = [3, 4, 2];
const size = samples * batch * actions;
// Bounds that some of the log-stds pass, so that the clamp shows.
const bounds = { logStdMin: -0.8, logStdMax: 0.9 };
const head = normals(batch * 2 * actions, 0.8);
head[2] = -1.5;
head[7] = 1.5;
const noise = normals(size);
const value = normals(size);
const tolerance = { rtol: 1e-6, atol: 1e-7 };

/** Log-density by the textbook formula, with the Jacobian as log(1 − tanh²). */
function density(u: ArrayLike<number>, squash: number): Float64Array {
  const result = new Float64Array(samples * batch);
  for (let item = 0; item < samples * batch; item++) {
    for (let a = 0; a < actions; a++) {
      const row = (item % batch) * 2 * actions + a;
      const std = Math.exp(Math.min(Math.max(head[row + actions], bounds.logStdMin), bounds.logStdMax));
      const x = u[item * actions + a];
      const normal = Math.exp(-0.5 * ((x - head[row]) / std) ** 2) / (std * Math.sqrt(2 * Math.PI));
      result[item] += Math.log(normal) - (squash ? Math.log(1 - Math.tanh(x) ** 2) : 0);
    }
  }
  return result;
}

for (const squash of [0, 1]) {
  const shared = { batch, samples, actions, squash, ...bounds };
  const sample = (h: Float64Array) =>
    runKernel(
      'gaussian_sample',
      { ...shared, storeAction: 1, storePreTanh: 1, storeLogProb: 1, noiseOffset: 2 },
      { head: h, noise: [0, 0, ...noise], action: size, preTanh: size, logProb: samples * batch },
    );

  test(`gaussian_sample, squash ${squash}: action and density`, async () => {
    const { action, preTanh, logProb } = await sample(head);
    close(
      action,
      preTanh.map((u) => (squash ? Math.tanh(u) : u)),
      'action',
    );
    close(logProb, density(preTanh, squash), 'logProb', { rtol: 1e-10, atol: 1e-10 });
    const clamped = preTanh[0] - head[0];
    close([clamped], [noise[0] * Math.exp(-0.8)], 'lower bound of the log-std');
  });

  test(`gaussian_sample_backward, squash ${squash}: finite differences, all cotangents and each alone`, async () => {
    const cotangents = {
      dAction: normals(size),
      dPreTanh: normals(size),
      dLogProb: normals(samples * batch),
    };
    for (const [hasAction, hasPreTanh, hasLogProb] of [
      [1, 1, 1],
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]) {
      const { dHead } = await runKernel(
        'gaussian_sample_backward',
        { ...shared, hasAction, hasPreTanh, hasLogProb },
        { head, noise, ...cotangents, dHead: head.length },
      );
      const loss = async (h: Float64Array) => {
        const { action, preTanh, logProb } = await sample(h);
        const terms = [
          hasAction * dot(action, cotangents.dAction),
          hasPreTanh * dot(preTanh, cotangents.dPreTanh),
          hasLogProb * dot(logProb, cotangents.dLogProb),
        ];
        return terms[0] + terms[1] + terms[2];
      };
      close(
        dHead,
        await finiteDifferences(loss, head),
        `dHead ${hasAction}${hasPreTanh}${hasLogProb}`,
        tolerance,
      );
    }
  });

  test(`gaussian_log_prob and its backward, squash ${squash}`, async () => {
    const logProbOf = async (h: Float64Array, v: Float64Array) =>
      (await runKernel('gaussian_log_prob', shared, { head: h, value: v, logProb: samples * batch })).logProb;
    close(await logProbOf(head, value), density(value, squash), 'logProb', { rtol: 1e-10, atol: 1e-10 });
    const dLogProb = normals(samples * batch);
    const { dHead, dValue } = await runKernel(
      'gaussian_log_prob_backward',
      { ...shared, storeDHead: 1, storeDValue: 1 },
      { head, value, dLogProb, dHead: head.length, dValue: size },
    );
    const byHead = await finiteDifferences(async (h) => dot(await logProbOf(h, value), dLogProb), head);
    close(dHead, byHead, 'dHead', tolerance);
    const byValue = await finiteDifferences(async (v) => dot(await logProbOf(head, v), dLogProb), value);
    close(dValue, byValue, 'dValue', tolerance);
  });
}

test('the density of a squashed action stays finite far out', async () => {
  const { logProb } = await runKernel(
    'gaussian_log_prob',
    { batch: 1, samples: 1, actions: 1, squash: 1, logStdMin: -20, logStdMax: 2 },
    { head: [0, 0], value: [300], logProb: 1 },
  );
  // log(1 − tanh² u) → 2 log 2 − 2u.
  close(logProb, [-0.5 * 300 ** 2 - 0.5 * Math.log(2 * Math.PI) - (2 * Math.LN2 - 600)], 'logProb');
});

test('gradients pass at the bounds of the clamp, not beyond, and a NaN head stays visible', async () => {
  const { dHead } = await runKernel(
    'gaussian_log_prob_backward',
    { batch: 4, samples: 1, actions: 1, storeDHead: 1, logStdMin: -1, logStdMax: 1 },
    { head: [0, -1, 0, 1, 0, 1.001, 0, Number.NaN], value: [0, 0, 0, 0], dLogProb: [1, 1, 1, 1], dHead: 8 },
  );
  close([dHead[1], dHead[3], dHead[5], dHead[7]], [-1, -1, 0, Number.NaN], 'd log-std');
});

test.run();
