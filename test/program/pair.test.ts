// Steps that do the same with other rows in one dispatch: which are paired, and that the numbers stay those of the tiled path.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { adam, mlp } from '../../src/nn/index.ts';
import type { Program } from '../../src/program/program.ts';
import { ActorCritic, type ActorCriticOptions } from '../../src/rl/actor-critic.ts';
import { replayFor } from '../../src/rl/recorded-update.ts';
import {
  add,
  gradient,
  type MlpKernels,
  mul,
  slice,
  sliceAxis,
  sum,
  type Tensor,
  tanh,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { type Body, evaluate, lowered } from '../helpers/devices.ts';
import { randomInput } from '../helpers/gradcheck.ts';

const paired = ({ steps }: Program): string[] =>
  steps.flatMap((step) => (step.kind === 'kernel' && step.shapes.startsWith('2 × ') ? [step.label] : []));

function sac(
  batch: number,
  options: Partial<ActorCriticOptions> = {},
  mlpKernels: MlpKernels = 'layered',
  noise?: (given: Tensor) => { policy: Tensor; next: Tensor },
) {
  const learner = new ActorCritic({
    observations: 3,
    actions: { kind: 'box', size: 1 },
    hidden: [8, 8],
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily('tanh-gaussian'),
    ...options,
  });
  const replay = replayFor(learner, 100);
  return lowered(
    ({ input }) => learner.recordUpdate(replay.sample(batch), noise?.(input('noise', [2, batch, 1]))),
    { mlp: mlpKernels },
  );
}

test("a SAC update evaluates its policy's network, and samples from it, once for both batches of states", () => {
  const program = sac(64);
  assert.equal(paired(program), ['mlp 0', 'mlp 1', 'mlp 2', 'philox', 'gaussianSample']);
  assert.is(program.flops, sac(64, {}, 'fused').flops);
});

test('where draws do not fill whole blocks, or differ in number, only hidden layers are paired', () => {
  assert.equal(paired(sac(63)), ['mlp 0', 'mlp 1']);
  assert.equal(paired(sac(64, { samples: 2 })), ['mlp 0', 'mlp 1']);
});

test('noise that is given serves both samples where its parts lie as they do', () => {
  const part = (given: Tensor, i: number) => sliceAxis(given, 0, i, i + 1);
  const inOrder = (given: Tensor) => ({ policy: part(given, 0), next: part(given, 1) });
  assert.equal(paired(sac(63, {}, 'layered', inOrder)), ['mlp 0', 'mlp 1', 'mlp 2', 'gaussianSample']);
  const crossed = (given: Tensor) => ({ policy: part(given, 1), next: part(given, 0) });
  assert.equal(paired(sac(63, {}, 'layered', crossed)), ['mlp 0', 'mlp 1']);
});

test('whole networks are not paired', () => {
  assert.equal(paired(sac(64, {}, 'fused')), []);
});

const network = mlp({ inputs: 2, hidden: [5, 3], outputs: 4, activation: 'tanh', seed: 9 });
const rows = randomInput([6, 5], 8);
const inputs = { x: rows.values, other: randomInput([6, 2], 9).values };

/** The paired steps of a body, whose results are checked against the tiled path. */
async function pairedIn(body: Body, ...others: 'other'[]): Promise<string[]> {
  const data = Object.fromEntries((['x', ...others] as const).map((name) => [name, inputs[name]]));
  const [layered, tiled] = [
    await evaluate(body, data, { mlp: 'layered' }),
    await evaluate(body, data, { mlp: 'tiled' }),
  ];
  for (const [name, values] of Object.entries(tiled))
    allclose(layered[name], values, { rtol: 1e-12, atol: 1e-13 }, name);
  return paired(lowered(body, { mlp: 'layered' }));
}

const columns = (x: Tensor, from: number): Tensor => slice(x, [0, from], [6, from + 2]);

test('a network on two parts of one buffer is one step a layer, up to what is read by others', async () => {
  const of = (x: Tensor, early: number, late: number) => ({
    y: sum(add(mul(2, tanh(network(columns(x, early)))), tanh(network(columns(x, late))))),
  });
  assert.equal(await pairedIn(({ input }) => of(input('x', [6, 5]), 3, 0)), ['mlp 0', 'mlp 1']);
  assert.equal(await pairedIn(({ input }) => of(input('x', [6, 5]), 2, 2)), ['mlp 0', 'mlp 1']);
});

test('what lies in other buffers, comes later or is worked on meanwhile stays two steps', async () => {
  const both = (a: Tensor, b: Tensor) => ({ y: sum(add(mul(2, tanh(network(a))), tanh(network(b)))) });
  assert.equal(
    await pairedIn(({ input }) => both(columns(input('x', [6, 5]), 3), input('other', [6, 2])), 'other'),
    [],
    'two buffers',
  );
  assert.equal(
    await pairedIn(({ input }) => {
      const y = tanh(network(columns(input('x', [6, 5]), 0)));
      return { y: sum(network(slice(y, [0, 0], [6, 2]))) };
    }),
    [],
    'the later from the earlier',
  );
  const own = mlp({ inputs: 2, hidden: [3], outputs: 1, seed: 2 });
  const optimiser = adam(own.parameters, { learningRate: 0.1 });
  const updated: Body = ({ input }) => {
    const x = input('x', [6, 5]);
    const loss = sum(own(columns(x, 3)));
    optimiser.step(gradient(loss, own.parameters));
    return { loss, after: sum(own(columns(x, 0))) };
  };
  assert.equal(paired(lowered(updated, { mlp: 'layered' })), [], 'an update between');
});

test.run();
