// Joined kernels on the backend of this run against the same steps one by one on the float64 reference: whole updates of
// many shapes, so that every joined kernel meets batches and widths below, at and past its tiles.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { joinedKernels, MOST_JOINED_BINDINGS } from '../../src/kernels/index.ts';
import { type Activation, mlp } from '../../src/nn/index.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { replayFor } from '../../src/rl/recorded-update.ts';
import { clockState, gradient, type MlpKernels, mul, sum } from '../../src/tape/index.ts';
import { testBackend } from '../helpers/devices.ts';
import { assertClose, Data, openTested } from '../helpers/kernel-run.ts';

const test = suite('joined');

interface Case {
  readonly observations: number;
  readonly actions: number;
  readonly hidden: readonly number[];
  readonly batch: number;
  readonly samples: number;
  readonly activation: Activation;
  readonly estimator: string;
}

const cases: readonly Case[] = [
  {
    observations: 3,
    actions: 1,
    hidden: [64, 64],
    batch: 64,
    samples: 1,
    activation: 'relu',
    estimator: 'reverse-kl/pathwise',
  },
  {
    observations: 1,
    actions: 1,
    hidden: [1],
    batch: 1,
    samples: 1,
    activation: 'tanh',
    estimator: 'reverse-kl/pathwise',
  },
  {
    observations: 5,
    actions: 3,
    hidden: [17, 5, 23],
    batch: 13,
    samples: 3,
    activation: 'silu',
    estimator: 'reverse-kl/pathwise',
  },
  {
    observations: 17,
    actions: 6,
    hidden: [37],
    batch: 67,
    samples: 1,
    activation: 'elu',
    estimator: 'reverse-kl/pathwise',
  },
  {
    observations: 3,
    actions: 2,
    hidden: [9, 5],
    batch: 22,
    samples: 1,
    activation: 'relu',
    estimator: 'reverse-kl/pathwise',
  },
  {
    observations: 2,
    actions: 2,
    hidden: [101, 7],
    batch: 9,
    samples: 5,
    activation: 'gelu',
    estimator: 'reverse-kl/score:loo',
  },
];

const joinedNames = joinedKernels.map(({ name }) => name);

/** One update from the same start; every state and output afterwards, and the kernels it took. */
async function updateOn(
  device: Device,
  of: Case,
  mlp: MlpKernels,
  joinedBindings: number,
  options: { halfHidden?: boolean } = {},
) {
  const { observations, actions, hidden, batch, samples, activation, estimator } = of;
  const data = new Data(7);
  const learner = new ActorCritic({
    observations,
    actions: { kind: 'box', size: actions },
    hidden,
    activation,
    samples,
    estimator: chooseEstimator(estimator),
    family: distributionFamily('tanh-gaussian'),
  });
  const replay = replayFor(learner, 50);
  for (let i = 0; i < 40; i++) {
    replay.add(device, {
      observation: data.normal(observations),
      action: data.uniform(actions),
      reward: data.normal(1)[0],
      terminated: i % 7 === 0,
      nextObservation: data.normal(observations),
      behaviour: [],
    });
  }
  const update = await device.compile(() => learner.recordUpdate(replay.sample(batch)), {
    mlp,
    joinedBindings,
    ...options,
    clock: clockState(5),
  });
  const before = device.backend.counters.dispatches;
  update.run(1);
  const dispatches = device.backend.counters.dispatches - before;
  const states = new Map<string, Float32Array>();
  for (const state of learner.states) states.set(state.name, Float32Array.from(await device.read(state)));
  const scalars: Record<string, number> = {};
  for (const name of update.program.outputs.keys()) scalars[name] = await update.readScalar(name);
  const kernels = update.program.steps.map((step) => (step.kind === 'generated' ? 'generated' : step.kernel));
  update.dispose();
  return { states, scalars, kernels, dispatches };
}

