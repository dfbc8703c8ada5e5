// Every purpose of every seed has random numbers of its own.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { environmentSeed } from '../../src/envs/vector.ts';
import { UsageError } from '../../src/errors.ts';
import { drawnSeed, PhiloxStream, philox4x32 } from '../../src/math/philox.ts';
import { type Purpose, purposes, streamKey } from '../../src/math/streams.ts';
import { mlp } from '../../src/nn/index.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { evaluationSeeds } from '../../src/rl/evaluator.ts';
import { train } from '../../src/rl/train.ts';
import { playSeeds } from '../../src/study/play.ts';
import { clockState } from '../../src/tape/index.ts';

const names = Object.keys(purposes) as Purpose[];
const largest = Number.MAX_SAFE_INTEGER;
/** Neighbours, and words that carry. */
const edges = [
  0,
  1,
  2,
  3,
  2 ** 21,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 52,
  largest - 1,
  largest,
];

test('numbers of purposes are all different and fit beside the seed', () => {
  const numbers = Object.values(purposes);
  assert.is(new Set(numbers).size, numbers.length);
  assert.ok(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 11));
});

test('no two seeds, purposes or indices share a block', () => {
  const random = new PhiloxStream(1);
  const seeds = [
    ...edges,
    ...Array.from({ length: 40 }, () => drawnSeed(7, 'plain', random.nextInt(2 ** 31))),
  ];
  const blocks = new Set<string>();
  let count = 0;
  for (const seed of seeds)
    for (const purpose of names)
      for (const index of [0, 1, 2, 3, 2 ** 32 - 1]) {
        const key = streamKey(seed, purpose);
        assert.ok(key.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32));
        // What the stream gives is the block of this key and counter.
        const block = new Uint32Array(4);
        philox4x32([0, 0, index, 0xffffffff], key, block);
        const stream = new PhiloxStream(seed, purpose, index);
        assert.equal([stream.nextUint32(), stream.nextUint32()], [...block.subarray(0, 2)]);
        blocks.add(`${key} ${index}`);
        blocks.add([...block].join());
        count += 2;
      }
  assert.is(blocks.size, count);
});

test('clocks have the key of their purpose, and nothing of the host’s last counter word', () => {
  for (const seed of edges)
    for (const purpose of names)
      assert.equal(
        [...(clockState(seed, 'clock', purpose).initial ?? [])],
        [...streamKey(seed, purpose), 0, 0, 0, 0],
      );
  // A program of a caller's own is keyed by the seed alone, as reference values of other implementations are.
  assert.equal(streamKey(2 ** 33 + 5, 'plain'), [5, 2]);
});

test('seeds out of range are refused by name, wherever they are given', async () => {
  const device = new Device(createCpuBackend());
  for (const seed of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
    const refused = (error: unknown) =>
      error instanceof UsageError && error.message.includes(`random seed is ${seed}.`);
    for (const make of [
      () => clockState(seed),
      () => mlp({ inputs: 1, hidden: [], outputs: 1, seed }),
      () => makeEnvironment('pendulum').reset(seed),
      () => environmentSeed(seed, 0),
      () => playSeeds(seed, 1),
    ])
      assert.throws(make, refused);
    const compiled = await device.compile(() => ({}), { seed }).catch((error: unknown) => error);
    assert.ok(refused(compiled), String(compiled));
  }
  await device.dispose();
});

const learnerOf = (seed: number, estimator = 'reverse-kl/score:value') =>
  new ActorCritic({
    observations: 3,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator(estimator),
    family: distributionFamily('tanh-gaussian'),
    hidden: [4],
    seed,
  });

test('the largest seed trains', async () => {
  const device = new Device(createCpuBackend());
  const [evaluation] = await train(device, {
    makeEnvironment: () => makeEnvironment('pendulum'),
    learner: learnerOf(largest),
    ...{ steps: 6, batch: 2, warmup: 2, evaluateEvery: 6, evaluationEpisodes: 1, seed: largest },
  });
  assert.ok(Number.isFinite(evaluation.meanReturn));
  await device.dispose();
});

