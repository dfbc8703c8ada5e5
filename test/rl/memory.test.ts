// What would fail for want of memory, or of a number that holds it, after hours: refused before the run, by name.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { hostMemory, requireHostMemory } from '../../src/backend/host-memory.ts';
import { Device } from '../../src/device.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { BackendError, type DivergradError, NumericsError, UsageError } from '../../src/errors.ts';
import { mlp } from '../../src/nn/index.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { requireSavable } from '../../src/rl/policy-file.ts';
import { ReplayBuffer } from '../../src/rl/replay.ts';
import { train } from '../../src/rl/train.ts';
import { requireMemory } from '../../src/rl/train-checks.ts';
import { State } from '../../src/tape/index.ts';
import { learnerFor } from '../helpers/training.ts';

type Kind = new (...given: never[]) => DivergradError;

function refuses(kind: Kind, words: RegExp, body: () => unknown): void {
  try {
    body();
  } catch (error) {
    assert.instance(error, kind, `${error}`);
    assert.match((error as Error).message, words);
    return;
  }
  assert.unreachable(`must be refused: ${words}`);
}

const GB = 1e9;
const checkpoint = { every: 1000, save: () => undefined };

test('a replay buffer that its memory, or a checkpoint of it, has no room for is refused before the run', () => {
  // Humanoid's: 2·348 + 17 + 2 numbers a transition, 2.86 GB for a million.
  const replay = new ReplayBuffer({ capacity: 1e6, observations: 348, actions: 17 });
  const [cpu, wasm, webgpu] = (['cpu', 'wasm', 'webgpu'] as const).map((name) => ({
    name,
    information: { precision: 'f32' },
  }));
  const exact = { name: 'cpu', information: { precision: 'f64' } } as const;
  const long = { steps: 1e6 };
  refuses(UsageError, /capacity 1000000 needs 2.86 GB of memory .*can have 2.50 GB/, () =>
    requireMemory(replay, long, cpu, 2.5 * GB),
  );
  refuses(UsageError, /needs 5.72 GB .*2.86 GB itself, 2.86 GB while a checkpoint is made/, () =>
    requireMemory(replay, { ...long, checkpoint }, wasm, 5 * GB),
  );
  refuses(UsageError, /needs 8.58 GB/, () => requireMemory(replay, { ...long, checkpoint }, exact, 8 * GB));
  refuses(UsageError, /needs 2.86 GB .*0 B itself/, () =>
    requireMemory(replay, { ...long, checkpoint }, webgpu, 2 * GB),
  );
  requireMemory(replay, { ...long, checkpoint }, cpu, 6 * GB);
  requireMemory(replay, long, webgpu, 1 * GB);
  // A run that ends before it is full.
  requireMemory(replay, { steps: 1e5, checkpoint }, cpu, 1 * GB);
  requireMemory(replay, long, cpu, undefined);
});

test('a training asks for the memory of its replay buffer before its first step', async () => {
  const device = new Device(createCpuBackend());
  let steps = 0;
  const learner = learnerFor({ environment: 'pendulum', estimator: 'reverse-kl/pathwise' });
  const wide = { ...learner.options, observations: 2 ** 20 };
  // A transition of 8 MB: 16 million are 140 TB.
  const environment = makeEnvironment('pendulum');
  const low = new Array<number>(2 ** 20).fill(-1);
  const makeWide = () => ({
    ...environment,
    name: 'wide',
    observationSpace: { kind: 'box' as const, low, high: low.map((x) => -x) },
    actionSpace: environment.actionSpace,
    reset: () => new Float32Array(2 ** 20),
    step: () => {
      steps++;
      return { observation: new Float32Array(2 ** 20), reward: 0, terminated: false, truncated: false };
    },
  });
  const failed = await train(device, {
    makeEnvironment: makeWide,
    learner: new ActorCritic({ ...wide, hidden: [1] }),
    steps: 2 ** 24,
    capacity: 2 ** 24,
    evaluateEvery: 2 ** 24,
    evaluationEpisodes: 1,
  }).catch((error) => error as unknown);
  assert.instance(failed, UsageError, `${failed}`);
  assert.match((failed as Error).message, /capacity 16777216 needs 141 TB of memory/);
  assert.is(steps, 0);
  await device.dispose();
});

test('what the machine cannot hold is refused by its size', async () => {
  const most = hostMemory() as number;
  assert.ok(most > 2 ** 28 && most < 2 ** 50, `${most}`);
  refuses(BackendError, /'large' needs 3.00 GB, and this process can have 2.00 GB/, () =>
    requireHostMemory(3 * GB, "'large'", 2 * GB),
  );
  requireHostMemory(2 * GB, "'large'", 2 * GB);
  const device = new Device(createCpuBackend());
  refuses(BackendError, /'large' of \d+ elements needs .* memory at most/, () =>
    device.bufferOf(new State('large', [Math.ceil(most / 4) + 1])),
  );
  await device.dispose();
});

test('a transition with a number that float32 does not hold is refused by its part, and stores nothing', async () => {
  const device = new Device(createCpuBackend());
  const replay = new ReplayBuffer({ capacity: 4, observations: 2, actions: 1, behaviour: 1 });
  const good = {
    observation: [1, 2],
    action: [0],
    reward: 1,
    terminated: false,
    nextObservation: [3, 4],
    behaviour: [5],
  };
  replay.add(device, good);
  for (const value of [1e300, -1e39, Number.NaN, Number.POSITIVE_INFINITY]) {
    const parts = {
      observation: [1, value],
      action: [value],
      reward: value,
      nextObservation: [1, value],
      behaviour: [value],
    };
    for (const [name, part] of Object.entries(parts)) {
      const words = name.replace(/[A-Z]/, (letter) => ` ${letter.toLowerCase()}`);
      refuses(
        NumericsError,
        new RegExp(`transition's ${words} is ${value.toString().replace('+', '\\+')}`),
        () => replay.add(device, { ...good, [name]: part }),
      );
    }
  }
  assert.is(replay.size, 1);
  assert.equal([...(await replay.save(device)).rows], [1, 2, 0, 1, 0, 3, 4, 5]);
  await device.dispose();
});

test('networks that no device has room for, and policies that no file has, are refused before they are made', () => {
  refuses(UsageError, /Networks of 3-65536-65536-1 have \d+ parameters, more than 1073741824/, () =>
    mlp({ inputs: 3, hidden: [65_536, 65_536], outputs: 1 }),
  );
  const of = (size: number) => ({ policy: { parameters: { size } } }) as unknown as ActorCritic;
  refuses(UsageError, /20000001 parameters.*could not be saved/, () => requireSavable(of(20_000_001)));
  requireSavable(of(20_000_000));
});

test.run();
