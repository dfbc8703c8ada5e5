// What every MuJoCo environment must do, and a user's own model. That they compute the right numbers is compared in
// test/verify/golden.test.ts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Environment } from '../../src/envs/environment.ts';
import { MujocoEnvironment } from '../../src/envs/mujoco/base.ts';
import { fromMjcf, type MjcfOptions } from '../../src/envs/mujoco/mjcf.ts';
import { environments, makeEnvironment, prepareEnvironment } from '../../src/envs/registry.ts';
import { DataError, type DivergradError, EnvironmentError, UsageError } from '../../src/errors.ts';
import { PhiloxStream } from '../../src/math/philox.ts';

const tasks = environments.filter(({ prepare }) => prepare !== undefined);

const rejects = async (
  kind: new (problem: string) => DivergradError,
  message: RegExp,
  action: () => unknown,
) => {
  let caught: unknown;
  try {
    await action();
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof kind && message.test(caught.message), `${caught} is not ${message}`);
};

function sampleAction({ actionSpace }: Environment, random: PhiloxStream): number[] {
  if (actionSpace.kind !== 'box') throw new Error('a box');
  return actionSpace.low.map((low, i) => random.uniformIn(low, actionSpace.high[i]));
}

/** Steps (resetting where an episode ends) and records all that is seen. */
function rollout(environment: Environment, steps: number, random: PhiloxStream): unknown[] {
  const seen: unknown[] = [];
  for (let t = 0; t < steps; t++) {
    const { observation, reward, terminated, truncated } = environment.step(
      sampleAction(environment, random),
    );
    seen.push(observation, reward, terminated, truncated);
    if (terminated || truncated) seen.push(environment.reset());
  }
  return seen;
}

test('an environment that has not been prepared says what to do', async () => {
  await rejects(UsageError, /engine is not loaded\. Await prepareEnvironment/, () =>
    makeEnvironment('hopper'),
  );
  await rejects(UsageError, /Unknown environment 'hoper'\. Did you mean 'hopper'/, () =>
    prepareEnvironment('hoper'),
  );
  await prepareEnvironment('pendulum'); // needs nothing
  await prepareEnvironment('hopper');
  assert.is(makeEnvironment('hopper').name, 'hopper');
});

test('the nine tasks are registered', () => {
  assert.is(
    tasks.map(({ name }) => name).join(' '),
    'inverted-pendulum inverted-double-pendulum reacher swimmer hopper half-cheetah walker2d ant humanoid',
  );
});

/** How a start differs from the reference: bounds of the positions, and those or the deviation of the velocities. */
const starts: Record<string, { qpos: number; qvel: number; normal?: true }> = {
  'inverted-pendulum': { qpos: 0.01, qvel: 0.01 },
  'inverted-double-pendulum': { qpos: 0.1, qvel: 0.1, normal: true },
  swimmer: { qpos: 0.1, qvel: 0.1 },
  hopper: { qpos: 0.005, qvel: 0.005 },
  'half-cheetah': { qpos: 0.1, qvel: 0.1, normal: true },
  walker2d: { qpos: 0.005, qvel: 0.005 },
  ant: { qpos: 0.1, qvel: 0.1, normal: true },
  humanoid: { qpos: 0.01, qvel: 0.01 },
};

