// A policy by itself: what is saved acts in the environment's units, and its weights go to PyTorch and back.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ActorCritic,
  chooseEstimator,
  DataError,
  DivergradError,
  decodeSafetensors,
  distributionFamily,
  encodeSafetensors,
  loadPolicy,
  makeEnvironment,
  open,
  type PolicyDescription,
  type PolicyFile,
  savePolicy,
} from '../../src/index.ts';

const golden = 'test/golden/policy';
const torch = new Uint8Array(readFileSync(`${golden}/torch.safetensors`));
const { observations, actions } = JSON.parse(readFileSync(`${golden}/actions.json`, 'utf8')) as {
  readonly observations: readonly number[][];
  readonly actions: readonly number[][];
};
/** What test/golden/policy/sequential.py is a policy of. */
const description: PolicyDescription = {
  environment: 'a world',
  estimator: 'reverse-kl/pathwise',
  distribution: 'tanh-gaussian',
  observations: 3,
  actions: 2,
  hidden: [8, 5],
  activation: 'tanh',
  spaces: {
    observation: { kind: 'box', low: [null, null, null], high: [null, null, null] },
    action: { kind: 'box', low: [-2, 0], high: [2, 1] },
  },
};

async function requireActions(policy: ReturnType<typeof loadPolicy>): Promise<void> {
  for (const [i, observation] of observations.entries())
    (await policy.act(observation)).forEach((value, j) => {
      assert.ok(Math.abs(value - actions[i][j]) < 1e-6, `${value} instead of ${actions[i][j]}`);
    });
}

test("PyTorch's weights act here as there, and after each way back", async () => {
  const policy = loadPolicy(torch, description);
  await requireActions(policy);
  const bytes = policy.toSafetensors();
  await requireActions(loadPolicy(bytes));
  await requireActions(loadPolicy(JSON.stringify(policy.file)));
  // The arrays that PyTorch reads are those that it wrote, to the last bit.
  const [mine, theirs] = [decodeSafetensors(bytes).arrays, decodeSafetensors(torch).arrays];
  assert.equal([...mine.keys()], ['0.weight', '0.bias', '2.weight', '2.bias', '4.weight', '4.bias']);
  assert.equal(mine, theirs);
  assert.equal(mine.get('0.weight')?.shape, [8, 3]);
});

test('a trained policy acts as its learner, in boxes and in choices, and repeats its samples by seed', async () => {
  const device = await open({ backend: 'cpu' });
  for (const [name, distribution] of [
    ['pendulum', 'tanh-gaussian'],
    ['cartpole', 'categorical'],
  ]) {
    const environment = makeEnvironment(name);
    const { observationSpace, actionSpace } = environment;
    const size = actionSpace.kind === 'box' ? actionSpace.low.length : actionSpace.n;
    const learner = new ActorCritic({
      observations: observationSpace.low.length,
      actions: { kind: actionSpace.kind, size },
      estimator: chooseEstimator('reverse-kl/score'),
      family: distributionFamily(distribution),
      hidden: [8],
    });
    const file = JSON.parse(JSON.stringify(await savePolicy(device, learner, environment))) as PolicyFile;
    assert.is(file.spaces?.action.kind, actionSpace.kind);
    const policy = loadPolicy(file);
    const observation = environment.reset(1);
    const update = await device.compile(({ input }) => ({
      mode: learner.distribution(input('o', [1, observation.length])).mode(),
    }));
    update.write({ o: observation });
    update.run();
    const mode = await update.read('mode');
    const expected = actionSpace.kind === 'box' ? [2 * mode[0]] : [Number(mode[1] > mode[0])];
    const action = await policy.act(observation);
    action.forEach((value, i) => {
      assert.ok(Math.abs(value - expected[i]) < 1e-6, `${value} instead of ${expected[i]}`);
    });
    environment.step(action);
    const sampled = async () => {
      const one = loadPolicy(file);
      const drawn: number[] = [];
      for (let i = 0; i < 20; i++) drawn.push(...(await one.act(observation, { deterministic: false })));
      return drawn;
    };
    const drawn = await sampled();
    assert.equal(await sampled(), drawn);
    assert.ok(new Set(drawn).size > 1);
  }
  await device.dispose();
});

test('a normalisation is applied to what the network sees', async () => {
  const plain = loadPolicy(torch, description);
  const shifted = loadPolicy(torch, {
    ...description,
    version: 2,
    normalisation: { mean: [1, 2, 3], scale: [2, 2, 0.5] },
  });
  assert.equal(await shifted.act([3, 4, 4]), await plain.act([1, 1, 2]));
});

