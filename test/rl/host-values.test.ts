// Numbers of the host that are to be kept: NaN and infinity are named where they arise, and no file ever holds them.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Environment, EnvironmentState } from '../../src/envs/environment.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { LocalVector, type VectorEnvironment } from '../../src/envs/vector.ts';
import { EnvironmentError, NumericsError } from '../../src/errors.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { decodeCheckpoint } from '../../src/rl/checkpoint-format.ts';
import { savePolicy } from '../../src/rl/policy-file.ts';
import { train } from '../../src/rl/train.ts';
import { findCheckpoint, saveCheckpoint } from '../../src/study/runs/checkpoint-file.ts';
import { RunFolder } from '../../src/study/runs/run-folder.ts';
import { completeSettings } from '../../src/study/runs/run-settings.ts';
import { exactDevice } from '../helpers/devices.ts';
import { bytesOf, learnerFor, quick } from '../helpers/training.ts';

const cell = { environment: 'linear-quadratic', estimator: 'reverse-kl/pathwise' };
const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('accepted'),
    (error: Error) => error,
  );

test('a reward that is not finite in an evaluation only ends the run by name, and the checkpoints are whole', async () => {
  for (const reward of [Number.NaN, Infinity, -Infinity, 1e39]) {
    const saved: Checkpoint[] = [];
    let made = 0;
    const makeEvaluated = (): Environment => {
      const environment = makeEnvironment(cell.environment);
      // The first is learnt in.
      if (made++ === 0) return environment;
      let steps = 0;
      const { step } = environment;
      environment.step = (action) => {
        const transition = step.call(environment, action);
        return ++steps > 250 ? { ...transition, reward } : transition;
      };
      return environment;
    };
    const device = exactDevice();
    const error = await failure(
      train(device, {
        ...quick,
        makeEnvironment: makeEvaluated,
        learner: learnerFor(cell),
        checkpoint: { every: 10, save: (checkpoint) => void saved.push(checkpoint) },
      }),
    );
    assert.instance(error, EnvironmentError);
    assert.match(error.message, new RegExp(`gave the reward ${String(reward).replace('+', '\\+')}`));
    assert.ok(saved.length > 0);
    for (const checkpoint of saved) assert.equal(decodeCheckpoint(bytesOf(checkpoint)), checkpoint);
    await device.dispose();
  }
});

test('states of parallel environments are checked as that of one is, before the first step', async () => {
  const task = () => makeEnvironment(cell.environment);
  const inner = new LocalVector([task(), task()]);
  const damaged = (damage: (state: EnvironmentState) => unknown): VectorEnvironment => ({
    count: 2,
    reset: (seed) => inner.reset(seed),
    step: (actions) => inner.step(actions),
    getStates: () =>
      inner.getStates().map((state, i) => (i === 1 ? damage(state) : state)) as EnvironmentState[],
    setStates: (states) => inner.setStates(states),
    dispose: () => undefined,
  });
  for (const [damage, message] of [
    [
      (state: EnvironmentState) => ({ ...state, physics: [0, Number.NaN] }),
      /gave the state NaN at position 1 at place 1/,
    ],
    [(state: EnvironmentState) => ({ ...state, physics: new Float32Array(2) }), /gave no state .*at place 1/],
    [
      (state: EnvironmentState) => ({ ...state, random: { ...state.random, spareNormal: Number.NaN } }),
      /gave a wrong state at place 1, when .*: its state: random\.spareNormal is NaN/,
    ],
    [
      (state: EnvironmentState) => ({ ...state, more: new Map() }),
      /gave a wrong state .*: its state: more is a Map/,
    ],
    [() => undefined, /gave no state/],
  ] as const) {
    const device = exactDevice();
    const error = await failure(
      train(device, {
        ...quick,
        makeEnvironment: task,
        environments: damaged(damage),
        learner: learnerFor(cell),
        checkpoint: { every: 10, save: () => assert.unreachable() },
      }),
    );
    assert.instance(error, EnvironmentError);
    assert.match(error.message, message);
    await device.dispose();
  }
});