for (const { name, make } of tasks) {
  const made = (): MujocoEnvironment => {
    const environment = make();
    if (!(environment instanceof MujocoEnvironment)) throw new Error(`${name} is another kind`);
    return environment;
  };

  test(`${name}: spaces, name and time limit agree with what happens`, () => {
    const environment = made();
    assert.is(environment.name, name);
    const { low, high } = environment.observationSpace;
    assert.is(environment.reset(3).length, low.length);
    assert.ok(low.every((x) => x === Number.NEGATIVE_INFINITY));
    assert.ok(high.every((x) => x === Number.POSITIVE_INFINITY));
    const elapsedSteps = environment.maxEpisodeSteps - 2;
    environment.setState({ ...environment.getState(), elapsedSteps });
    const action = environment.actionSpace.low.map(() => 0);
    assert.is(environment.step(action).truncated, false);
    const { observation, truncated } = environment.step(action);
    assert.is(truncated, true);
    assert.instance(observation, Float32Array);
    assert.equal(observation, Float32Array.from(environment.exactObservation()));
    assert.throws(() => environment.step(action), /after its episode had ended/);
    environment.dispose();
  });

  test(`${name}: a seed repeats everything; without one the stream goes on`, () => {
    const [a, b] = [made(), made()];
    assert.equal(a.reset(5), b.reset(5));
    assert.not.equal(a.reset(6), b.reset(7));
    a.reset(5);
    b.reset(5);
    const seen = rollout(a, 120, new PhiloxStream(2));
    assert.equal(rollout(b, 120, new PhiloxStream(2)), seen);
    const first = a.reset(8);
    assert.not.equal(a.reset(), first);
    a.dispose();
    b.dispose();
  });

  test(`${name}: a state resumes mid-episode bit for bit, also through JSON`, () => {
    const original = made();
    original.reset(11);
    const random = new PhiloxStream(12);
    rollout(original, 37, random);
    const saved = JSON.stringify([original.getState(), random.getState()]);
    const expected = rollout(original, 100, random);
    const copy = made();
    copy.reset(1); // whatever it had simulated before leaves no trace
    rollout(copy, 20, new PhiloxStream(3));
    const [state, randomState] = JSON.parse(saved);
    copy.setState(state);
    const copyRandom = new PhiloxStream(0);
    copyRandom.setState(randomState);
    assert.equal(rollout(copy, 100, copyRandom), expected);
    original.dispose();
    copy.dispose();
  });

  test(`${name}: wrong actions and states are refused and change nothing`, async () => {
    const environment = made();
    const { length } = environment.actionSpace.low;
    await rejects(EnvironmentError, /stepped before the first reset/, () =>
      environment.step(new Array(length).fill(0)),
    );
    environment.reset(0);
    const before = environment.getState();
    await rejects(EnvironmentError, /number\(s\) but got 0/, () => environment.step([]));
    await rejects(EnvironmentError, /got NaN/, () => environment.step(new Array(length).fill(Number.NaN)));
    await rejects(EnvironmentError, /positions but got 1/, () => environment.startAt([0], [0]));
    for (const wrong of [
      { ...before, environment: 'chess' },
      { ...before, physics: before.physics.slice(1) },
      { ...before, physics: before.physics.map(() => Number.NaN) },
    ]) {
      await rejects(DataError, /state/, () => environment.setState(wrong));
    }
    assert.equal(environment.getState(), before);
    environment.dispose();
    environment.dispose(); // once is enough, twice is harmless
    await rejects(EnvironmentError, /disposed/, () => environment.reset());
  });

  test(`${name}: starts have the published distribution`, () => {
    const environment = made();
    const positions = environment.model.handle.nq;
    const draws = 400;
    const { qpos, qvel, normal } = starts[name] ?? { qpos: Number.NaN, qvel: Number.NaN };
    const reference = (environment.model.handle as unknown as { qpos0: Float64Array }).qpos0.slice();
    const moved: number[] = [];
    const speeds: number[] = [];
    for (let draw = 0; draw < draws; draw++) {
      environment.reset();
      const { physics } = environment.getState();
      moved.push(...physics.slice(1, 1 + positions).map((x, i) => x - reference[i]));
      speeds.push(...physics.slice(1 + positions, 1 + positions + environment.model.handle.nv));
    }
    environment.dispose();
    if (name === 'reacher') {
      const rows = Array.from({ length: draws }, (_, i) => moved.slice(4 * i, 4 * i + 4));
      const reach = rows.map(([, , x, y]) => Math.hypot(x + reference[2], y + reference[3]));
      assert.ok(Math.max(...reach) < 0.2 && Math.max(...reach) > 0.19);
      // Uniform in the disc: a quarter within half the radius.
      const inner = reach.filter((r) => r < 0.1).length / draws;
      assert.ok(Math.abs(inner - 0.25) < 0.1, `${inner} within half the radius`);
      uniform(
        rows.flatMap((row) => row.slice(0, 2)),
        0.1,
      );
      uniform(
        speeds.filter((_, i) => i % 4 < 2),
        0.005,
      );
      assert.ok(speeds.every((v, i) => i % 4 < 2 || v === 0));
      return;
    }
    uniform(moved, qpos);
    if (!normal) uniform(speeds, qvel);
    else {
      const squares = speeds.reduce((sum, v) => sum + v * v, 0) / speeds.length;
      assert.ok(Math.abs(Math.sqrt(squares) / qvel - 1) < 0.1, `deviation ${Math.sqrt(squares)}`);
      const far = speeds.filter((v) => Math.abs(v) > 2 * qvel).length / speeds.length;
      assert.ok(far > 0.02 && far < 0.08, `${far} beyond two deviations`);
    }
  });
}

