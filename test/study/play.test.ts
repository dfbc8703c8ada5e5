// Playing a saved policy: the returns that training itself measured, and films that hold every frame.

import { parseHTML } from 'linkedom';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { DataError, UsageError } from '../../src/errors.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { animatedPage, animatedSvg, svgFrames } from '../../src/report/animation.ts';
import { actionMap } from '../../src/rl/actions.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { evaluationSeeds } from '../../src/rl/evaluator.ts';
import { type PolicyFile, SavedPolicy, savePolicy } from '../../src/rl/policy-file.ts';
import { train } from '../../src/rl/train.ts';
import { meanInterval, play } from '../../src/study/play.ts';

async function trained(name: string, family: string) {
  const device = new Device(createCpuBackend());
  const environment = makeEnvironment(name);
  const learner = new ActorCritic({
    observations: environment.observationSpace.low.length,
    actions: actionMap(environment.actionSpace).kind,
    estimator: chooseEstimator('reverse-kl/score'),
    family: distributionFamily(family),
    hidden: [8],
  });
  const evaluations = await train(device, {
    makeEnvironment: () => makeEnvironment(name),
    learner,
    steps: 60,
    warmup: 20,
    batch: 8,
    evaluateEvery: 60,
    evaluationEpisodes: 3,
    seed: 5,
  });
  const file = await savePolicy(device, learner, name);
  await device.dispose();
  return { evaluation: evaluations[0], file };
}

async function played(
  file: PolicyFile,
  name: string,
  options: { seed: number; seeds?: number[]; stochastic?: boolean; count?: number },
) {
  const device = new Device(createCpuBackend());
  try {
    return await play(device, new SavedPolicy(file), {
      environments: Array.from({ length: options.count ?? 3 }, () => makeEnvironment(name)),
      seed: options.seed,
      ...(options.seeds ? { seeds: options.seeds } : {}),
      stochastic: options.stochastic ?? false,
      record: true,
    });
  } finally {
    await device.dispose();
  }
}

for (const [name, family] of [
  ['pendulum', 'tanh-gaussian'],
  ['cartpole', 'categorical'],
]) {
  test(`${name}: from training's seeds the returns are those of its last evaluation`, async () => {
    const { evaluation, file } = await trained(name, family);
    const { episodes, scenes } = await played(file, name, { seed: 1, seeds: evaluationSeeds(5, 60, 3) });
    assert.equal(
      episodes.map((episode) => episode.return),
      evaluation.returns,
    );
    assert.is(scenes.length, episodes[0].steps + 1);
    for (const { steps, terminated, truncated } of episodes) {
      assert.ok(terminated || truncated);
      if (name === 'cartpole') assert.is(truncated, steps === 500);
    }
    const sampled = await played(file, name, { seed: 9, stochastic: true });
    assert.equal((await played(file, name, { seed: 9, stochastic: true })).episodes, sampled.episodes);
    assert.not.equal((await played(file, name, { seed: 9 })).episodes, sampled.episodes);
    await played(file, 'acrobot', { seed: 0 }).then(
      () => assert.unreachable(),
      (error: unknown) =>
        assert.ok(
          error instanceof DataError && /but 'acrobot' has 6 and 3/.test(error.message),
          String(error),
        ),
    );
  });
}

test('films hold every frame once, need no other file, and cannot be broken by a title', () => {
  const environment = makeEnvironment('cartpole');
  environment.reset(0);
  const scenes = Array.from({ length: 12 }, (_, t) => {
    environment.step([t % 2]);
    return environment.scene?.() ?? assert.unreachable();
  }) as NonNullable<ReturnType<NonNullable<typeof environment.scene>>>[];
  const title = '<script>"&</script>';
  const frames = svgFrames(scenes, title);
  const film = animatedSvg(scenes, title, 20);
  const page = animatedPage(scenes, title, 20);
  assert.is(frames.length, 12);
  for (const text of [...frames, film, page]) {
    assert.not.match(text, /<script>"/);
    assert.not.match(text, /NaN|Infinity|undefined|(src|href)=/);
  }
  const { document } = parseHTML(film);
  const groups = [...document.querySelectorAll('g')];
  assert.is(groups.length, 12);
  groups.forEach((group, i) => {
    const still = parseHTML(frames[i]).document;
    const points = (root: { querySelectorAll: (query: string) => Iterable<Element> }) =>
      [...root.querySelectorAll('polyline')].map((each) => each.getAttribute('points'));
    assert.equal(points(group), points(still));
    // Seen for a twelfth of 0.6 seconds, each in its turn.
    const animate = group.querySelector('animate');
    assert.is(animate?.getAttribute('dur'), '0.6s');
    const values = animate?.getAttribute('values')?.split(';') ?? [];
    const times = animate?.getAttribute('keyTimes')?.split(';').map(Number) ?? [];
    assert.is(times[values.indexOf('visible')], i / 12);
    assert.is(times[0], 0);
  });
  // The script of the page is a program, and holds the frames of the film.
  const script = /<script>([\s\S]*)<\/script>/.exec(page)?.[1] ?? '';
  assert.type(new Function(script), 'function');
  assert.ok(script.includes(JSON.stringify(points(frames[3])[0]).slice(1, -1)));
  assert.throws(
    () => animatedSvg([], 't', 20),
    (error: unknown) => error instanceof UsageError,
  );
});

const points = (text: string) =>
  [...parseHTML(text).document.querySelectorAll('polyline')].map((each) => each.getAttribute('points'));

test('the interval of a mean holds the true mean 19 times of 20', () => {
  assert.is(meanInterval([3], 0), undefined);
  assert.equal(meanInterval([2, 2, 2], 0), [2, 2]);
  let held = 0;
  const random = new PhiloxStream(6);
  // Few episodes, since those are what is played: of 200 percentile intervals of five, 165 hold it.
  for (let trial = 0; trial < 200; trial++) {
    const values = Array.from({ length: 5 }, () => random.nextNormal());
    const [low, high] = meanInterval(values, trial) ?? [0, 0];
    if (low <= 0 && high >= 0) held++;
  }
  assert.ok(held >= 184 && held <= 199, `${held} of 200`);
});

test.run();
