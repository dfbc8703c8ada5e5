import { test } from 'uvu';
import { scoreBaselines } from '../../src/kernels/index.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { logSumExp } from '../../src/math/special.ts';
import { close, finiteDifferences, runKernel } from '../helpers/cpu-run.ts';

const random = new PhiloxStream(4);
const normals = (count: number) => Float64Array.from({ length: count }, () => random.nextNormal());

const [nets, samples, batch] = [2, 3, 4];
const count = samples * batch;
const temperature = [0.7];
const q = normals(nets * count);
const logProb = normals(count);
const tolerance = { rtol: 1e-6, atol: 1e-8 };

const minQ = (x: ArrayLike<number>, i: number, stride: number): number => Math.min(x[i], x[i + stride]);
const f = logProb.map((l, i) => l - minQ(q, i, count) / temperature[0]);
const mean = (x: ArrayLike<number>): number => Array.from(x).reduce((sum, v) => sum + v, 0) / x.length;
/** Samples of one batch row. */
const columnOf = (x: ArrayLike<number>, b: number): number[] =>
  Array.from({ length: samples }, (_, s) => x[s * batch + b]);

test('loss_reverse_kl: value and both gradients', async () => {
  const params = { nets, samples, batch, storeLoss: 1, storeDLogProb: 1, storeDQ: 1 };
  const run = (l: ArrayLike<number>, x: ArrayLike<number>) =>
    runKernel('loss_reverse_kl', params, {
      logProb: l,
      q: x,
      temperature,
      loss: 1,
      dLogProb: count,
      dQ: nets * count,
    });
  const { loss, dLogProb, dQ } = await run(logProb, q);
  close(loss, [mean(f)], 'loss');
  close(
    dLogProb,
    await finiteDifferences(async (l) => (await run(l, q)).loss[0], logProb),
    'dLogProb',
    tolerance,
  );
  close(dQ, await finiteDifferences(async (x) => (await run(logProb, x)).loss[0], q), 'dQ', tolerance);
});

test('loss_reverse_kl: tied nets share the gradient, and a NaN shows in all of them', async () => {
  const { dQ } = await runKernel(
    'loss_reverse_kl',
    { nets: 3, samples: 1, batch: 2, storeDQ: 1 },
    { logProb: [0, 0], q: [1, Number.NaN, 1, 2, 5, 3], temperature: [1], dQ: 6 },
  );
  const none = Number.NaN;
  close(dQ, [-0.25, none, -0.25, none, 0, none], 'dQ');
});

for (const [number, baseline] of scoreBaselines.entries()) {
  test(`loss_score with baseline ${baseline}`, async () => {
    const value = normals(batch);
    const { loss, dLogProb } = await runKernel(
      'loss_score',
      { nets, samples, batch, baseline: number, storeLoss: 1, storeDLogProb: 1 },
      { logProb, q, temperature, value, loss: 1, dLogProb: count },
    );
    close(loss, [mean(f)], 'loss');
    const expected = f.map((v, i) => {
      const b = i % batch;
      const others = columnOf(f, b).filter((_, s) => s !== Math.floor(i / batch));
      const centre = { none: 0, mean: mean(columnOf(f, b)), loo: mean(others), value: value[b] }[baseline];
      return (v - centre) / count;
    });
    close(dLogProb, expected, 'dLogProb');
  });
}

test('loss_snis: value, effective sample size, gradient with the weights constant, huge log-weights', async () => {
  const logProposal = normals(count);
  const params = { nets, samples, batch, storeLoss: 1, storeEss: 1, storeDLogProb: 1 };
  for (const shift of [0, 1000]) {
    const shifted = q.map((v) => v + shift);
    const run = (l: ArrayLike<number>) =>
      runKernel('loss_snis', params, {
        ...{ logProb: l, q: shifted, logProposal, temperature },
        ...{ loss: 1, effectiveSampleSize: 1, dLogProb: count },
      });
    const { loss, effectiveSampleSize, dLogProb } = await run(logProb);
    let expectedLoss = 0;
    let expectedSize = 0;
    for (let b = 0; b < batch; b++) {
      const logWeights = columnOf(
        q.slice(0, count).map((_, i) => minQ(q, i, count) / temperature[0] - logProposal[i]),
        b,
      );
      const weights = logWeights.map((l) => Math.exp(l - logSumExp(logWeights)));
      weights.forEach((w, s) => {
        expectedLoss -= (w * logProb[s * batch + b]) / batch;
      });
      expectedSize += 1 / weights.reduce((sum, w) => sum + w * w, 0) / batch;
    }
    close(loss, [expectedLoss], 'loss', { rtol: 1e-10, atol: 1e-10 });
    close(effectiveSampleSize, [expectedSize], 'effectiveSampleSize', { rtol: 1e-10, atol: 1e-10 });
    close(
      dLogProb,
      await finiteDifferences(async (l) => (await run(l)).loss[0], logProb),
      'dLogProb',
      tolerance,
    );
  }
});

test('loss_soft_bellman: value, target, gradient; termination stops the bootstrap', async () => {
  const [stride, offset, discount] = [5, 2, 0.9];
  const transition = normals(offset + batch * stride);
  for (let b = 0; b < batch; b++) transition[offset + b * stride + 4] = b % 2;
  const nextQ = normals(nets * batch);
  const nextLogProb = normals(1 + batch);
  const current = normals(nets * batch);
  const params = {
    ...{
      nets,
      batch,
      transitionOffset: offset,
      transitionStride: stride,
      rewardColumn: 1,
      terminatedColumn: 4,
    },
    ...{ storeLoss: 1, storeDQ: 1, storeTarget: 1, discount, nextLogProbOffset: 1 },
  };
  const run = (x: ArrayLike<number>) =>
    runKernel('loss_soft_bellman', params, {
      ...{ transition, nextLogProb, nextQ, q: x, temperature },
      ...{ loss: 1, dQ: nets * batch, target: batch },
    });
  const { loss, dQ, target } = await run(current);
  const expected = Array.from({ length: batch }, (_, b) => {
    const next = minQ(nextQ, b, batch) - temperature[0] * nextLogProb[1 + b];
    return transition[offset + b * stride + 1] + (b % 2 ? 0 : discount * next);
  });
  close(target, expected, 'target');
  const squared = current.map((v, i) => (v - expected[i % batch]) ** 2);
  close(loss, [mean(squared) * nets], 'loss');
  close(dQ, await finiteDifferences(async (x) => (await run(x)).loss[0], current), 'dQ', tolerance);
});

test.run();