function uniform(values: readonly number[], bound: number): void {
  const slack = 1e-12;
  assert.ok(values.every((x) => Math.abs(x) <= bound + slack));
  assert.ok(Math.max(...values) > 0.98 * bound && Math.min(...values) < -0.98 * bound);
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  assert.ok(Math.abs(mean) < (5 * bound) / Math.sqrt(3 * values.length), `mean ${mean}`);
}

// ---- ends of episodes ----------------------------------------------------------------------------------

/** Positions just inside and just outside what is healthy; velocities are zero. */
const edges: [task: string, index: number, inside: number, outside: number][] = [
  ['inverted-pendulum', 1, 0.19, 0.21],
  ['hopper', 2, 0.19, 0.21],
  ['walker2d', 1, 1.99, 2.01],
  ['walker2d', 2, 0.98, 1.02],
  ['ant', 2, 0.95, 1.05],
  ['humanoid', 2, 1.98, 2.02],
];

for (const [name, index, inside, outside] of edges) {
  test(`${name} ends an episode when position ${index} passes ${(inside + outside) / 2}`, () => {
    const environment = makeEnvironment(name) as MujocoEnvironment;
    const { handle } = environment.model;
    const reference = (handle as unknown as { qpos0: Float64Array }).qpos0;
    for (const [value, ended] of [
      [inside, false],
      [outside, true],
    ] as const) {
      environment.startAt(
        Array.from(reference, (x, i) => (i === index ? value : x)),
        new Array(handle.nv).fill(0),
      );
      const { terminated } = environment.step(new Array(handle.nu).fill(0));
      assert.is(terminated, ended, `at ${value}`);
    }
    environment.dispose();
  });
}

// ---- memory -------------------------------------------------------------------------------------------

test('views survive the growth of the engine’s memory', () => {
  const early = makeEnvironment('hopper');
  const other = makeEnvironment('hopper');
  early.reset(1);
  other.reset(1);
  rollout(other, 5, new PhiloxStream(1));
  const expected = rollout(other, 30, new PhiloxStream(4));
  rollout(early, 5, new PhiloxStream(1));
  const buffer = () => (early as unknown as { arrays: { qpos: Float64Array } }).arrays.qpos.buffer;
  const old = buffer();
  const crowd: MujocoEnvironment[] = [];
  while (old.byteLength > 0 && crowd.length < 400)
    crowd.push(makeEnvironment('humanoid') as MujocoEnvironment);
  assert.is(old.byteLength, 0, 'the memory has grown');
  assert.equal(rollout(early, 30, new PhiloxStream(4)), expected);
  for (const each of crowd) each.dispose();
});