test('every joined kernel does what its parts do, whatever the shapes', async () => {
  const device = new Device(await openTested());
  const exact = new Device(createCpuBackend({ precision: 'f64' }));
  const met = new Set<string>();
  for (const of of cases) {
    const joined = await updateOn(device, of, 'fused', MOST_JOINED_BINDINGS);
    const parts = await updateOn(exact, of, 'fused', 0);
    for (const kernel of joined.kernels) met.add(kernel);
    assert.not.ok(parts.kernels.some((kernel) => joinedNames.includes(kernel)));
    compareUpdates(joined, parts, JSON.stringify(of));
    if (testBackend() === 'webgpu') assert.is(joined.dispatches, joined.kernels.length);
  }
  const tiled = await updateOn(device, cases[1], 'tiled', MOST_JOINED_BINDINGS);
  for (const kernel of tiled.kernels) met.add(kernel);
  compareUpdates(tiled, await updateOn(exact, cases[1], 'fused', 0), 'tiled');
  assert.equal(
    joinedNames.filter((kernel) => !met.has(kernel)),
    [],
    'every joined kernel was met',
  );
  await device.backend.dispose();
});

if (testBackend() === 'webgpu') {
  test('joined kernels that hand hidden layers on as float16 change gradients little, whatever the shapes', async () => {
    const device = new Device(await openTested());
    const exact = new Device(createCpuBackend({ precision: 'f64' }));
    const met = new Set<string>();
    for (const of of cases) {
      const half = await updateOn(device, of, 'fused', MOST_JOINED_BINDINGS, { halfHidden: true });
      for (const kernel of half.kernels) met.add(kernel);
      const parts = await updateOn(exact, of, 'fused', 0);
      for (const [name, moment] of parts.states) {
        if (!name.endsWith('.parameters.moments')) continue;
        const first = moment.slice(0, moment.length / 2);
        const actual = half.states.get(name) as Float32Array;
        const apart = Math.hypot(...first.map((value, i) => value - actual[i]));
        const norm = Math.hypot(...first);
        assert.ok(apart <= 2e-3 * norm, `${JSON.stringify(of)} ${name}: off by ${apart} of ${norm}`);
      }
    }
    for (const kernel of joinedNames) assert.is(met.has(kernel), kernel.includes('mlp'), kernel);
    await device.backend.dispose();
  });
}

/** States that Adam steps. */
const optimised = /^(policy|value|critics)\.parameters$|^logTemperature$/;

type Updated = Awaited<ReturnType<typeof updateOn>>;

function compareUpdates(joined: Updated, parts: Updated, what: string): void {
  for (const [name, value] of Object.entries(parts.scalars))
    assertClose([joined.scalars[name]], [value], `${what} ${name}`, { rtol: 2e-5, atol: 2e-6 });
  for (const [name, expected] of parts.states) {
    const actual = joined.states.get(name) as Float32Array;
    // The first moment is a tenth of the gradient; Adam's first step keeps only its sign, which rounding decides
    // where the gradient vanishes.
    const moment = parts.states.get(`${name}.moments`)?.slice(0, expected.length);
    assert.is(moment !== undefined, optimised.test(name), name);
    const largest = moment ? Math.max(...moment.map(Math.abs)) : 0;
    const sure = moment
      ? expected.map((x, i) => (Math.abs(moment[i]) > 1e-4 * largest ? x : actual[i]))
      : expected;
    assertClose(actual, sure, `${what} ${name}`, { rtol: 1e-4, scale: 1 });
  }
}

test('a head that only its gradient asks for takes no memory of others', async () => {
  const compare = async (device: Device) => {
    const [valued, followed] = [1, 2].map((seed) =>
      mlp({ inputs: 3, hidden: [64, 64], outputs: 1, name: `net${seed}` }),
    );
    const update = await device.compile(({ input }) => {
      const x = input('x', [64, 3]);
      const along = sum(mul(followed(x), input('cotangent', [1, 64, 1])));
      return { value: valued(x), gradient: gradient(along, followed.parameters) };
    });
    const data = new Data(11);
    update.write({ x: data.normal(192), cotangent: data.normal(64) });
    update.run();
    const values = { value: await update.read('value'), gradient: await update.read('gradient') };
    await device.dispose();
    return values;
  };
  const [tested, expected] = [
    await compare(new Device(await openTested())),
    await compare(new Device(createCpuBackend({ precision: 'f64' }))),
  ];
  assertClose(tested.value, expected.value, 'value', { rtol: 1e-4, atol: 1e-6 });
  assertClose(tested.gradient, expected.gradient, 'gradient', { rtol: 1e-4, atol: 1e-6 });
});

test.run();