async function said(body: () => unknown): Promise<string> {
  try {
    await body();
  } catch (error) {
    assert.instance(error, DivergradError);
    return (error as Error).message;
  }
  return 'nothing';
}
const file = loadPolicy(torch, description).file;
const cut = (bytes: Uint8Array, at: number) => bytes.slice(0, at);
const arraysOf = (change: Record<string, { shape: number[]; values: number[] }>) => {
  const { arrays } = decodeSafetensors(torch);
  return encodeSafetensors({ arrays: new Map([...arrays, ...Object.entries(change)]), metadata: {} });
};
const half = (() => {
  const bytes = torch.slice();
  const at = new TextDecoder().decode(bytes.subarray(8)).indexOf('F32') + 8;
  bytes.set(new TextEncoder().encode('F16'), at);
  return bytes;
})();
/** The file with one array named a byte earlier. */
const moved = () => {
  const bytes = torch.slice();
  const at = new TextDecoder().decode(bytes.subarray(8)).indexOf('[96, 128]') + 8;
  bytes.set(new TextEncoder().encode('[95, 127]'), at);
  return bytes;
};
const described = (text: string) =>
  encodeSafetensors({ arrays: decodeSafetensors(torch).arrays, metadata: { 'divergrad-policy': text } });
const { spaces: _, ...old } = file;
const refused: readonly [name: string, message: RegExp, body: () => unknown][] = [
  [
    'a file of an earlier release',
    /does not hold the spaces of 'a world'.*loadPolicy\(/,
    () => loadPolicy(old).act([0, 0, 0]),
  ],
  ['an observation of another length', /sees 3 observations; got 2/, () => loadPolicy(file).act([0, 0])],
  ['no observation', /sees 3 observations; got undefined/, () => loadPolicy(file).act(undefined as never)],
  [
    'an observation of texts',
    /is "1" at 1; it must be numbers/,
    () => loadPolicy(file).act([0, '1', 0] as never),
  ],
  ['an observation with null', /is null at 0; it must be/, () => loadPolicy(file).act([null, 0, 0] as never)],
  [
    'a switch that is none',
    /^deterministic is true or false; got "no"/,
    () => loadPolicy(file).act([0, 0, 0], { deterministic: 'no' as never }),
  ],
  [
    'an array that is moved',
    /begins at \d+, where the one before ends at \d+/,
    () => decodeSafetensors(moved()),
  ],
  [
    'bytes after the arrays',
    /bytes of arrays, and names/,
    () => decodeSafetensors(Uint8Array.from([...torch, 0, 0, 0, 0])),
  ],
  [
    'a description that is not JSON',
    /description of its policy that is not JSON/,
    () => loadPolicy(described('{')),
  ],
  [
    'a description that is null',
    /description of its policy that is null/,
    () => loadPolicy(described('null')),
  ],
  [
    'a description without widths',
    /hidden undefined and/,
    () => loadPolicy(described('{"distribution":"gaussian"}')),
  ],
  ['an observation that is not finite', /is NaN at 1/, () => loadPolicy(file).act([0, Number.NaN, 0])],
  [
    'an unknown option',
    /^Unknown option of act 'determinstic'\. Did you mean 'deterministic'/,
    () => loadPolicy(file).act([0, 0, 0], { determinstic: false } as never),
  ],
  ['weights alone', /holds weights, and does not say of what policy/, () => loadPolicy(torch)],
  [
    'weights of another size',
    /'0\.weight' of shape \[8, 3\]; a policy of 3-9-5-4 has it of shape \[9, 3\]/,
    () => loadPolicy(torch, { ...description, hidden: [9, 5] }),
  ],
  [
    'weights of another network',
    /holds 'head\.weight', which a policy of 3-8-5-4 does not have/,
    () => loadPolicy(arraysOf({ 'head.weight': { shape: [1], values: [0] } }), description),
  ],
  [
    'weights that are not finite',
    /has "?NaN"? at parameter|has null at parameter|not a finite number/,
    () => loadPolicy(arraysOf({ '0.bias': { shape: [8], values: Array(8).fill(Number.NaN) } }), description),
  ],
  [
    'weights in half precision',
    /holds "F16" in '0\.weight'; F32 and F64 are read/,
    () => loadPolicy(half, description),
  ],
  ['a path for a text', /is not JSON.*not its path/, () => loadPolicy('policy.json')],
  [
    'a newer file',
    /has version 3, and this program reads versions 1 and 2\. Use the newer/,
    () => loadPolicy({ ...file, version: 3 } as never),
  ],
  [
    'spaces of another size',
    /has spaces .* which are not of 3 observations and 2 actions/,
    () => loadPolicy({ ...file, spaces: { ...file.spaces, action: { kind: 'discrete', n: 3 } } } as never),
  ],
  [
    'a scale of 0',
    /not a mean and a scale above 0/,
    () => loadPolicy({ ...file, version: 2, normalisation: { mean: [0, 0, 0], scale: [1, 0, 1] } }),
  ],
];
for (const [name, message, body] of refused)
  test(`refused: ${name}`, async () => assert.match(await said(body), message));

test('every cut of a safetensors file is refused by a typed error', () => {
  for (let at = 0; at < torch.length; at++)
    assert.throws(
      () => decodeSafetensors(cut(torch, at)),
      (error: unknown) => error instanceof DataError,
    );
});

test.run();