test('disposing gives the memory back', () => {
  const size = () => {
    const probe = makeEnvironment('humanoid') as MujocoEnvironment;
    const { byteLength } = (probe as unknown as { arrays: { qpos: Float64Array } }).arrays.qpos.buffer;
    probe.dispose();
    return byteLength;
  };
  const before = size();
  for (let i = 0; i < 1000; i++) (makeEnvironment('humanoid') as MujocoEnvironment).dispose();
  assert.is(size(), before);
});

// ---- a user's own model -------------------------------------------------------------------------------

const slider = (more = '', actuator = '<motor joint="x" ctrlrange="-2 2"/>') =>
  `<mujoco><option timestep="0.01"/><worldbody><body name="box"><joint name="x" type="slide" axis="1 0 0"/>
   <geom size="0.1"/>${more}</body></worldbody><actuator>${actuator}</actuator></mujoco>`;

test('a model in MJCF becomes a task', async () => {
  const make = await fromMjcf(slider(), {
    name: 'slider',
    frameSkip: 5,
    maxEpisodeSteps: 20,
    startNoise: 0.5,
    progress: ({ qpos }) => qpos[0],
    reward: ({ forward, action }) => forward - action[0] ** 2,
    terminated: ({ qpos }) => qpos[0] > 1,
  });
  const environment = make();
  assert.equal(environment.actionSpace, { kind: 'box', low: [-2], high: [2] });
  assert.is(environment.dt, 0.05);
  const [start] = environment.reset(4);
  assert.ok(start !== 0 && Math.abs(start) <= 0.5);
  environment.startAt([0], [1]);
  const { observation, reward } = environment.step([0]);
  assert.ok(Math.abs(observation[0] - 0.05) < 1e-7 && observation[1] === 1, 'moves on in a straight line');
  assert.ok(Math.abs(reward - 1) < 1e-12);
  environment.startAt([0.99], [1]);
  assert.is(environment.step([0]).terminated, true);
  const second = make();
  second.reset(0);
  rollout(second, 50, new PhiloxStream(1));
  environment.dispose();
  second.dispose();
});

test('a model may observe what it likes', async () => {
  const make = await fromMjcf(slider(), {
    observation: {
      size: 1,
      write: ({ xpos }, observation) => {
        observation[0] = xpos[3];
      },
    },
    reward: () => 0,
  });
  assert.equal(make().reset(0), Float32Array.of(0));
});

test('what is wrong with a model is said in one line', async () => {
  const reward = () => 0;
  const refused = (xml: string, message: RegExp, kind: typeof DataError | typeof UsageError = DataError) =>
    rejects(kind, message, () => fromMjcf(xml, { reward }));
  await refused(
    '<mujoco',
    /^The MJCF is not a model that MuJoCo can compile: XML parse error.*line number=1/i,
  );
  await refused('', /compile: ParseXML: empty file/);
  await refused(slider('<wheel/>'), /unrecognized element Element 'wheel', line 2/);
  await refused(slider('', '<motor joint="y"/>'), /y/);
  await refused(slider('', ''), /no actuators/, UsageError);
  await refused(slider('', '<motor joint="x"/>'), /Actuator 0 .* no ctrlrange/, UsageError);
  await refused('<mujoco/>', /no joints/, UsageError);
  const delayed = '<motor joint="x" ctrlrange="-1 1" delay="0.05" nsample="8"/>';
  await refused(slider('', delayed), /has delays/, UsageError);
  const options: [Partial<MjcfOptions>, RegExp][] = [
    [{ frameSkip: 0 }, /frameSkip must be a whole number from 1; got 0/],
    [{ maxEpisodeSteps: 0.5 }, /maxEpisodeSteps .* got 0.5/],
    [{ startNoise: -1 }, /startNoise .* got -1/],
    [{ observation: { size: 0, write: () => {} } }, /observation.size .* got 0/],
  ];
  for (const [wrong, message] of options)
    await rejects(UsageError, message, () => fromMjcf(slider(), { reward, ...wrong }));
});

