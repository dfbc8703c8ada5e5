// What every environment must do, whatever it simulates.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Environment } from '../../src/envs/environment.ts';
import { environments, makeEnvironment } from '../../src/envs/registry.ts';
import { DataError, EnvironmentError, UsageError } from '../../src/errors.ts';
import { PhiloxStream } from '../../src/math/philox.ts';

/** Those that need no engine; test/envs/mujoco.test.ts holds the same for the others. */
const classic = environments.filter(({ prepare }) => prepare === undefined);

/** Every episode starts alike. */
const sameStart = ['bimodal-bandit'];

/** A random action, a fifth beyond the bounds of a box so that clipping is exercised. */
function sampleAction({ actionSpace }: Environment, random: PhiloxStream): number[] {
  if (actionSpace.kind === 'discrete') return [random.nextInt(actionSpace.n)];
  return actionSpace.low.map((low, i) => random.uniformIn(1.2 * low, 1.2 * actionSpace.high[i]));
}

/** Steps (resetting where an episode ends) and records all that is seen. */
function rollout(environment: Environment, steps: number, random: PhiloxStream): unknown[] {
  const seen: unknown[] = [];
  for (let t = 0; t < steps; t++) {
    const { observation, reward, terminated, truncated } = environment.step(
      sampleAction(environment, random),
    );
    seen.push([...observation], reward, terminated, truncated);
    if (terminated || truncated) seen.push([...environment.reset()]);
  }
  return seen;
}

const throwsEnvironmentError = (action: () => unknown, message: RegExp) =>
  assert.throws(action, (error: unknown) => error instanceof EnvironmentError && message.test(error.message));

for (const { name, make } of classic) {
  test(`${name}: spaces, time limit and name agree with what happens`, () => {
    const environment = make();
    const random = new PhiloxStream(1);
    const { low, high } = environment.observationSpace;
    assert.is(environment.name, name);
    assert.is(low.length, high.length);
    let observation = environment.reset(3);
    for (let t = 0; t < 1200; t++) {
      assert.instance(observation, Float32Array);
      assert.is(observation.length, low.length);
      observation.forEach((x, i) => {
        assert.ok(x >= Math.fround(low[i]) && x <= Math.fround(high[i]), `coordinate ${i} is ${x}`);
      });
      const transition = environment.step(sampleAction(environment, random));
      const over = transition.terminated || transition.truncated;
      observation = over ? environment.reset() : transition.observation;
    }
  });

  test(`${name}: the time limit truncates exactly at maxEpisodeSteps and never terminates`, () => {
    const environment = make();
    if (environment.maxEpisodeSteps === 1) return; // the bandit ends before any limit
    environment.reset(0);
    // At rest nothing reaches a goal; a cart-pole stays up by pushing towards the side the pole falls to.
    const physics = environment.getState().physics.map(() => 0);
    environment.setState({ ...environment.getState(), physics });
    for (let t = 1; t <= environment.maxEpisodeSteps; t++) {
      const [, , angle, angularVelocity] = environment.getState().physics;
      const actions: Record<string, number> = {
        cartpole: angle + angularVelocity > 0 ? 1 : 0,
        'mountain-car': 1,
        acrobot: 1,
      };
      const transition = environment.step([actions[name] ?? 0]);
      assert.is(transition.terminated, false);
      assert.is(transition.truncated, t === environment.maxEpisodeSteps, `step ${t}`);
    }
    throwsEnvironmentError(() => environment.step([0]), /after its episode had ended/);
    environment.reset();
    assert.is(environment.getState().elapsedSteps, 0);
    environment.step([0]);
  });

  test(`${name}: the last allowed step may both terminate and be truncated`, () => {
    const ends: Record<string, number[]> = {
      cartpole: [2.39, 2, 0, 0],
      acrobot: [Math.PI, 0, 0, 0],
      'mountain-car': [0.49, 0.05],
      'mountain-car-continuous': [0.44, 0.05],
      'bimodal-bandit': [0],
    };
    if (ends[name] === undefined) return; // pendulum and linear-quadratic never terminate
    const environment = make();
    environment.reset(0);
    const elapsedSteps = environment.maxEpisodeSteps - 1;
    environment.setState({ ...environment.getState(), physics: ends[name], elapsedSteps });
    const { terminated, truncated } = environment.step([1]);
    assert.equal([terminated, truncated], [true, true]);
    throwsEnvironmentError(() => environment.step([1]), /after its episode had ended/);
  });

  test(`${name}: stepping before reset is refused`, () => {
    throwsEnvironmentError(
      () => make().step([0]),
      new RegExp(`'${name}' was stepped before the first reset`),
    );
  });

  test(`${name}: wrong actions are refused, name the value, and leave the state alone`, () => {
    const environment = make();
    environment.reset(0);
    const before = environment.getState();
    throwsEnvironmentError(() => environment.step([]), /1 number\(s\) but got 0/);
    throwsEnvironmentError(() => environment.step([0, 0]), /1 number\(s\) but got 2/);
    throwsEnvironmentError(() => environment.step([Number.NaN]), /got NaN/);
    throwsEnvironmentError(() => environment.step([Number.POSITIVE_INFINITY]), /got Infinity/);
    if (environment.actionSpace.kind === 'discrete') {
      const { n } = environment.actionSpace;
      throwsEnvironmentError(() => environment.step([n]), new RegExp(`from 0 to ${n - 1} but got ${n}`));
      throwsEnvironmentError(() => environment.step([-1]), /got -1/);
      throwsEnvironmentError(() => environment.step([0.5]), /got 0.5/);
    }
    assert.equal(environment.getState(), before);
  });

  test(`${name}: a seed repeats everything; without one the stream goes on`, () => {
    const [a, b, c] = [make(), make(), make()];
    assert.equal(a.reset(5), b.reset(5));
    if (!sameStart.includes(name)) assert.not.equal(a.reset(6), b.reset(7));
    a.reset(5);
    b.reset(5);
    assert.equal(rollout(a, 1100, new PhiloxStream(2)), rollout(b, 1100, new PhiloxStream(2)));
    const first = a.reset(8);
    if (!sameStart.includes(name)) assert.not.equal(a.reset(), first);
    assert.equal(c.reset(), c.reset(0));
  });

  test(`${name}: a state resumes mid-episode bit for bit, also through JSON`, () => {
    const original = make();
    original.reset(11);
    const random = new PhiloxStream(12);
    // In the middle of an episode where there is one.
    rollout(original, original.maxEpisodeSteps === 1 ? 0 : 57, random);
    const [environmentState, randomState] = JSON.parse(
      JSON.stringify([original.getState(), random.getState()]),
    ) as [ReturnType<Environment['getState']>, ReturnType<PhiloxStream['getState']>];
    const expected = rollout(original, 1100, random);
    const copy = make();
    copy.setState(environmentState);
    const copyRandom = new PhiloxStream(0);
    copyRandom.setState(randomState);
    assert.equal(rollout(copy, 1100, copyRandom), expected);
  });

  test(`${name}: getState is a copy, and a malformed or foreign state is refused`, () => {
    const environment = make();
    environment.reset(0);
    const state = environment.getState();
    const physics = [...state.physics];
    environment.step([1]);
    assert.equal(state.physics, physics);
    const after = environment.getState();
    const bad = [
      { ...state, environment: 'chess' },
      { ...state, physics: [...physics, 0] },
      { ...state, physics: physics.map(() => Number.NaN) },
      { ...state, elapsedSteps: -1 },
      { ...state, random: { ...state.random, position: 0.5 } },
    ];
    for (const wrong of bad) {
      assert.throws(
        () => environment.setState(wrong),
        (error: unknown) => error instanceof DataError,
      );
    }
    assert.equal(environment.getState(), after);
  });
}

