// What would compute something else than was meant is refused by name, with what to write instead.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ActorCritic,
  type ActorCriticOptions,
  adam,
  add,
  boltzmann,
  type Checkpoint,
  chooseEstimator,
  constant,
  type Device,
  DivergradError,
  decodeCheckpoint,
  distributionFamily,
  encodeCheckpoint,
  grad,
  gradient,
  literal,
  matmul,
  mean,
  mlp,
  mul,
  open,
  ReplayBuffer,
  read,
  reshape,
  State,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  train,
} from '../src/index.ts';
import { PhiloxStream } from '../src/math/philox.ts';

type Any = never;
const any = (value: unknown): Any => value as Any;

const device = await open({ backend: 'cpu' });

/** The message of what a recording, or a call, throws; of a typed error only. */
async function said(body: () => unknown): Promise<string> {
  try {
    await body();
  } catch (error) {
    assert.instance(error, DivergradError, String(error));
    return (error as Error).message;
  }
  return 'nothing';
}
const recording = (body: (x: Tensor) => unknown) => () =>
  device.lower(({ input }) => {
    body(input('x', [4, 3]));
    return {};
  });

/** A mode learned of Q(a) = −(a − ½)², whose target has its mode at ½, by critics of some shape. */
async function learnedMode(shape: (q: Tensor) => Tensor): Promise<number> {
  const family = distributionFamily('tanh-gaussian');
  const policy = mlp({ inputs: 1, hidden: [8], outputs: family.parameters(1), seed: 1, name: 'policy' });
  const optimiser = adam(policy.parameters, { learningRate: 1e-2 });
  const update = await device.compile(({ input }) => {
    const pi = family.make(policy(input('states', [4, 1], 1)), 1);
    const target = boltzmann((a) => shape(mul(-1, sum(square(sub(a, 0.5)), -1))), { temperature: 0.05 });
    const { loss } = chooseEstimator('reverse-kl/pathwise').loss({ policy: pi, target, samples: 16 });
    optimiser.step(gradient(loss, policy.parameters));
    return { mode: mean(pi.mode()) };
  });
  update.run(400);
  return update.readScalar('mode');
}

test('critics without an axis of critics are refused: samples would be taken for critics', async () => {
  assert.match(
    await said(() => learnedMode((q) => q)),
    /^boltzmann\(\[16, 4, 1\]\): the critics gave \[16, 4\] .* they give \[critics, 16, 4\]: for one critic reshape\(q, \[1, 16, 4\]\)/,
  );
  const mode = await learnedMode((q) => reshape(q, [1, 16, 4]));
  assert.ok(Math.abs(mode - 0.5) < 0.05, `mode ${mode}`);
});

const family = distributionFamily('tanh-gaussian');
const q = (a: Tensor) => reshape(sum(a, -1), [1, a.shape[0], a.shape[1]]);
/** A loss from a policy at 4 states with parts that may be wrong. */
const loss = (parts: () => object, name = 'reverse-kl/score:value') =>
  recording((x) => {
    const policy = family.make(reshape(mean(x, -1), [2, 2]), 1);
    chooseEstimator(name).loss({ policy, target: boltzmann(q, { temperature: 1 }), samples: 3, ...parts() });
  });