// ---- warnings of the engine ------------------------------------------------------------------------------

/** Too stiff for its time step: it swings further out in every step, until the engine resets it. */
const stiff = `<mujoco><option timestep="0.01"/><worldbody><body><joint name="x" type="slide" axis="1 0 0" stiffness="1e6"/>
  <geom size="0.1"/></body></worldbody><actuator><motor joint="x" ctrlrange="-2 2"/></actuator></mujoco>`;

test('physics that the engine resets end in an error that names environment, warning and step', async () => {
  const make = await fromMjcf(stiff, {
    name: 'stiff',
    startNoise: 0.01,
    reward: ({ arrays }) => arrays.qpos[0],
  });
  const environment = make();
  for (const episode of [1, 2]) {
    environment.reset(episode);
    let steps = 0;
    await rejects(
      EnvironmentError,
      /^The engine warns in step \d+ of an episode of 'stiff': Nan, Inf or huge value in Q(POS|VEL|ACC) at DOF 0\. The simulation is unstable\. A smaller time step/,
      () => {
        for (; steps < 200; steps++) environment.step([0]);
      },
    );
    assert.ok(steps > 3 && steps < 100, `after ${steps} steps`);
    await rejects(EnvironmentError, /stepped/, () => environment.step([0]));
  }
  environment.dispose();
  // In the first step the time is that of a sound one.
  const strong = await fromMjcf(slider('', '<motor joint="x" ctrlrange="-2 2" gear="1e13"/>'), {
    reward: () => 1e8,
  });
  const first = strong();
  first.reset(0);
  await rejects(EnvironmentError, /in step 1 of an episode of 'mjcf': .* QACC/, () => first.step([1]));
  first.reset(0);
  assert.is(first.step([0]).reward, 1e8);
  first.dispose();
});

test('they may end the episode as a termination instead, with what was seen last', async () => {
  const make = await fromMjcf(stiff, { startNoise: 0.01, onWarning: 'terminate', reward: () => 7 });
  const [one, other] = [make(), make()];
  let last = one.reset(1);
  other.setState(one.getState());
  for (let step = 0; ; step++) {
    const transition = one.step([0]);
    assert.equal(other.step([0]), transition);
    if (!transition.terminated) {
      assert.is(transition.reward, 7);
      assert.not.equal(transition.observation, last);
      last = transition.observation;
      continue;
    }
    assert.is(transition.reward, 0);
    assert.equal(transition.observation, last);
    assert.ok(step > 3);
    break;
  }
  one.reset(2);
  assert.is(one.step([0]).terminated, false);
  one.dispose();
  other.dispose();
  const task = makeEnvironment('hopper') as MujocoEnvironment;
  assert.is(task.onWarning, 'error');
  task.dispose();
});

test('a warning after which the engine goes on is found within sixteen steps', async () => {
  const balls = Array.from(
    { length: 60 },
    (_, i) =>
      `<body pos="${i % 8} ${Math.floor(i / 8)} 0.04"><freejoint/><geom size="0.6" type="box" sizes=""/></body>`,
  )
    .join('')
    .replaceAll(' sizes=""', '')
    .replaceAll('size="0.6"', 'size="0.6 0.6 0.1"');
  const xml = `<mujoco><size memory="200K"/><worldbody><geom type="plane" size="20 20 1"/><body><joint name="x" type="slide" axis="1 0 0"/>
    <geom size="0.1"/></body>${balls}</worldbody><actuator><motor joint="x" ctrlrange="-1 1"/></actuator></mujoco>`;
  const environment = (await fromMjcf(xml, { reward: () => 0 }))();
  environment.reset(0);
  await rejects(EnvironmentError, /^The engine warns in step \d+ .* (arena memory|contacts)/, () => {
    for (let step = 0; step < 16; step++) environment.step([0]);
  });
  environment.dispose();
});

