// What is summarised of measurements: each field from the field of that name, and every setting of a play counts.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import type { UpdateCost } from '../../src/measure/cost.ts';
import { fitLine } from '../../src/measure/knee.ts';
import type { ScalingReport } from '../../src/measure/scaling.ts';
import { pointsOf } from '../../src/measure/scaling-summary.ts';
import { measureThroughput } from '../../src/measure/throughput.ts';
import type { QualityRow } from '../../src/quality/quality.ts';
import { summarise } from '../../src/quality/summary.ts';
import { animatedPage, animatedSvg } from '../../src/report/animation.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { SavedPolicy, savePolicy } from '../../src/rl/policy-file.ts';
import { play } from '../../src/study/play.ts';

const test = suite('summaries');

test('a summary of qualities takes each figure from its own, and resolved is told from 0', () => {
  const figure = (value: number, low = value / 2) => ({ value, low, high: 2 * value });
  const row = (target: string, k: number, biasLow: number) =>
    ({
      ...{ estimator: 'e', distribution: 'd', target, temperature: 1, samples: 16, exactNorm: 2 },
      ...{ bias: figure(0.5 * k, biasLow), relativeBias: figure(0.25 * k, biasLow), variance: figure(8 * k) },
      ...{ cosine: figure(0.1 * k), effectiveSampleSize: figure(4 * k), ms: figure(3 * k) },
    }) as unknown as QualityRow;
  const [found] = summarise({ rows: [row('a', 1, 0), row('b', 2, 0.1), row('c', 3, 0)] });
  const over = (value: number) => ({ value: 2 * value, low: value, high: 3 * value });
  const { cosine, ...others } = found;
  assert.equal(others, {
    ...{ estimator: 'e', distribution: 'd', samples: 16, problems: 3, biasResolved: 1 },
    ...{ relativeBias: over(0.25), relativeVariance: over(2), effectiveFraction: over(0.25), ms: over(3) },
    workNormalisedVariance: { value: 4 * 6, low: 6, high: 6 * 9 },
  });
  assert.ok(Math.abs((cosine?.value ?? 0) - 0.2) < 1e-12);
});

test('a point of scaling has every field from the field of its name', () => {
  const names = ['rounds', 'msPerUpdate', 'kernelsPerUpdate', 'flops', 'bytes', 'arenaBytes', 'liveBytes'];
  names.push('stateBytes', 'portBytes', 'literalBytes');
  const cost = (k: number) =>
    ({
      ...Object.fromEntries(names.map((name, i) => [name, 100 * k + i])),
      msInterval: { low: k, high: 2 * k, coverage: 0.95 },
    }) as unknown as UpdateCost;
  const report = {
    values: [8, 64],
    reports: [1, 2].map((k) => ({ rows: [{ estimator: 'e', ...cost(k) }] })),
    wholeUpdates: [cost(3), undefined],
  } as unknown as ScalingReport;
  assert.equal(
    pointsOf(report).map(({ estimator: _, ...point }) => point),
    [
      { size: 8, ...cost(1) },
      { size: 8, ...cost(3) },
      { size: 64, ...cost(2) },
    ],
  );
});

test('the intervals of a line leave 2.5% at each end', () => {
  // With two sizes at their exact times and one off, resampled residuals take few values: ends far out are seen.
  const works = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
  const points = works.map((work, i) => ({ work, ms: (2 + 0.01 * work) * Math.exp(0.1 * Math.sin(7 * i)) }));
  const line = fitLine(points);
  if (!line) throw new Error('no line');
  // Overhead and rate of the same bootstrap by its normal approximation: ends 1.96 deviations away, alike on both sides.
  const { overheadMs, overheadInterval, msPerWork, msPerWorkInterval } = line;
  for (const [value, { low, high }] of [
    [overheadMs, overheadInterval],
    [msPerWork, msPerWorkInterval],
  ] as const) {
    const skew = (high - value) / (value - low);
    assert.ok(skew > 0.85 && skew < 1.25, `${low} to ${high} about ${value}: ${skew}`);
  }
});

test('a sampled play depends on its seed alone: equal seeds, equal returns', async () => {
  const device = new Device(createCpuBackend());
  const learner = new ActorCritic({
    ...{ observations: 1, actions: { kind: 'box', size: 1 }, hidden: [4], seed: 1 },
    ...{ estimator: chooseEstimator('reverse-kl/pathwise'), family: distributionFamily('tanh-gaussian') },
  });
  const saved = new SavedPolicy(await savePolicy(device, learner, 'bimodal-bandit'));
  await device.dispose();
  const returns = async (seed: number, stochastic: boolean) => {
    const own = new Device(createCpuBackend());
    // A bandit begins the same whatever its seed: what differs is what the policy draws.
    const environments = [0, 1, 2].map(() => makeEnvironment('bimodal-bandit'));
    const { episodes } = await play(own, saved, { environments, seed, stochastic, record: false });
    await own.dispose();
    return episodes.map((episode) => episode.return);
  };
  const [three, again, four] = [await returns(3, true), await returns(3, true), await returns(4, true)];
  assert.equal(three, again);
  assert.is(new Set([...three, ...four]).size, 6);
  assert.equal(await returns(3, false), await returns(4, false));
});

test('a film shows as many frames a second as asked', () => {
  const view = { left: 0, right: 1, bottom: 0, top: 1 };
  const scenes = Array.from({ length: 12 }, () => ({ view, shapes: [] }));
  assert.match(animatedSvg(scenes, 'a film', 4), /dur="3s"/);
  assert.match(animatedSvg(scenes, 'a film', 24), /dur="0.5s"/);
  assert.match(animatedPage(scenes, 'a film', 50), /\}, 20\);/);
});

test('steps a second are steps over seconds: no more time than has passed', async () => {
  const device = new Device(createCpuBackend());
  const steps = 50;
  const begun = performance.now();
  const settings = { hidden: [4], batch: 4, steps, seed: 0 };
  const row = await measureThroughput(device, 'bimodal-bandit', settings);
  const passed = (performance.now() - begun) / 1000;
  await device.dispose();
  assert.ok(steps / row.stepsPerSecond <= passed, `${steps / row.stepsPerSecond} s of ${passed} s`);
});

test.run();
