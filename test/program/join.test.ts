// Which steps of a program become one kernel, without a device.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { composeLayers, composePass } from '../../src/backend/webgpu/compose.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { adam, clipScale, globalNorm, mlp } from '../../src/nn/index.ts';
import { joinedKernels } from '../../src/program/join.ts';
import type { JoinedStep, Program } from '../../src/program/program.ts';
import { ActorCritic, type ActorCriticOptions } from '../../src/rl/actor-critic.ts';
import { replayFor } from '../../src/rl/recorded-update.ts';
import { gradient, type MlpKernels, sum } from '../../src/tape/index.ts';
import { lowered } from '../helpers/devices.ts';
import { readsAndWrites } from './facts.ts';

function sac(
  joinedBindings: number,
  options: Partial<ActorCriticOptions> = {},
  mlpKernels: MlpKernels = 'fused',
  { joinedPasses = false, batch = 64 } = {},
): Program {
  const learner = new ActorCritic({
    observations: 3,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily('tanh-gaussian'),
    ...options,
  });
  const replay = replayFor(learner, 100);
  return lowered(() => learner.recordUpdate(replay.sample(batch)), {
    mlp: mlpKernels,
    joinedBindings,
    joinedPasses,
  });
}

const names = (program: Program): string[] =>
  program.steps.map((step) => (step.kind === 'fused' ? `fused ${step.label}` : step.kernel));

test('a SAC update is 14 kernels, the draw from the replay buffer included', () => {
  assert.equal(names(sac(10)), [
    'replay_sample',
    'fused exp',
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

test('of networks taken apart by layer a SAC update is 28 kernels', () => {
  const program = sac(12, {}, 'layered');
  const counts = new Map<string, number>();
  for (const name of names(program)) counts.set(name, (counts.get(name) ?? 0) + 1);
  assert.equal(Object.fromEntries(counts), {
    replay_sample: 1,
    'fused exp': 1,
    mlp_layer_forward: 12,
    philox_gaussian_sample: 1,
    loss_soft_bellman: 1,
    mlp_layer_backward: 6,
    mlp_layer_backward_gaussian_sample_backward: 1,
    mlp_layers_backward_weights_adam: 2,
    loss_reverse_kl: 1,
    temperature_step: 1,
    tick: 1,
  });
  assert.is(program.flops, sac(0).flops);
  for (const step of program.steps) assert.equal(readsAndWrites(program, step), []);
});

test('where rows go through all layers in one kernel a SAC update is 17 kernels, and few rows do not', () => {
  const passes = (batch: number, hidden: readonly number[], joinedBindings = 10) => {
    const program = sac(joinedBindings, { hidden }, 'layered', { joinedPasses: true, batch });
    for (const step of program.steps) assert.equal(readsAndWrites(program, step), []);
    return program;
  };
  const whole = passes(64, [64, 64]);
  assert.equal(names(whole), [
    'replay_sample',
    'fused exp',
    'mlp_layers_forward',
    'philox_gaussian_sample',
    'mlp_layers_forward',
    'mlp_layers_forward',
    'loss_soft_bellman',
    'mlp_layers_backward',
    'mlp_layers_backward_weights_adam',
    'mlp_layers_forward',
    'loss_reverse_kl',
    'mlp_layers_backward',
    'mlp_layer_backward_gaussian_sample_backward',
    'mlp_layers_backward',
    'mlp_layers_backward_weights_adam',
    'temperature_step',
    'tick',
  ]);
  assert.is(whole.flops, sac(0).flops);
  assert.not.ok(names(passes(31, [64, 64])).some((name) => /^mlp_layers_(for|back)ward$/.test(name)));
  // What does not fit the bindings goes on in the next.
  const long = passes(64, Array<number>(9).fill(8));
  for (const step of long.steps) assert.ok(step.kind !== 'joined' || step.bound.length <= 10);
  assert.is(names(long).filter((name) => name === 'mlp_layers_forward').length, 8);
});

test('networks of like tiles have the code of their joined kernels in common', () => {
  const { steps } = sac(10, { hidden: [64, 64] }, 'layered', { joinedPasses: true });
  const texts = (kernel: string, compose: (step: JoinedStep, subgroups: boolean) => string) => {
    const found = steps.filter(
      (step): step is JoinedStep => step.kind === 'joined' && step.kernel === kernel,
    );
    return [true, false].map((subgroups) => new Set(found.map((step) => compose(step, subgroups))).size);
  };
  assert.equal(texts('mlp_layers_backward_weights_adam', composeLayers), [1, 1]);
  assert.equal(texts('mlp_layers_backward', composePass), [1, 1]);
});

test("layers' weight gradients are one kernel, the optimiser's step in it where it can be", () => {
  const kernelsOf = (joinedBindings: number, hidden: readonly number[]) =>
    names(sac(joinedBindings, { hidden }, 'layered')).filter((name) => /weights|^adam/.test(name));
  const twice = (...kernels: string[]) => [...kernels, ...kernels];
  assert.equal(kernelsOf(10, [8, 8]), twice('mlp_layers_backward_weights_adam'));
  assert.equal(kernelsOf(9, [8, 8]), twice('mlp_layers_backward_weights', 'adam'));
  assert.equal(kernelsOf(8, [8]), twice('mlp_layers_backward_weights_adam'));
  assert.equal(kernelsOf(6, [8]), twice('mlp_layers_backward_weights', 'adam'));
  // More layers than one block of uniforms describes stay apart, whatever a caller lets kernels bind.
  assert.ok(kernelsOf(100, [8, 8, 8]).every((name) => name !== 'mlp_layers_backward_weights_adam'));
  assert.equal(kernelsOf(4, [8]), twice(...Array<string>(2).fill('mlp_layer_backward_weights'), 'adam'));

  const network = mlp({ inputs: 3, hidden: [4], outputs: 1 });
  const optimiser = adam(network.parameters, { learningRate: 0.1 });
  const stepped = (isOutput: boolean, clips: boolean) =>
    names(
      lowered(
        ({ input }) => {
          const dParameters = gradient(sum(network(input('x', [5, 3]))), network.parameters);
          optimiser.step(dParameters, clips ? { scale: clipScale(globalNorm([dParameters]), 1) } : {});
          return isOutput ? { dParameters } : {};
        },
        { mlp: 'layered', joinedBindings: 12 },
      ),
    );
  assert.ok(stepped(false, false).includes('mlp_layers_backward_weights_adam'));
  assert.ok(stepped(true, false).includes('adam'), 'the gradient is an output');
  assert.ok(stepped(false, true).includes('adam'), 'its norm is taken first');
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
  assert.is(joinedKernels.length, 11);
});

test.run();
