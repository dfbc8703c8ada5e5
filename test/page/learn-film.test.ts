// The job behind the tab Learn: what it shows is the task itself, and its device ends with it, however it ends.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Device } from '../../src/device.ts';
import { CartPole } from '../../src/envs/cartpole.ts';
import { type LearnEvent, learn } from '../../web/learn/job.ts';
import type { JobPort } from '../../web/shell/protocol.ts';

const settings = {
  ...{ environment: 'cartpole', estimator: 'reverse-kl/exact', seed: 3, steps: 40, warmup: 30 },
  ...{ evaluateEvery: 20, evaluationEpisodes: 3, learningRate: 0.001 },
};

/** A page that does nothing but hear events. */
const portTo = (emit: (event: LearnEvent) => void): JobPort => ({
  emit: (event) => emit(event as LearnEvent),
  opened: () => undefined,
  onChange: () => undefined,
  shown: async () => undefined,
});

/** How many devices end while something is done. */
async function endsDuring(work: () => Promise<unknown>): Promise<number> {
  const { dispose } = Device.prototype;
  let ends = 0;
  Device.prototype.dispose = function (this: Device) {
    ends++;
    return dispose.call(this);
  };
  try {
    await work();
  } finally {
    Device.prototype.dispose = dispose;
  }
  return ends;
}

test('each evaluation comes with one episode of its own, from its start to its end', async () => {
  const events: LearnEvent[] = [];
  // Of an episode that starts with a reset, the scenes are as many as its steps.
  const lengths: number[] = [];
  const { step, reset } = CartPole.prototype;
  const steps = new Map<CartPole, number>();
  CartPole.prototype.reset = function (...given) {
    steps.set(this, 0);
    return reset.apply(this, given);
  };
  CartPole.prototype.step = function (...given) {
    steps.set(this, (steps.get(this) ?? 0) + 1);
    return step.apply(this, given);
  };
  try {
    await learn(
      settings,
      'cpu',
      portTo((event) => {
        events.push(event);
        if (event.kind === 'evaluation') lengths.push(...[...steps.values()]);
      }),
    );
  } finally {
    Object.assign(CartPole.prototype, { step, reset });
  }
  const evaluations = events.filter((event) => event.kind === 'evaluation');
  assert.is(evaluations.length, 2);
  for (const { episode } of evaluations) {
    assert.ok(episode.length > 4, `${episode.length} scenes`);
    assert.ok(lengths.includes(episode.length), `${episode.length} of ${lengths}`);
  }
  const [shown] = events.filter((event) => event.kind === 'step');
  assert.ok(shown?.scene);
});

for (const kind of ['step', 'evaluation'] as const)
  test(`the device ends when a ${kind} fails`, async () => {
    let told: unknown;
    const ends = await endsDuring(async () => {
      const failing = portTo((event) => {
        if (event.kind === kind) throw new Error('on purpose');
      });
      await learn(settings, 'cpu', failing).catch((error: unknown) => {
        told = error;
      });
    });
    assert.match((told as Error).message, 'on purpose');
    assert.is(ends, 1);
  });

test.run();
