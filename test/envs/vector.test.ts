// Several environments stepped together: each as it would be alone, and training on them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { environmentSeed, LocalVector } from '../../src/envs/vector.ts';
import { PhiloxStream } from '../../src/math/philox.ts';

test('each environment does what it does alone, through resets', async () => {
  const vector = new LocalVector([0, 1, 2].map(() => makeEnvironment('cartpole')));
  const alone = [0, 1, 2].map(() => makeEnvironment('cartpole'));
  const random = new PhiloxStream(4);
  let expected = alone.map((environment, i) => environment.reset(environmentSeed(7, i)));
  assert.equal(await vector.reset(7), expected);
  let ends = 0;
  for (let step = 0; step < 200; step++) {
    const actions = alone.map(() => Float32Array.of(random.nextInt(2)));
    const transitions = await vector.step(actions);
    expected = alone.map((environment, i) => {
      const transition = environment.step(actions[i]);
      const { next, ...rest } = transitions[i];
      assert.equal(rest, transition);
      const ended = transition.terminated || transition.truncated;
      if (ended) ends++;
      const first = ended ? environment.reset() : transition.observation;
      assert.equal(next, first);
      return first;
    });
  }
  assert.ok(ends > 10);
});

test('each has a seed of its own, which no other place or run has', () => {
  const seeds = Array.from({ length: 100 }, (_, i) => environmentSeed(3, i));
  const others = Array.from({ length: 100 }, (_, i) => environmentSeed(4, i));
  assert.is(new Set([...seeds, ...others]).size, 200);
  assert.ok(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0));
  // 53 bits, not 32.
  assert.ok(Math.max(...seeds) > 2 ** 51);
});

test('states go out and in', async () => {
  const make = () => new LocalVector([0, 1].map(() => makeEnvironment('pendulum')));
  const [a, b] = [make(), make()];
  await a.reset(1);
  const push = [Float32Array.of(0.3), Float32Array.of(-1)];
  await a.step(push);
  b.setStates(JSON.parse(JSON.stringify(a.getStates())));
  assert.equal(await a.step(push), await b.step(push));
});

test('a long step that is stopped leaves every environment as it was; a short one is carried out', async () => {
  let stop = new AbortController();
  let cost = 120;
  const vector = new LocalVector(
    [0, 1, 2].map((place) => {
      const environment = makeEnvironment('pendulum');
      const step = environment.step.bind(environment);
      environment.step = (action) => {
        if (place === 1) setImmediate(() => stop.abort());
        // As physics takes it.
        for (const until = performance.now() + cost; performance.now() < until; );
        return step(action);
      };
      return environment;
    }),
  );
  await vector.reset(3);
  const actions = [0, 1, 2].map(() => Float32Array.of(0.5));
  // Of the first step too: it is not known yet how long it takes.
  for (let i = 0; i < 2; i++) {
    const before = vector.getStates();
    assert.is(await vector.step(actions, stop.signal), undefined);
    assert.equal(vector.getStates(), before);
    stop = new AbortController();
  }
  const again = await vector.step(actions);
  assert.is(again.length, 3);
  cost = 0;
  stop = new AbortController();
  await vector.step(actions, stop.signal);
  stop.abort();
  assert.is((await vector.step(actions, stop.signal))?.length, 3);
});

test.run();