test('a model takes meshes and includes from `files`, or says which one is missing', async () => {
  const reward = () => 0;
  const corners = 'v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n';
  const mesh = '<asset><mesh name="m" file="tetra.obj"/></asset>';
  const xml = slider('<geom type="mesh" mesh="m"/>').replace(
    '<worldbody>',
    `<include file="more.xml"/>${mesh}<worldbody>`,
  );
  const more = '<mujoco><worldbody><site name="s"/></worldbody></mujoco>';
  const make = await fromMjcf(xml, {
    reward,
    files: { 'tetra.obj': new TextEncoder().encode(corners), 'more.xml': more },
  });
  const { handle } = make().model;
  assert.is((handle as unknown as { nmesh: number }).nmesh, 1);
  assert.is((handle as unknown as { nsite: number }).nsite, 1);
  for (const [files, missing] of [
    [{ 'more.xml': more }, 'tetra.obj'],
    [{ 'tetra.obj': corners }, 'more.xml'],
  ] as const)
    await rejects(DataError, new RegExp(`opening file '${missing}'.* Give its contents: files`), () =>
      fromMjcf(xml, { reward, files }),
    );
});

test('a model begins at its keyframe', async () => {
  const keyed = slider().replace(
    '</mujoco>',
    '<keyframe><key name="home" qpos="0.7" qvel="0.2" time="3"/><key name="away" qpos="-0.5"/></keyframe></mujoco>',
  );
  const start = async (keyframe?: string | number | null) => {
    const make = await fromMjcf(keyed, { reward: () => 0, ...(keyframe === undefined ? {} : { keyframe }) });
    const environment = make();
    const [position, velocity] = environment.reset(0);
    environment.step([0.5]);
    const state = environment.getState();
    const again = make();
    again.reset(1);
    again.setState(state);
    assert.equal(again.step([1]), environment.step([1]));
    return [position, velocity].map((value) => Math.round(10 * value) / 10);
  };
  assert.equal(await start(), [0.7, 0.2]);
  assert.equal(await start('home'), [0.7, 0.2]);
  assert.equal(await start('away'), [-0.5, 0]);
  assert.equal(await start(1), [-0.5, 0]);
  assert.equal(await start(null), [0, 0]);
  for (const wrong of ['hom', 2, -1, 0.5])
    await rejects(UsageError, /no keyframe '.*'\. It has 2, numbered from 0/, () => start(wrong));
  await rejects(UsageError, /no keyframe '0'\. It has none/, () =>
    fromMjcf(slider(), { reward: () => 0, keyframe: 0 }),
  );
});

test('options of a model that are unknown or of another kind are refused', async () => {
  const refused = (options: object, message: RegExp) =>
    rejects(UsageError, message, () => fromMjcf(slider(), options as MjcfOptions));
  const reward = () => 0;
  await refused({ reward, frameskip: 3 }, /Unknown option 'frameskip'\. Did you mean 'frameSkip'/);
  await refused(
    { reward, observation: { size: 1, wirte: () => {} } },
    /Unknown option of the observation 'wirte'/,
  );
  await refused({}, /no reward/);
  await refused({ reward: 1 }, /option reward is not of its kind: 1/);
  await refused({ reward, terminated: true }, /option terminated/);
  await refused({ reward, onWarning: 'ignore' }, /option onWarning/);
  await refused({ reward, files: { a: 1 } }, /option files/);
  await refused({ reward, name: '' }, /option name/);
  await refused({ reward, frameSkip: '2' }, /option frameSkip/);
  await refused({ reward, files: ['a'] }, /option files/);
  for (const none of [undefined, null, 3]) await refused(none as unknown as object, /task needs options/);
  const observation = { size: 1e12, write: () => undefined };
  await refused({ reward, observation }, /observation\.size must be at most 1048576; got 1000000000000/);
});

test.run();