const refused: readonly [name: string, message: RegExp, body: () => unknown][] = [
  [
    'an array as operand',
    /^add takes a tensor or a number; got an array of 2 elements.*literal\(/,
    recording((x) => add(x, any([1, 2]))),
  ],
  [
    'a typed array',
    /^mul takes .*got an array of 2 elements/,
    recording((x) => mul(any(new Float32Array(2)), x)),
  ],
  ['undefined', /^sub takes a tensor or a number; got undefined/, recording((x) => sub(x, any(undefined)))],
  ['a text', /^add takes a tensor or a number; got "1"/, recording((x) => add(x, any('1')))],
  [
    'a state',
    /^square takes .* got the state 'w'.*read\(state\)/,
    recording(() => square(any(new State('w', [1])))),
  ],
  ['a function', /^add takes .* got the function 'q'.*Call it/, recording((x) => add(x, any(q)))],
  ['an axis that is named twice', /the axes \[1,-1\] name one twice/, recording((x) => sum(x, [1, -1]))],
  ['axes that are an object', /^sum.*axes are a number, a list/, recording((x) => sum(x, any({ axis: 0 })))],
  ['a list as constant', /^constant takes a number; got/, recording((x) => add(x, constant(any([1, 2]))))],
  ['null as constant', /^constant takes a number; got null/, recording((x) => add(x, constant(any(null))))],
  [
    'an option of matmul that is none',
    /^Unknown option of matmul 'transposeB'/,
    recording((x) => matmul(reshape(x, [1, -1]), reshape(x, [1, -1]), any({ transposeB: true }))),
  ],
  ['a reduction of nothing', /^sum takes a tensor; got undefined/, recording(() => sum(any(undefined)))],
  [
    'a number of which a mean is taken',
    /^sum takes a tensor; got the number 2.*constant/,
    recording(() => mean(any(2))),
  ],
  [
    'a view of an array',
    /^reshape takes a tensor; got an array/,
    recording(() => reshape(any([1, 2]), [2, 1])),
  ],
  ['a stack that is no list', /^stack needs a list/, recording((x) => stack(any(x), 0))],
  ['a stack with a hole', /^stack takes a tensor; got null/, recording((x) => stack([x, any(null)], 0))],
  [
    'a product with an array',
    /^matmul takes a tensor; got an array/,
    recording((x) => matmul(x, any([[1]]))),
  ],
  [
    'a gradient of nothing',
    /^grad takes a tensor; got undefined/,
    recording((x) => grad(any(undefined), [x])),
  ],
  [
    'a gradient for a network',
    /^read takes a state; got a network.*network\.parameters/,
    recording((x) => gradient(sum(x), any(mlp({ inputs: 3, hidden: [], outputs: 1 })))),
  ],
  [
    'an optimiser of a network',
    /^adam takes a state; got a network/,
    () => adam(any(mlp({ inputs: 3, hidden: [], outputs: 1 })), { learningRate: 1 }),
  ],
  [
    'a network applied to an array',
    /^mlp takes a tensor; got an array/,
    recording(() => mlp({ inputs: 3, hidden: [], outputs: 1 })(any([1, 2, 3]))),
  ],
  [
    'nested rows of a literal',
    /^literal takes an array of numbers; got \[1,2\] at position 0/,
    recording(() => literal(any([[1, 2]]), [1])),
  ],
  [
    'a literal of a number',
    /^literal takes an array of numbers; got 3/,
    recording(() => literal(any(3), [])),
  ],
  [
    'a head that is an array',
    /^tanh-gaussian takes a tensor; got an array/,
    recording(() => family.make(any([0, 0]), 1)),
  ],
  [
    'two networks of one name',
    /^Two states of this program are named 'mlp\.parameters'.*name of its own/,
    recording((x) => [
      mlp({ inputs: 3, hidden: [], outputs: 1 })(x),
      mlp({ inputs: 3, hidden: [], outputs: 1 })(x),
    ]),
  ],
  [
    'two states of one name',
    /^Two states of this program are named 'w'/,
    recording(() => [read(new State('w', [1])), read(new State('w', [2]))]),
  ],
  [
    'an unknown activation',
    /^Unknown activation 'swish'\. Known: identity, relu/,
    () => mlp({ inputs: 1, hidden: [1], outputs: 1, activation: any('swish') }),
  ],
  [
    'an unknown option of a network',
    /^Unknown option of mlp 'activations'\. Did you mean 'activation'\?/,
    () => mlp(any({ inputs: 1, hidden: [], outputs: 1, activations: 'tanh' })),
  ],
  [
    'a width for a list of widths',
    /^mlp: hidden must be a list of widths; got 64/,
    () => mlp({ inputs: 1, hidden: any(64), outputs: 1 }),
  ],
  [
    'an unknown option of adam',
    /^Unknown option of adam 'learning_rate'\. Did you mean 'learningRate'/,
    () => adam(new State('w', [1]), any({ learning_rate: 1 })),
  ],
  [
    'a rate for the options of adam',
    /^adam takes its options as an object; got 0\.001/,
    () => adam(new State('w', [1]), any(1e-3)),
  ],
  [
    'a backend for the options of open',
    /^open takes its options as an object; got "wasm".*open\(\{ backend: 'wasm' \}\)/,
    () => open(any('wasm')),
  ],
  ['an unknown option of open', /^Unknown option of open 'device'/, () => open(any({ device: 'cpu' }))],
  ['no function to compile', /^compile takes a function/, () => device.compile(any({}))],
  [
    'an unknown option of compile',
    /^Unknown option of compile 'seeds'\. Did you mean 'seed'/,
    () => device.compile(() => ({}), any({ seeds: 1 })),
  ],
  [
    'unknown kernels',
    /^Unknown mlp 'fuse'\. Did you mean 'fused'/,
    () => device.compile(() => ({}), { mlp: any('fuse') }),
  ],
  [
    'a temperature for the options of boltzmann',
    /^boltzmann takes its options as an object; got 0\.2/,
    recording(() => boltzmann(q, any(0.2))),
  ],
  [
    'a target without a temperature',
    /^boltzmann: 'temperature' is missing/,
    recording(() => boltzmann(q, any({}))),
  ],
  [
    'a temperature for each state',
    /^boltzmann\(\[4, 3\]\): the temperature must have shape \[\]/,
    recording((x) => boltzmann(q, { temperature: x })),
  ],
  [
    'values for critics',
    /^The critics of boltzmann are a function/,
    recording((x) => boltzmann(any(x), { temperature: 1 })),
  ],
  [
    'critics that return nothing',
    /^boltzmann takes critics \[critics, samples, batch\]; got undefined/,
    recording((x) =>
      boltzmann(
        any(() => undefined),
        { temperature: 1 },
      ).critics(x),
    ),
  ],
  [
    'a prior of another shape',
    /the log-prior at the actions must have shape \[2, 2\]/,
    recording(() => {
      const a = literal(new Float32Array(4), [2, 2, 1]);
      const { critics, logDensityOf } = boltzmann(q, { temperature: 1, logPrior: () => constant(0) });
      logDensityOf(critics(a), a);
    }),
  ],
  [
    'a baseline with an axis too many',
    /^reverse-kl\/score:value\(\[2, 1\]\): the baseline `value` must have shape \[2\]/,
    loss(() => ({ value: literal([0, 0], [2, 1]) })),
  ],
  [
    'replayed actions without an axis',
    /`replayedActions` must have shape \[1, 2, 1\]/,
    loss(() => ({ replayedActions: literal([0, 0], [2, 1]) })),
  ],
  [
    'a behaviour at other states',
    /the policy has 2 states and 1 actions, and 'behaviour' 1 and 1/,
    loss(() => ({ behaviour: { batch: 1, actions: 1 } })),
  ],
  ['a name for a policy', /^policy is "gaussian"/, loss(() => ({ policy: 'gaussian' }))],
  [
    'critics for a target',
    /^target is a function; it must be what boltzmann returns/,
    loss(() => ({ target: q })),
  ],
  [
    'an action beyond the box',
    /^The action 2 is outside the box \[−1, 1\]/,
    recording((x) => family.make(reshape(mean(x, -1), [2, 2]), 1).logProb(literal([0, 2], [1, 2, 1]))),
  ],
  [
    'a boundless action to a mixture',
    /^The action -2 is outside the box/,
    recording(() =>
      distributionFamily('tanh-gaussian-mixture')
        .make(
          literal(new Float32Array(distributionFamily('tanh-gaussian-mixture').parameters(1)), [
            1,
            distributionFamily('tanh-gaussian-mixture').parameters(1),
          ]),
          1,
        )
        .logProb(literal([-2], [1, 1, 1])),
    ),
  ],
  [
    'a boundless action to a beta',
    /^The action 1\.5 is outside the box/,
    recording(() =>
      distributionFamily('beta')
        .make(literal([0, 0], [1, 2]), 1)
        .logProb(literal([1.5], [1, 1, 1])),
    ),
  ],
];
for (const [name, message, body] of refused)
  test(`refused: ${name}`, async () => assert.match(await said(body), message));

test('an action beyond the box that an update computes has no density', async () => {
  for (const name of ['tanh-gaussian', 'tanh-gaussian-mixture', 'beta']) {
    const one = distributionFamily(name);
    const update = await device.compile(({ input }) => ({
      density: one.make(input('head', [1, one.parameters(1)], 0.1), 1).logProb(input('a', [3, 1, 1])),
    }));
    update.write({ a: [1, -1.0001, 2] });
    update.run();
    const [edge, ...beyond] = await update.read('density');
    assert.ok(Number.isFinite(edge), name);
    assert.ok(beyond.every(Number.isNaN), `${name}: ${beyond}`);
  }
});

test('a replay buffer keeps actions as the learner writes them', async () => {
  const step = { observation: [0], action: [2], reward: 0, terminated: false, nextObservation: [0] };
  const buffer = (boxed?: boolean) =>
    new ReplayBuffer({ capacity: 2, observations: 1, actions: 1, ...(boxed === undefined ? {} : { boxed }) });
  assert.match(
    await said(() => buffer().add(device, step)),
    /^A transition's action is 2 at 0, outside the box \[−1, 1\]\. Store the learner's action/,
  );
  assert.equal(await said(() => buffer(false).add(device, step)), 'nothing');
  for (const terminated of [undefined, 'false', 1, null])
    assert.match(
      await said(() => buffer(false).add(device, { ...step, terminated: any(terminated) })),
      /^A transition's terminated is .*; it must be true or false/,
    );
});

test('networks of other names or seeds start from other weights, the same again every time', () => {
  const weights = (name: string, seed?: number) =>
    Array.from(
      mlp({ inputs: 3, hidden: [4], outputs: 2, name, ...(seed === undefined ? {} : { seed }) }).parameters
        .initial as Float32Array,
    );
  const all = [weights('a'), weights('b'), weights('a', 1), weights('b', 1)];
  const first = new Set(all.flat().map(String));
  assert.is(first.size, all.flat().length, 'no two weights are alike');
  assert.equal(weights('a'), all[0]);
});

test('two networks side by side are independent: the correlation of 400 weights is that of chance', () => {
  const of = (name: string) =>
    mlp({ inputs: 20, hidden: [], outputs: 20, name }).parameters.initial as Float32Array;
  const [x, y] = [of('actor'), of('critic')];
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((total, value, i) => total + value * b[i], 0);
  assert.ok(Math.abs(dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y))) < 4 / Math.sqrt(420));
});

