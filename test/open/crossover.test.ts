import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { crossoverFlops, expectedMs, measureSpeed, type Speed } from '../../src/open/crossover.ts';
import { compareSpeeds, open } from '../../src/open/open.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { compileUpdate, replayFor, trainingWork } from '../../src/rl/recorded-update.ts';

const test = suite('crossover');

/** 5 µs a launch and 1 TFLOP/s; next to nothing a launch and 50 GFLOP/s. */
const gpu: Speed = { launchMs: 0.005, readbackMs: 0.1, gflops: 1000 };
const cpu: Speed = { launchMs: 0, readbackMs: 0, gflops: 50 };
const near = (value: number | null, expected: number) =>
  assert.ok(value !== null && Math.abs(value - expected) < 1e-9 * expected, `${value}, expected ${expected}`);

test('time is launches, arithmetic and waits', () => {
  near(expectedMs({ flops: 1e9, kernels: 14 }, gpu), 0.07 + 1);
  near(expectedMs({ flops: 1e9, kernels: 14, readbacks: 2 }, gpu), 0.07 + 1 + 0.2);
  near(expectedMs({ flops: 1e9, kernels: 14 }, cpu), 20);
});

test('at the crossover both take the same, below it the CPU is ahead, above it the GPU', () => {
  for (const work of [{ kernels: 14 }, { kernels: 60, readbacks: 1 }]) {
    const flops = crossoverFlops(gpu, cpu, work) ?? Number.NaN;
    near(expectedMs({ ...work, flops }, gpu), expectedMs({ ...work, flops }, cpu));
    const faster = (factor: number) =>
      compareSpeeds({ ...work, flops: factor * flops }, gpu, cpu, 'wasm').faster;
    assert.equal([faster(0.9), faster(1.1)], ['cpu', 'gpu']);
  }
  // 70 µs of launches against 19 µs gained for each MFLOP.
  near(crossoverFlops(gpu, cpu, { kernels: 14 }), 0.07e6 / 0.019);
});

test('a GPU no faster at arithmetic is never ahead, one that starts as fast always', () => {
  assert.is(crossoverFlops({ ...gpu, gflops: 40 }, cpu, { kernels: 14 }), null);
  assert.is(crossoverFlops({ ...gpu, launchMs: 0 }, cpu, { kernels: 14 }), 0);
  assert.is(crossoverFlops({ ...gpu, launchMs: 0 }, { ...cpu, launchMs: 1 }, { kernels: 14 }), 0);
});

test('the reason names both times and what they are made of', () => {
  const { text } = compareSpeeds({ flops: 9.1e6, kernels: 14 }, gpu, cpu, 'wasm');
  assert.match(text, /9\.10 MFLOP in 14 kernels .* 0\.079 ms on the GPU \(5\.0 µs a launch, 1\.0e\+3 GFLOP/);
  assert.match(text, /0\.18 ms on wasm \(0\.0 µs a launch, 50 GFLOP\/s\)/);
});

test('measured here: a software adapter starts kernels later and computes slower than wasm, so it never is ahead', async () => {
  const [software, wasm] = [await open({ backend: 'webgpu' }), await open({ backend: 'wasm' })];
  try {
    const speeds = [await measureSpeed(software), await measureSpeed(wasm)];
    for (const { launchMs, readbackMs, gflops } of speeds)
      assert.ok(launchMs > 0 && launchMs < 50 && readbackMs > 0 && gflops > 0.01 && gflops < 1e5);
    const [onSoftware, onWasm] = speeds;
    assert.ok(onSoftware.launchMs > 5 * onWasm.launchMs, `${onSoftware.launchMs}, ${onWasm.launchMs}`);
    assert.is(crossoverFlops(onSoftware, onWasm, { kernels: 14 }), null);
    assert.is(wasm.backend.counters.readbacks > 0, true);
  } finally {
    await software.dispose();
    await wasm.dispose();
  }
});

test('the work of training is that of the program a GPU would run', async () => {
  const make = () =>
    new ActorCritic({
      observations: 3,
      actions: { kind: 'box', size: 1 },
      estimator: chooseEstimator('reverse-kl/pathwise'),
      family: distributionFamily('tanh-gaussian'),
      hidden: [16, 16],
      seed: 0,
    });
  const work = trainingWork(make(), 32);
  const device = await open({ backend: 'webgpu' });
  try {
    const learner = make();
    const { program } = await compileUpdate(device, learner, replayFor(learner, 100), {
      batch: 32,
      mlp: 'fused',
    });
    assert.is(work.flops, program.flops);
    assert.is(work.kernels, program.kernels);
    assert.is(work.readbacks, 1);
  } finally {
    await device.dispose();
  }
});

test.run();
