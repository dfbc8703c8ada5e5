// A run whose device is lost goes on from its last checkpoint on a new one, to the end of an undisturbed run.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/backend/backend.ts';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { Device } from '../../src/device.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { BackendError } from '../../src/errors.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { trainRecovering } from '../../src/rl/recovery.ts';
import type { TrainOptions } from '../../src/rl/train-options.ts';
import { bytesOf, learnerFor, quick } from '../helpers/training.ts';

const lost = () => new BackendError('The device was lost: simulated.', { fault: 'lost' });

/** A cpu backend that is gone after a number of reads. */
function fragile(reads: number): Backend {
  const backend = createCpuBackend();
  let left = reads;
  return new Proxy(backend, {
    get(target, name) {
      if (name === 'read' && --left < 0) return () => Promise.reject(lost());
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

interface Result {
  readonly checkpoints: Uint8Array[];
  readonly evaluations: unknown;
  readonly reported: number[];
  readonly recovered: number[];
}

async function run(
  devices: () => Promise<Device>,
  options: Partial<TrainOptions> = {},
  every = 15,
): Promise<Result> {
  const checkpoints = new Map<number, Checkpoint>();
  const reported: number[] = [];
  const recovered: number[] = [];
  const save = (checkpoint: Checkpoint) => void checkpoints.set(checkpoint.step, checkpoint);
  const { evaluations, device } = await trainRecovering(
    await devices(),
    {
      ...quick,
      learner: learnerFor({ environment: 'pendulum', estimator: 'forward-kl/snis:behaviour' }),
      makeEnvironment: () => makeEnvironment('pendulum'),
      checkpoint: { every, save },
      onEvaluation: ({ step }) => void reported.push(step),
      ...options,
    },
    { reopen: devices, onRecovery: (_, step) => void recovered.push(step) },
  );
  await device.dispose();
  return { checkpoints: [...checkpoints.values()].map(bytesOf), evaluations, reported, recovered };
}

test('lost anywhere, once or twice, it ends with the same bytes', async () => {
  const whole = await run(async () => new Device(createCpuBackend()));
  for (const reads of [0, 7, 60, 200, 500]) {
    const lives = [reads, reads + 100];
    const result = await run(async () => {
      const life = lives.shift();
      return new Device(life === undefined ? createCpuBackend() : fragile(life));
    });
    assert.ok(result.recovered.length > 0, `${reads} reads`);
    assert.equal(result.checkpoints, whole.checkpoints, `${reads} reads`);
    assert.equal(result.evaluations, whole.evaluations);
    assert.equal(result.reported, [20, 40, 60], 'each evaluation is reported once');
  }
});

test('without checkpoints it begins again', async () => {
  const whole = await run(async () => new Device(createCpuBackend()), { checkpoint: undefined });
  const lives = [60];
  const result = await run(
    async () => new Device(lives.length > 0 ? fragile(lives.pop() as number) : createCpuBackend()),
    { checkpoint: undefined },
  );
  assert.equal(result.recovered, [0]);
  assert.equal(result.evaluations, whole.evaluations);
});

test('a device that is lost again and again is given up', async () => {
  let opened = 0;
  try {
    await run(async () => {
      opened++;
      return new Device(fragile(20));
    });
    assert.unreachable('it must give up');
  } catch (error) {
    assert.instance(error, BackendError);
    assert.is((error as BackendError).fault, 'lost');
  }
  assert.is(opened, 3);
});

test('other errors are not taken for a loss', async () => {
  let opened = 0;
  const message = 'the metrics cannot be written';
  try {
    await run(
      async () => {
        opened++;
        return new Device(createCpuBackend());
      },
      {
        onEvaluation: () => {
          throw new Error(message);
        },
      },
    );
    assert.unreachable('it must throw');
  } catch (error) {
    assert.is((error as Error).message, message);
  }
  assert.is(opened, 1);
});

test('webgpu: a device destroyed in the middle of a run is opened anew, and the numbers are the same', async () => {
  const short = { steps: 24, warmup: 6, evaluateEvery: 12, evaluationEpisodes: 1 };
  const whole = await run(async () => new Device(await openWebGpu()), short, 8);
  const opened: Device[] = [];
  const disturbed = await run(
    async () => {
      const backend = await openWebGpu();
      opened.push(new Device(backend));
      return opened[opened.length - 1];
    },
    {
      ...short,
      onStep: (step) => {
        const [first, ...others] = opened;
        if (step === 14 && others.length === 0)
          (first.backend as unknown as { device: GPUDevice }).device.destroy();
      },
    },
    8,
  );
  assert.is(opened.length, 2);
  assert.equal(disturbed.recovered, [8]);
  assert.equal(disturbed.evaluations, whole.evaluations);
  assert.equal(disturbed.checkpoints, whole.checkpoints);
});

test.run();