test('a vector is no scalar', async () => {
  const update = await device.compile(({ input }) => ({ y: square(input('x', [3], 2)) }));
  update.run();
  assert.match(
    await said(() => update.readScalar('y')),
    /^Output 'y' has shape \[3\]; it is no scalar\. Read all of it with read\('y'\)/,
  );
});

test('a device that was disposed of is refused by every call', async () => {
  const ended = await open({ backend: 'cpu' });
  const w = new State('w', [1]);
  const update = await ended.compile(({ input }) => ({ y: add(input('x', [1], 1), read(w)) }));
  update.run();
  await ended.dispose();
  const calls: readonly ((device: Device) => unknown)[] = [
    (one) => one.compile(() => ({ y: constant(1) })),
    (one) => one.read(w),
    (one) => one.write(w, [1] as Any),
    (one) => one.write(w, Float32Array.of(1)),
    (one) => one.bufferOf(w),
    (one) => one.load(update.program),
    () => update.run(),
    () => update.write({ x: [1] }),
    () => update.read('y'),
    () => update.readScalar('y'),
    () => update.fault(),
  ];
  for (const call of calls)
    assert.match(
      await said(() => call(ended)),
      /^The device was disposed of\. Open one anew\./,
      String(call),
    );
  await ended.dispose();
});

