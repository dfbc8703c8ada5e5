// A reset forgets all that was before it, a state brings all of it back, and the registry's returns can be had.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Environment, Transition } from '../../src/envs/environment.ts';
import { environments } from '../../src/envs/registry.ts';
import { curve } from '../../src/envs/scene.ts';
import { EnvironmentError } from '../../src/errors.ts';
import { PhiloxStream } from '../../src/math/philox.ts';

const test = suite('resets');

function action({ actionSpace: space }: Environment, random: PhiloxStream): number[] {
  if (space.kind === 'discrete') return [random.nextInt(space.n)];
  return space.low.map((low, i) => random.uniformIn(low, space.high[i]));
}
function steps(environment: Environment, count: number, seed: number): Transition[] {
  const random = new PhiloxStream(seed);
  const all: Transition[] = [];
  while (all.length < count) {
    const transition = environment.step(action(environment, random));
    all.push(transition);
    if (transition.terminated || transition.truncated) break;
  }
  return all;
}

for (const { name, prepare, make } of environments) {
  test(`${name}: after a reset nothing is left of the episode before`, async () => {
    await prepare?.();
    const [used, fresh] = [make(), make()];
    used.reset(1);
    steps(used, 30, 2);
    assert.equal(used.reset(3), fresh.reset(3));
    assert.equal(used.getState(), fresh.getState());
    assert.equal(steps(used, 20, 4), steps(fresh, 20, 4));
  });

  test(`${name}: a state of an episode that has ended has ended wherever it is set`, async () => {
    await prepare?.();
    const environment = make();
    environment.reset(5);
    const first = environment.getState();
    steps(environment, Number.POSITIVE_INFINITY, 6);
    const ended = environment.getState();
    assert.equal([first.running, ended.running], [true, false]);
    const other = make();
    other.setState(first);
    steps(other, 1, 7);
    other.setState(ended);
    const act = action(other, new PhiloxStream(8));
    assert.throws(
      () => other.step(act),
      (error: unknown) => error instanceof EnvironmentError,
    );
    assert.equal(other.getState(), ended);
    // The stream goes on where the state had it.
    assert.equal(other.reset(), environment.reset());
  });
}

test('good returns are better than random ones, and no better than the best there can be', () => {
  // Rewards are at most 0, 1 a step, −1 a step but the last, the peak of the density (rounded), or 100 once.
  const best: Readonly<Record<string, number>> = {
    ...{ pendulum: 0, 'mountain-car-continuous': 100, cartpole: 500, acrobot: -1, 'mountain-car': -1 },
    ...{ 'linear-quadratic': 0, 'bimodal-bandit': Math.log(0.7 / (0.1 * Math.sqrt(2 * Math.PI))) + 0.005 },
  };
  for (const { name, returns } of environments) {
    assert.ok(returns.random < returns.good, `${name}: random ${returns.random}, good ${returns.good}`);
    assert.ok(returns.good <= (best[name] ?? Number.POSITIVE_INFINITY), `${name}: ${returns.good}`);
  }
});

test('a curve is drawn from end to end in as many pieces as asked', () => {
  const shape = curve((x) => x * x, [-1, 3], { width: 0.1, tone: 'limb', count: 8 });
  if (shape.kind !== 'line') throw new Error('no line');
  assert.is(shape.points.length, 9);
  assert.equal(
    [shape.points[0], shape.points[4], shape.points[8]],
    [
      [-1, 1],
      [1, 1],
      [3, 9],
    ],
  );
});

test.run();