/** The first numbers of everything that a run of a seed draws, each uniform in (−1, 1). */
function firstDraws(seed: number): Map<string, number[]> {
  const learner = learnerOf(seed);
  const draws = new Map<string, number[]>();
  const weights = (name: string, values: ArrayLike<number> | undefined, from: number, inputs: number) =>
    draws.set(
      name,
      Array.from({ length: 4 }, (_, i) => (values?.[from + i] ?? 0) * Math.sqrt(inputs)),
    );
  const initial = (network: { parameters: { initial?: ArrayLike<number> | undefined } } | undefined) =>
    network?.parameters.initial;
  weights('policy', initial(learner.policy), 0, 3);
  weights('value', initial(learner.policyLearner.value), 0, 3);
  const critics = initial(learner.critics);
  weights('critic 0', critics, 0, 4);
  weights('critic 1', critics, (critics?.length ?? 0) / 2, 4);
  const starts = (name: string, at: number) => {
    const environment = makeEnvironment('pendulum');
    environment.reset(at);
    const [angle, speed] = environment.getState().physics;
    draws.set(name, [angle / Math.PI, speed]);
  };
  starts('environment of the seed', seed);
  for (const place of [0, 1]) starts(`start ${place}`, environmentSeed(seed, place));
  for (const step of [1000, 2000])
    evaluationSeeds(seed, step, 2).forEach((each, i) => {
      starts(`evaluation ${step}, ${i}`, each);
    });
  playSeeds(seed, 2).forEach((each, i) => {
    starts(`play ${i}`, each);
  });
  const words = (name: string, next: () => number) =>
    draws.set(
      name,
      Array.from({ length: 4 }, () => next() * 2 ** -31 - 1),
    );
  const warmup = new PhiloxStream(seed, 'warmup');
  draws.set(
    'warm-up',
    Array.from({ length: 4 }, () => warmup.uniformIn(-1, 1)),
  );
  for (const purpose of ['update', 'act', 'playActions', 'plain'] as const) {
    const key = clockState(seed, 'clock', purpose).initial?.subarray(0, 2) as Uint32Array;
    const block = new Uint32Array(4);
    philox4x32([0, 0, 0, 0], key, block);
    let at = 0;
    words(purpose, () => block[at++]);
  }
  return draws;
}

test('what a run draws for one purpose says nothing of another, nor of the next seeds', () => {
  const seeds = 400;
  const runs = Array.from({ length: seeds + 3 }, (_, seed) => firstDraws(seed));
  const limit = 5.2 / Math.sqrt(seeds);
  const keys = [...runs[0].keys()];
  assert.ok(keys.length >= 17);
  let worst = 0;
  // Uniform in (−1, 1): mean 0, variance 1/3.
  const correlation = (a: string, b: string, shift: number, i: number) => {
    let sum = 0;
    for (let seed = 0; seed < seeds; seed++)
      sum += (runs[seed].get(a)?.[i] ?? 0) * (runs[seed + shift].get(b)?.[i] ?? 0);
    return (3 * sum) / seeds;
  };
  for (const a of keys)
    for (const b of keys)
      for (const shift of [0, 1, 2, 3])
        for (const i of [0, 1]) {
          if (a === b && shift === 0) continue;
          const found = Math.abs(correlation(a, b, shift, i));
          worst = Math.max(worst, found);
          assert.ok(found < limit, `${a} of seed s, ${b} of seed s + ${shift}: correlation ${found}`);
        }
  assert.ok(worst > 0.05, 'a correlation was computed');
});

test('starts of evaluations depend on the step, and all differ', () => {
  const seeds = [0, 1, 2].flatMap((seed) =>
    [1, 2, 1000, 1001].flatMap((step) => evaluationSeeds(seed, step, 10)),
  );
  assert.is(new Set([...seeds, ...[0, 1, 2].flatMap((seed) => playSeeds(seed, 10))]).size, 150);
  assert.equal(evaluationSeeds(3, 50, 2), evaluationSeeds(3, 50, 5).slice(0, 2));
});

test.run();