test('starts fill exactly the documented ranges', () => {
  const ranges: Record<string, [number, number][]> = {
    pendulum: [
      [-Math.PI, Math.PI],
      [-1, 1],
    ],
    'mountain-car-continuous': [
      [-0.6, -0.4],
      [0, 0],
    ],
    cartpole: Array.from({ length: 4 }, () => [-0.05, 0.05]),
    acrobot: Array.from({ length: 4 }, () => [-0.1, 0.1]),
    'mountain-car': [
      [-0.6, -0.4],
      [0, 0],
    ],
    'linear-quadratic': [
      [-0.5, 0.5],
      [-0.5, 0.5],
    ],
    'bimodal-bandit': [[0, 0]],
  };
  const draws = 4000;
  for (const { name, make } of classic) {
    const environment = make();
    environment.reset(21);
    const starts = Array.from({ length: draws }, () => {
      environment.reset();
      return environment.getState().physics;
    });
    assert.ok(ranges[name], `${name}: the range of its starts is not given here`);
    ranges[name].forEach(([low, high], i) => {
      const values = starts.map((start) => start[i]);
      const width = high - low;
      const slack = 1e-8; // acrobot rounds to float32
      assert.ok(Math.min(...values) >= low - slack && Math.max(...values) <= high + slack, `${name} ${i}`);
      assert.ok(Math.max(...values) - Math.min(...values) >= 0.99 * width, `${name} ${i} spans its range`);
      const mean = values.reduce((sum, x) => sum + x, 0) / draws;
      const standardError = width / Math.sqrt(12 * draws);
      assert.ok(Math.abs(mean - (low + high) / 2) <= 5 * standardError + slack, `${name} ${i} mean ${mean}`);
    });
  }
});

test('makeEnvironment finds every name, and an unknown one gets the list and a suggestion', () => {
  for (const { name } of classic) assert.is(makeEnvironment(name).name, name);
  const refused = (name: string, message: string) =>
    assert.throws(
      () => makeEnvironment(name),
      (error: unknown) => error instanceof UsageError && error.message === message,
    );
  const known = `Known: ${environments.map(({ name }) => name).join(', ')}.`;
  refused('pendulm', `Unknown environment 'pendulm'. Did you mean 'pendulum'? ${known}`);
  refused('CartPole', `Unknown environment 'CartPole'. Did you mean 'cartpole'? ${known}`);
  refused('tetris', `Unknown environment 'tetris'. ${known}`);
});

test.run();