const whole = (parts: object): ActorCriticOptions =>
  any({
    observations: 1,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family,
    ...parts,
  });
const learners: readonly [parts: object, message: RegExp][] = [
  [
    { estimator: 'reverse-kl/pathwise' },
    /^estimator is "reverse-kl\/pathwise".*chooseEstimator\("reverse-kl\/pathwise"\)/,
  ],
  [{ estimator: undefined }, /^ActorCritic: 'estimator' is missing/],
  [{ family: 'tanh-gaussian' }, /^family is "tanh-gaussian".*distributionFamily\("tanh-gaussian"\)/],
  [{ actions: 1 }, /^actions is 1; it must say its kind\. Write actions: \{ kind: 'box', size: 1 \}/],
  [{ activation: 'sigmoid' }, /^Unknown activation 'sigmoid'/],
  [{ learningrate: 1 }, /^Unknown option of ActorCritic 'learningrate'\. Did you mean 'learningRate'/],
];
for (const [parts, message] of learners)
  test(`a learner is refused ${JSON.stringify(parts)}`, async () =>
    assert.match(await said(() => new ActorCritic(whole(parts))), message));

test('a run takes what makes an environment, not its name', async () => {
  const learner = new ActorCritic(whole({}));
  assert.match(
    await said(() => train(device, any({ learner, makeEnvironment: 'pendulum', steps: 1 }))),
    /^makeEnvironment must be a function; got "pendulum"\. Write makeEnvironment: \(\) => makeEnvironment\('pendulum'\)/,
  );
  assert.match(
    await said(() => train(device, any({ learner, makeEnvironment: q, steps: 1, warmUp: 3 }))),
    /^Unknown option of train 'warmUp'\. Did you mean 'warmup'/,
  );
});

test('what encodeCheckpoint gives is what decodeCheckpoint takes', () => {
  const checkpoint: Checkpoint = {
    streams: 2,
    settings: { environment: 'pendulum' },
    step: 3,
    updates: 2,
    evaluations: [],
    random: new PhiloxStream(1).getState(),
    environments: [],
    states: new Map([['w', Float32Array.of(1, 2, 3)]]),
    replay: { rows: Float32Array.of(1, 2), next: 1 },
  };
  const pieces = encodeCheckpoint(checkpoint);
  const bytes = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  assert.ok(pieces.length > 1);
  assert.equal(decodeCheckpoint(pieces), checkpoint);
  assert.equal(decodeCheckpoint(bytes), checkpoint);
  assert.match(
    (() => {
      try {
        decodeCheckpoint(pieces.slice(0, -1));
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    })(),
    /cut off/,
  );
});

test.after(() => device.dispose());
test.run();
