// Which steps of a program become one kernel, without a device.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { joinedKernels, MOST_JOINED_BINDINGS } from '../../src/kernels/index.ts';
import { kernelShares } from '../../src/measure/cost.ts';
import { adam, clipScale, globalNorm, mlp } from '../../src/nn/index.ts';
import type { Program } from '../../src/program/program.ts';
import { ActorCritic, type ActorCriticOptions } from '../../src/rl/actor-critic.ts';
import { replayFor } from '../../src/rl/recorded-update.ts';
import { gradient, type MlpKernels, sum } from '../../src/tape/index.ts';
import { lowered } from '../helpers/devices.ts';
import { readsAndWrites } from './facts.ts';

function sac(
  joinedBindings: number,
  options: Partial<ActorCriticOptions> = {},
  mlpKernels: MlpKernels = 'fused',
): Program {
  const learner = new ActorCritic({
    observations: 3,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily('tanh-gaussian'),
    ...options,
  });
  const replay = replayFor(learner, 100);
  return lowered(() => learner.recordUpdate(replay.sample(64)), {
    mlp: mlpKernels,
    joinedBindings,
  });
}

const names = (program: Program): string[] =>
  program.steps.map((step) => (step.kind === 'generated' ? `generated ${step.label}` : step.kernel));

test('a SAC update is 14 kernels, the draw from the replay buffer included', () => {
  assert.equal(names(sac(10)), [
    'replay_sample',
    'generated exp',
    'mlp_forward_gaussian_sample',
    'mlp_forward',
    'mlp_forward',
    'loss_soft_bellman_mlp_backward_inputs',
    'mlp_backward_weights_adam',
    'mlp_forward_gaussian_sample',
    'mlp_forward',
    'loss_reverse_kl_mlp_backward_inputs',
    'gaussian_sample_backward_mlp_backward_inputs',
    'mlp_backward_weights_adam',
    'temperature_step',
    'tick',
  ]);
});

test('with networks a product a layer, a SAC update joins its draw and samples', () => {
  const program = sac(10, {}, 'tiled');
  assert.equal([...new Set(names(program).filter((name) => !name.startsWith('generated')))].sort(), [
    'adam',
    'gaussian_sample_backward',
    'loss_reverse_kl',
    'loss_soft_bellman',
    'matmul',
    'philox_gaussian_sample',
    'replay_sample',
    'temperature_step',
    'tick',
  ]);
  for (const step of program.steps) assert.equal(readsAndWrites(program, step), []);
});

test("a network's weight gradients and the optimiser's step are one kernel where nobody else reads the gradient", () => {
  const network = mlp({ inputs: 3, hidden: [4], outputs: 1 });
  const optimiser = adam(network.parameters, { learningRate: 0.1 });
  const stepped = (joinedBindings: number, isOutput: boolean, clips: boolean) =>
    names(
      lowered(
        ({ input }) => {
          const dParameters = gradient(sum(network(input('x', [5, 3]))), network.parameters);
          optimiser.step(dParameters, clips ? { scale: clipScale(globalNorm([dParameters]), 1) } : {});
          return isOutput ? { dParameters } : {};
        },
        { joinedBindings },
      ),
    ).filter((name) => /weights|^adam/.test(name));
  const apart = ['mlp_backward_weights', 'adam'];
  assert.equal(stepped(9, false, false), ['mlp_backward_weights_adam']);
  assert.equal(stepped(8, false, false), apart, 'too many buffers');
  assert.equal(stepped(10, true, false), apart, 'the gradient is an output');
  assert.equal(stepped(10, false, true), apart, 'its norm is taken first');
});

test('a device that binds fewer buffers gets the joined kernels that it can bind', () => {
  const eight = sac(8);
  assert.ok(eight.steps.every((step) => step.kind !== 'joined' || step.bound.length <= 8));
  assert.ok(names(eight).includes('loss_reverse_kl_mlp_backward_inputs'));
  assert.not.ok(sac(0).steps.some((step) => step.kind === 'joined'));
});

test('joined or not, an update does the same arithmetic and moves no more bytes', () => {
  const [joined, separate] = [sac(10), sac(0)];
  assert.is(joined.flops, separate.flops);
  assert.ok(joined.bytes < separate.bytes);
});

test('no joined kernel binds a buffer twice if it writes it', () => {
  for (const estimator of [
    'reverse-kl/pathwise',
    'reverse-kl/score:loo',
    'forward-kl/snis:policy',
    'mpo/decoupled',
  ]) {
    const choice = { estimator: chooseEstimator(estimator) };
    const program = sac(16, choice);
    for (const step of program.steps.filter(({ kind }) => kind === 'joined'))
      assert.equal(readsAndWrites(program, step), []);
  }
});

test('what others read of a joined kernel is stored', () => {
  for (const joinedBindings of [8, 9, 10, 16]) {
    const program = sac(joinedBindings);
    for (const step of program.steps) {
      if (step.kind !== 'joined') continue;
      const unstored = step.buffers.filter((b) => b >= 0 && !step.bound.includes(b));
      for (const b of unstored)
        assert.not.ok(
          program.steps.some((other) => other !== step && other.buffers.includes(b)),
          `${step.kernel} keeps ${program.buffers[b].name} to itself`,
        );
    }
  }
});

test('no joined kernel binds more than any device is asked for', () => {
  for (const { name, bindings } of joinedKernels) assert.ok(bindings.length <= MOST_JOINED_BINDINGS, name);
});

test('work is told by kernel: joined ones by their names, generated ones together', () => {
  const counts = new Map<string, number>();
  for (const name of names(sac(10)).map((each) => each.replace(/^generated .*/, 'generated')))
    counts.set(name, (counts.get(name) ?? 0) + 1);
  assert.ok(counts.has('mlp_backward_weights_adam'));
  const shares = kernelShares(sac(10)).map(({ kernel, count }): [string, number] => [kernel, count]);
  assert.equal(new Map(shares.sort()), new Map([...counts].sort()));
});

test.run();
