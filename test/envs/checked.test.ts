// Environments that break their contract are refused by name, wherever they are stepped, and cannot spoil what is stored.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { checked } from '../../src/envs/checked.ts';
import type { Environment, EnvironmentState, Space, Transition } from '../../src/envs/environment.ts';
import { environments, makeEnvironment } from '../../src/envs/registry.ts';
import type { VectorEnvironment, VectorTransition } from '../../src/envs/vector.ts';
import { type DivergradError, EnvironmentError, UsageError } from '../../src/errors.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { decodeCheckpoint } from '../../src/rl/checkpoint-format.ts';
import type { Evaluation } from '../../src/rl/evaluation.ts';
import { SavedPolicy, savePolicy } from '../../src/rl/policy-file.ts';
import { train } from '../../src/rl/train.ts';
import type { TrainOptions } from '../../src/rl/train-options.ts';
import { play } from '../../src/study/play.ts';
import { bytesOf } from '../helpers/training.ts';

/** What a test does otherwise than a sound environment, from the given step of an episode on. */
interface Fault {
  readonly from?: number;
  readonly step?: (sound: Transition, steps: number) => unknown;
  readonly reset?: (sound: Float32Array) => unknown;
  readonly space?: Partial<
    Pick<Environment, 'name' | 'observationSpace' | 'actionSpace' | 'maxEpisodeSteps'>
  >;
}

/** Counts its steps: the observation is [steps, 1], the reward the number of the step. */
function counting({ from = 3, step, reset, space }: Fault = {}): Environment {
  let [steps, seeded] = [0, 0];
  const observe = () => Float32Array.of(steps, 1);
  const environment = {
    name: 'counting',
    observationSpace: { kind: 'box', low: [0, 0], high: [100, 1] } as const,
    actionSpace: { kind: 'box', low: [-1], high: [1] } as Space,
    maxEpisodeSteps: 5,
    reset(seed = 0) {
      [steps, seeded] = [0, seed];
      return (reset?.(observe()) ?? observe()) as Float32Array;
    },
    step() {
      steps++;
      const sound = { observation: observe(), reward: steps, terminated: false, truncated: steps >= 5 };
      return (step && steps >= from ? step(sound, steps) : sound) as Transition;
    },
    getState: (): EnvironmentState => ({
      environment: 'counting',
      physics: [steps],
      elapsedSteps: steps,
      running: true,
      random: { seed: seeded, purpose: 'environment', index: 0, position: 0, spareNormal: null },
    }),
    setState: ({ physics }: EnvironmentState) => void ([steps] = physics),
  };
  return Object.assign(environment, space);
}

const learner = () =>
  new ActorCritic({
    observations: 2,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily('tanh-gaussian'),
    hidden: [3],
  });
const small = { steps: 12, batch: 2, warmup: 8, evaluateEvery: 12, evaluationEpisodes: 2 };

async function trained(
  makeOne: () => Environment,
  options: Partial<TrainOptions> = {},
): Promise<{ evaluations: Evaluation[]; checkpoints: Checkpoint[] }> {
  const device = new Device(createCpuBackend());
  const checkpoints: Checkpoint[] = [];
  try {
    const evaluations = await train(device, {
      makeEnvironment: makeOne,
      learner: learner(),
      ...small,
      checkpoint: { every: 12, save: (checkpoint) => void checkpoints.push(checkpoint) },
      ...options,
    });
    return { evaluations, checkpoints };
  } finally {
    await device.dispose();
  }
}

async function refused(
  body: () => unknown,
  message: RegExp,
  kind: typeof EnvironmentError | typeof UsageError = EnvironmentError,
) {
  try {
    await body();
  } catch (error) {
    assert.instance(error, kind);
    assert.match((error as Error).message, message);
    assert.not.match((error as Error).message, /\n/);
    return error as DivergradError;
  }
  throw new Error(`it must be refused: ${message}`);
}