async function aCheckpoint(): Promise<Checkpoint> {
  const saved: Checkpoint[] = [];
  const device = exactDevice();
  await train(device, {
    ...{ ...quick, steps: 20, capacity: 20, makeEnvironment: () => makeEnvironment(cell.environment) },
    learner: learnerFor(cell),
    checkpoint: { every: 20, save: (checkpoint) => void saved.push(checkpoint) },
  });
  await device.dispose();
  return saved[0];
}

test('a checkpoint with a number that is not finite is never written, wherever the number is', async () => {
  const good = await aCheckpoint();
  const folder = await mkdtemp(join(tmpdir(), 'divergrad-host-values-'));
  await saveCheckpoint(folder, good);
  const [evaluation] = good.evaluations;
  const [first] = good.environments;
  const withState = (name: string) => new Map([...good.states, [name, Float32Array.of(0, Number.NaN)]]);
  const damages: readonly [Partial<Checkpoint>, RegExp][] = [
    [{ evaluations: [{ ...evaluation, returns: [1, Number.NaN] }] }, /evaluations\[0\]\.returns\[1\] is NaN/],
    [
      { evaluations: [{ ...evaluation, meanReturn: -Infinity }] },
      /evaluations\[0\]\.meanReturn is -Infinity/,
    ],
    [{ evaluations: [{ ...evaluation, metrics: { entropy: Infinity } }] }, /metrics\.entropy is Infinity/],
    [{ pending: { metrics: { loss: Number.NaN } } }, /pending\.metrics\.loss is NaN/],
    [{ settings: { ...good.settings, 'learner.tau': Number.NaN } }, /settings\.learner\.tau is NaN/],
    [{ step: Number.NaN }, /step is NaN/],
    [{ random: { ...good.random, spareNormal: Number.NaN } }, /random\.spareNormal is NaN/],
    [
      { replay: { ...good.replay, rows: good.replay.rows.map((x, i) => (i === 3 ? Infinity : x)) } },
      /'replay' is Infinity at element 3/,
    ],
    [{ states: withState('policy.parameters') }, /'state:policy\.parameters' is NaN at element 1/],
    [
      { environments: [{ ...first, state: { ...first.state, physics: [Number.NaN] } }] },
      /'physics\.0' is NaN at element 0/,
    ],
    [{ environments: [{ ...first, observation: Float32Array.of(Number.NaN) }] }, /'observation\.0' is NaN/],
  ];
  for (const [damage, message] of damages) {
    assert.throws(
      () => bytesOf({ ...good, ...damage }),
      (error: Error) => error instanceof NumericsError && message.test(error.message),
      String(message),
    );
    // What is there stays there.
    assert.instance(await failure(saveCheckpoint(folder, { ...good, ...damage })), NumericsError);
    assert.equal((await findCheckpoint(folder))?.checkpoint, good);
  }
  await rm(folder, { recursive: true });
});

test('so it is with a policy, and with the lines of a log', async () => {
  const device = exactDevice();
  const learner = learnerFor(cell);
  const read = device.read.bind(device);
  device.read = async (...args) => {
    const values = await read(...args);
    values[5] = Number.NaN;
    return values;
  };
  const error = await failure(savePolicy(device, learner, cell.environment));
  assert.instance(error, NumericsError);
  assert.is(error.message, 'The parameters of the policy: [5] is NaN; no file can hold that.');
  await device.dispose();

  const folder = await mkdtemp(join(tmpdir(), 'divergrad-host-values-'));
  const settings = await completeSettings({ environment: cell.environment });
  const run = await RunFolder.open(folder, settings, { versions: {}, adapter: 'a test', command: [] });
  const evaluation = { step: 10, updates: 1, returns: [1], meanReturn: Number.NaN, metrics: {} };
  assert.match(
    (await failure(run.append(evaluation, 1))).message,
    /The evaluation at step 10: meanReturn is NaN; no file can hold that/,
  );
  assert.equal(await readFile(join(folder, 'metrics.jsonl')).catch(() => 'none'), 'none');
  await run.close();
  await rm(folder, { recursive: true });
});

test.run();