/** What a step returned otherwise, and what the error says of it. */
const faults: readonly (readonly [what: string, step: NonNullable<Fault['step']>, message: RegExp])[] = [
  [
    'a reward that is NaN',
    (t) => ({ ...t, reward: Number.NaN }),
    /gave the reward NaN in step 3 of episode 1/,
  ],
  ['no reward', ({ reward: _, ...t }) => t, /gave the reward undefined in step 3/],
  ['an infinite reward', (t) => ({ ...t, reward: -1 / 0 }), /gave the reward -Infinity in step 3/],
  ['a reward beyond float32', (t) => ({ ...t, reward: 1e39 }), /gave the reward 1e\+39 in step 3/],
  ['a reward as text', (t) => ({ ...t, reward: '1' }), /gave the reward "1" in step 3/],
  ['a reward as a list', (t) => ({ ...t, reward: [1] }), /gave the reward \[1\] in step 3/],
  ['a big reward', (t) => ({ ...t, reward: 1n }), /gave the reward a bigint in step 3/],
  [
    'an infinite observation',
    (t) => ({ ...t, observation: [1, 1 / 0] }),
    /gave an observation with Infinity at position 1 in step 3/,
  ],
  [
    'an observation with NaN',
    (t) => ({ ...t, observation: [Number.NaN, 1] }),
    /gave an observation with NaN at position 0/,
  ],
  [
    'an observation beyond float32',
    (t) => ({ ...t, observation: [1e39, 1] }),
    /gave an observation with 1e\+39 at position 0/,
  ],
  [
    'an observation with text',
    (t) => ({ ...t, observation: ['a', 1] }),
    /gave an observation with "a" at position 0/,
  ],
  [
    'an observation with a hole',
    (t) => ({ ...t, observation: [1, undefined] }),
    /gave an observation with undefined at position 1/,
  ],
  [
    'an empty observation',
    (t) => ({ ...t, observation: [] }),
    /gave an observation of 0 numbers instead of 2/,
  ],
  [
    'a longer observation',
    (t) => ({ ...t, observation: new Float32Array(3) }),
    /gave an observation of 3 numbers instead of 2/,
  ],
  [
    'no observation',
    ({ observation: _, ...t }) => t,
    /gave no observation in step 3.* An array of 2 numbers/,
  ],
  [
    'an observation that is a number',
    (t) => ({ ...t, observation: 4 }),
    /gave no observation \(4\) in step 3/,
  ],
  [
    'a promised observation',
    (t) => ({ ...t, observation: Promise.resolve() }),
    /gave a promise in step 3.*not async/,
  ],
  ['nothing', () => undefined, /gave no transition in step 3/],
  ['null', () => null, /gave no transition \(null\) in step 3/],
  ['a promise', async (t) => t, /gave a promise in step 3 of episode 1\. Environments answer at once/],
  ['Gymnasium’s list', (t) => [t.observation, t.reward, false, false, {}], /gave no transition \(\[/],
  [
    'the old done',
    ({ observation, reward }) => ({ observation, reward, done: true }),
    /gave terminated undefined, not true or false in step 3.*Instead of `done`/,
  ],
  [
    'no truncated',
    ({ truncated: _, ...t }) => t,
    /gave truncated undefined, not true or false in step 3.*a time limit/,
  ],
  ['terminated as a number', (t) => ({ ...t, terminated: 1 }), /gave terminated 1, not true or false/],
];

for (const [what, step, message] of faults) {
  test(`${what} is refused`, async () => {
    const environment = checked(counting({ step }));
    environment.reset(0);
    for (let i = 0; i < 2; i++) environment.step([0]);
    await refused(() => environment.step([0]), new RegExp(`^The environment 'counting' ${message.source}`));
  });
}

test('in training, in evaluation and in play alike', async () => {
  for (const [what, step, message] of faults) {
    if (!['a reward that is NaN', 'the old done', 'a promise'].includes(what)) continue;
    await refused(() => trained(() => counting({ step })), message);
    // The first is learnt in, and sound.
    let made = 0;
    await refused(() => trained(() => counting(made++ === 0 ? {} : { step })), message);
    const device = new Device(createCpuBackend());
    const policy = new SavedPolicy(await savePolicy(device, learner(), 'counting'));
    const options = { seed: 0, stochastic: false, record: false };
    await refused(() => play(device, policy, { ...options, environments: [counting({ step })] }), message);
    await device.dispose();
  }
});

test('a step that throws: named with its step, and the cause kept', async () => {
  const cause = new Error('the joint broke.');
  const step = () => {
    throw cause;
  };
  const error = await refused(
    () => trained(() => counting({ step, from: 4 })),
    /^The environment 'counting' failed in step 4 of episode 1: the joint broke\.$/,
  );
  assert.is(error.cause, cause);
  const text = () => {
    throw 'broken';
  };
  await refused(() => trained(() => counting({ step: text })), /failed in step 3 of episode 1: broken\./);
  await refused(
    () => trained(() => counting({ reset: step })),
    /failed when it was reset with seed \d+: the joint/,
  );
});

test('what reset gives is looked at as well', async () => {
  for (const [reset, message] of [
    [async (o: Float32Array) => o, /gave a promise when it was reset with seed \d+\./],
    [(o: Float32Array) => [o, {}], /reset with seed \d+\.$/],
    [(o: Float32Array) => [o], /observation of 1 numbers instead of 2 .*the observation alone/],
    [() => ({ observation: 1 }), /gave no observation/],
    [() => Float32Array.of(0, Number.NaN), /gave an observation with NaN at position 1 when it was reset/],
  ] as const)
    await refused(() => trained(() => counting({ reset })), message);
});

test('spaces and methods that make no sense are refused before a step is taken', async () => {
  const box = (low: unknown, high: unknown) => ({ kind: 'box', low, high }) as Space;
  for (const [space, message] of [
    [{ actionSpace: box([1], [1]) }, /'counting' has the bounds 1 and 1 of action 0/],
    [{ actionSpace: box([1], [-1]) }, /bounds 1 and -1 of action 0/],
    [{ actionSpace: box([Number.NaN], [1]) }, /bounds NaN and 1 of action 0/],
    [{ actionSpace: box([-1], ['1']) }, /bounds -1 and "1" of action 0/],
    [{ actionSpace: box([-1, -1], [1]) }, /2 lower and 1 upper bounds of the action/],
    [{ actionSpace: box([], []) }, /0 lower and 0 upper bounds of the action/],
    [{ actionSpace: box(undefined, [1]) }, /no lower and 1 upper/],
    [{ actionSpace: { kind: 'discrete', n: 0 } }, /action space \{"kind":"discrete","n":0\}/],
    [{ actionSpace: { kind: 'discrete', n: 2.5 } }, /action space/],
    [{ actionSpace: undefined }, /action space undefined/],
    [{ observationSpace: box([0, 2], [1, 1]) }, /bounds 2 and 1 of observation 1/],
    [{ observationSpace: { kind: 'discrete', n: 3 } }, /observation space .* not a box/],
    [{ maxEpisodeSteps: 0 }, /maxEpisodeSteps 0, not a whole number from 1/],
    [{ maxEpisodeSteps: Number.POSITIVE_INFINITY }, /maxEpisodeSteps Infinity/],
    [{ maxEpisodeSteps: undefined }, /maxEpisodeSteps undefined/],
    [{ name: '' }, /has the name ""/],
    [{ reset: undefined }, /has no method 'reset'/],
    [{ step: 3 }, /has no method 'step'/],
  ] as const)
    await refused(() => trained(() => counting({ space: space as Fault['space'] & object })), message);
  for (const made of [undefined, 5, Promise.resolve(counting())])
    await refused(
      () => trained(() => made as unknown as Environment),
      /An environment is wanted, and .* was given/,
    );
  const one = counting();
  await refused(() => trained(() => one), /the same environment twice/, UsageError);
  await refused(
    () => trained(() => makeEnvironment('pendulum')),
    /learner has 2 observations and 1 box actions, and the environment 'pendulum' has 3 and 1/,
    UsageError,
  );
});

test('getState and setState are missed when a checkpoint is wanted, at once, and not before', async () => {
  const without = (name: 'getState' | 'setState') => () => Object.assign(counting(), { [name]: undefined });
  const { evaluations } = await trained(without('getState'), { checkpoint: undefined });
  assert.is(evaluations.length, 1);
  let steps = 0;
  for (const name of ['getState', 'setState'] as const)
    await refused(
      () => trained(without(name), { onStep: () => steps++ }),
      new RegExp(`'counting' has no method '${name}'\\. Checkpoints need`),
    );
  assert.is(steps, 0);
  const state = () => ({ x: 1 }) as unknown as EnvironmentState;
  await refused(
    () => trained(() => Object.assign(counting(), { getState: state })),
    /gave no state \(\{"x":1\}\)/,
  );
  const whole = await trained(() => counting(), { checkpoint: { every: 4, save: () => undefined } });
  assert.is(whole.evaluations.length, 1);
});

test('an environment that returns one array again and again: what is stored is what was seen then', async () => {
  const reusing = (): Environment => {
    const one = new Float32Array(2);
    const again = (observation: Float32Array) => {
      one.set(observation);
      return one;
    };
    return counting({ from: 1, step: (t) => ({ ...t, observation: again(t.observation) }), reset: again });
  };
  const [reused, sound] = [await trained(reusing), await trained(() => counting())];
  const width = 2 * 2 + 1 + 2;
  const { rows } = reused.checkpoints[0].replay;
  assert.is(rows.length, 12 * width);
  for (let i = 0; i < 12; i++) {
    const [step] = rows.subarray(i * width);
    const next = rows[i * width + 5];
    assert.equal([step, next, rows[i * width + 3]], [i % 5, (i % 5) + 1, (i % 5) + 1]);
  }
  assert.equal(bytesOf(reused.checkpoints[0]), bytesOf(sound.checkpoints[0]));
  assert.equal(reused.evaluations, sound.evaluations);
});

test('an environment may keep the action it is given, and a state does not change later', () => {
  const kept: ArrayLike<number>[] = [];
  const inner = makeEnvironment('pendulum');
  const step = inner.step.bind(inner);
  inner.step = (action) => {
    kept.push(action);
    return step(action);
  };
  const environment = checked(inner);
  environment.reset(1);
  const action = Float32Array.of(0.5);
  environment.step(action);
  action[0] = -1;
  const state = environment.getState();
  const before = structuredClone(state);
  environment.step(action);
  assert.equal(
    kept.map((each) => each[0]),
    [0.5, -1],
  );
  assert.equal(state, before);
  environment.setState(state);
  assert.equal(environment.getState(), before);
  assert.is(checked(environment), environment);
});

test('the time limit holds, also where the environment has none and where an episode was resumed', () => {
  const endless = checked(counting({ from: 1, step: (t) => ({ ...t, truncated: false }) }));
  assert.throws(() => endless.step([0]), /'counting' was stepped before the first reset\. Call reset/);
  endless.reset(1);
  const ends = Array.from({ length: 5 }, () => endless.step([0]).truncated);
  assert.equal(ends, [false, false, false, false, true]);
  assert.throws(() => endless.step([0]), /'counting' was stepped after its episode had ended/);
  endless.reset();
  endless.step([0]);
  endless.step([0]);
  const other = checked(counting({ from: 1, step: (t) => ({ ...t, truncated: false }) }));
  other.setState(endless.getState());
  assert.equal(
    Array.from({ length: 3 }, () => other.step([0]).truncated),
    [false, false, true],
  );
});

test('every environment of ours passes unchanged', async () => {
  for (const { name, prepare } of environments) {
    // Of those of the engine one is enough.
    if (prepare && name !== 'inverted-pendulum') continue;
    await prepare?.();
    const [plain, wrapped] = [makeEnvironment(name), checked(makeEnvironment(name))];
    assert.equal(wrapped.reset(3), plain.reset(3), name);
    const size = plain.actionSpace.kind === 'box' ? plain.actionSpace.low.length : 1;
    const actions = new Array<number>(size).fill(plain.actionSpace.kind === 'box' ? 0.1 : 1);
    assert.equal(wrapped.step(actions), plain.step(actions), name);
    assert.equal(wrapped.getState(), plain.getState(), name);
    assert.equal(wrapped.scene?.(), plain.scene?.(), name);
  }
});

test('a run that is stopped in an evaluation ends there, and makes up for it when it goes on', async () => {
  const whole = await trained(() => counting(), { steps: 24, checkpoint: undefined });
  const stop = new AbortController();
  let examined = 0;
  const stopping = () =>
    counting({
      from: 2,
      step: (t) => {
        // In the evaluation at 12: the training environment has made 12 steps, and the two others one.
        if (++examined > 12) stop.abort();
        return t;
      },
    });
  const stopped = await trained(stopping, { steps: 24, signal: stop.signal });
  assert.equal(stopped.evaluations, []);
  const [at] = stopped.checkpoints;
  assert.is(at.step, 12);
  assert.ok(at.pending);
  const heard: number[] = [];
  const resumed = await trained(() => counting(), {
    steps: 24,
    onEvaluation: ({ step }) => void heard.push(step),
    checkpoint: { every: 100, resume: decodeCheckpoint(bytesOf(at)), save: () => undefined },
  });
  assert.equal(resumed.evaluations, whole.evaluations);
  assert.equal(heard, [12, 24]);
});

test('parallel environments of a caller’s own are looked at too, each by its place', async () => {
  const two = (fault: Partial<Record<keyof VectorTransition, unknown>>, count = 2): VectorEnvironment => {
    const observation = () => Float32Array.of(0, 1);
    const answers = <T>(make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
    return {
      count: 2,
      reset: () => answers(observation),
      step: () =>
        answers((i) => ({
          ...{
            observation: observation(),
            next: observation(),
            reward: 0,
            terminated: false,
            truncated: false,
          },
          ...(i === 1 ? fault : {}),
        })) as VectorTransition[],
      getStates: () => [counting().getState(), counting().getState()],
      setStates: () => undefined,
      dispose: () => undefined,
    };
  };
  const run = (environment: VectorEnvironment) => trained(() => counting(), { environments: environment });
  assert.is((await run(two({}))).evaluations.length, 1);
  await refused(() => run(two({ reward: undefined })), /gave the reward undefined at place 1, in step 1/);
  await refused(
    () => run(two({ next: [0] })),
    /observation of 1 numbers instead of 2 .*at place 1, after in step 1/,
  );
  await refused(() => run(two({ terminated: undefined })), /gave terminated undefined/);
  await refused(() => run(two({}, 1)), /2 parallel environments of 'counting' gave 1 answers/);
  const one = new Float32Array(2);
  const reused = await run({ ...two({ observation: one, next: one }), count: 2 });
  assert.is(reused.evaluations.length, 1);
});

test.run();
