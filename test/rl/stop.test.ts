// A request to stop is noticed in every long part of a run, and what was stopped goes on bit for bit. The request comes from
// the event loop, as a signal does: where that never turns, a run goes to its end. No clock decides.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { Device } from '../../src/device.ts';
import type { Environment } from '../../src/envs/environment.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { LocalVector, type VectorEnvironment } from '../../src/envs/vector.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { decodeCheckpoint } from '../../src/rl/checkpoint-format.ts';
import { train } from '../../src/rl/train.ts';
import type { TrainOptions } from '../../src/rl/train-options.ts';
import { bytesOf, type Cell, learnerFor, quick, runCell } from '../helpers/training.ts';

const backends = {
  cpu: async () => new Device(createCpuBackend()),
  wasm: async () => new Device(await openWasm()),
};
const pendulum: Cell = { environment: 'pendulum', estimator: 'reverse-kl/pathwise' };

/** A request that the event loop brings once it turns, after something has come so many times. */
function request() {
  const stop = new AbortController();
  const come = (times: number, after: number): void => {
    if (times === after) setTimeout(() => stop.abort(), 0);
  };
  return { signal: stop.signal, come };
}

/** Takes some time of the thread, as physics does. */
function work(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

/** Pendulum as a caller may have it. @param cost of each of these, ms @param seen told of each */
function slow(
  cost: { make?: number; reset?: number; step?: number },
  seen: (part: 'make' | 'reset' | 'step', times: number) => void = () => undefined,
) {
  const counts = { make: 0, reset: 0, step: 0 };
  const made = (part: keyof typeof counts) => {
    seen(part, ++counts[part]);
    work(cost[part] ?? 0);
  };
  const make = (): Environment => {
    made('make');
    const inner = makeEnvironment('pendulum');
    return {
      name: 'slow',
      observationSpace: inner.observationSpace,
      actionSpace: inner.actionSpace,
      maxEpisodeSteps: inner.maxEpisodeSteps,
      reset(seed?: number) {
        made('reset');
        return inner.reset(seed);
      },
      step(action: ArrayLike<number>) {
        made('step');
        return inner.step(action);
      },
      getState: () => inner.getState(),
      setState: (state) => inner.setState(state),
    };
  };
  return { make, counts };
}

async function stoppedRun(options: Partial<TrainOptions> & Pick<TrainOptions, 'makeEnvironment' | 'signal'>) {
  const device = await backends.cpu();
  const saved: Checkpoint[] = [];
  const evaluations = await train(device, {
    learner: learnerFor(pendulum),
    ...quick,
    checkpoint: { every: 1e6, save: (checkpoint) => void saved.push(checkpoint) },
    ...options,
  });
  return { evaluations, saved };
}

test('a burst of updates is stopped in its middle', async () => {
  const { signal, come } = request();
  const { make } = slow({}, (part, times) => part === 'step' && come(times, 2));
  const { saved } = await stoppedRun({
    ...{ makeEnvironment: make, signal },
    ...{ warmup: 1, updatesPerStep: 10_000 },
  });
  assert.is(saved.length, 1);
  const [{ step, updates, owed = 0 }] = saved;
  assert.equal([step, updates + owed], [2, 10_000]);
  assert.ok(owed > 0);
});

test('an evaluation is stopped whose episodes never end', async () => {
  const { signal, come } = request();
  let steps = 0;
  const { make } = slow({});
  const endless = (): Environment => ({
    ...make(),
    maxEpisodeSteps: Number.MAX_SAFE_INTEGER,
    step: () => {
      // The first 20 are of training.
      come(++steps, 21);
      return { observation: new Float32Array(3), reward: 0, terminated: false, truncated: false };
    },
  });
  const options = { makeEnvironment: endless, evaluateEvery: 20, checkpoint: undefined, signal };
  assert.equal((await stoppedRun(options)).evaluations, []);
});

test('an evaluation of many environments is stopped while they are made, reset and stepped', async () => {
  for (const [part, steps] of [
    ['make', []],
    ['reset', [1]],
    ['step', [1]],
  ] as const) {
    const { signal, come } = request();
    // The first is the one to learn in.
    const { make, counts } = slow({ [part]: 2 }, (seen, times) => seen === part && come(times, 2));
    const many = { evaluateEvery: 1, evaluationEpisodes: 1000 };
    const { saved } = await stoppedRun({ makeEnvironment: make, signal, ...many });
    assert.ok(counts[part] < 1000, `${part} ${counts[part]}`);
    assert.equal(
      saved.map((checkpoint) => checkpoint.step),
      steps,
    );
  }
});

test('many environments stepped and reset together let the event loop turn', async () => {
  const { make } = slow({ reset: 4, step: 4 });
  const vector = new LocalVector(Array.from({ length: 100 }, make));
  for (const act of [() => vector.reset(1), () => vector.step(Array(100).fill(Float32Array.of(0)))]) {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    let over = false;
    const all = act().then(() => {
      over = true;
    });
    while (!turned && !over) await new Promise((done) => setTimeout(done, 0));
    assert.not.ok(over, 'it turns before the end');
    await all;
  }
});

for (const [name, open] of Object.entries(backends))
  test(`${name}: a run stopped among the updates of a step goes on to the same end, also when stopped again`, async () => {
    const cell: Cell = { ...pendulum, options: { steps: 20, updatesPerStep: 50, evaluateEvery: 10 } };
    const run = async (resume?: Checkpoint, stopAfter?: number) => {
      const device = await open();
      const stop = new AbortController();
      // Waited for between the slices of a burst whose updates take nobody knows how long.
      const synchronize = device.backend.synchronize.bind(device.backend);
      let waited = 0;
      device.backend.synchronize = async () => {
        await synchronize();
        if (++waited === stopAfter) stop.abort();
      };
      const saved: Checkpoint[] = [];
      const evaluations = await runCell(
        device,
        { ...cell, options: { ...cell.options, signal: stop.signal } },
        { every: 10, resume, save: (checkpoint) => void saved.push(checkpoint) },
      );
      await device.dispose();
      return { saved, evaluations };
    };
    const whole = await run();
    const first = await run(undefined, 3);
    const second = await run(decodeCheckpoint(bytesOf(first.saved[1])), 2);
    const [one, two] = [first.saved.at(-1), second.saved.at(-1)];
    assert.ok(one?.owed && two?.owed && one.owed > two.owed, `${one?.owed} ${two?.owed}`);
    assert.is(one.step, two.step);
    assert.is(one.updates + one.owed, 50);
    const third = await run(two && decodeCheckpoint(bytesOf(two)));
    assert.equal(third.evaluations, whole.evaluations);
    assert.equal(third.saved.map(bytesOf), whole.saved.slice(1).map(bytesOf));
  });

test('what a resumed run has made up for is saved, though no step follows', async () => {
  const device = await backends.wasm();
  const saved: Checkpoint[] = [];
  const save = (checkpoint: Checkpoint) => void saved.push(checkpoint);
  const stop = new AbortController();
  // Stopped in the evaluation that is due at step 20.
  const at = (step: number) => step === 20 && stop.abort();
  await runCell(device, { ...pendulum, options: { signal: stop.signal, onStep: at } }, { every: 50, save });
  assert.ok(saved[0].pending);
  const again = new AbortController();
  const made = { signal: again.signal, onEvaluation: () => again.abort() };
  await runCell(device, { ...pendulum, options: made }, { every: 50, resume: saved[0], save });
  assert.equal(
    saved.slice(1).map(({ step, pending, evaluations }) => [step, pending, evaluations.length]),
    [[20, undefined, 1]],
  );
  await device.dispose();
});

test('a run stopped before it starts has nothing to save; one stopped before its first step goes on from its start', async () => {
  const run = async (more: Cell['options'], resume?: Checkpoint) => {
    const device = await backends.wasm();
    const saved: Checkpoint[] = [];
    const save = (checkpoint: Checkpoint) => void saved.push(checkpoint);
    await runCell(device, { ...pendulum, options: { ...more } }, { every: 20, resume, save });
    await device.dispose();
    return saved;
  };
  assert.equal(await run({ signal: AbortSignal.abort() }), []);
  const stop = new AbortController();
  const inner = new LocalVector([makeEnvironment('pendulum')]);
  const environments: VectorEnvironment = {
    count: 1,
    async reset(seed) {
      const begun = await inner.reset(seed);
      stop.abort();
      return begun;
    },
    step: (actions) => inner.step(actions),
    getStates: () => inner.getStates(),
    setStates: (states) => inner.setStates(states),
    dispose: () => undefined,
  };
  const [start] = await run({ signal: stop.signal, environments });
  assert.is(start.step, 0);
  const again = await run({}, decodeCheckpoint(bytesOf(start)));
  assert.equal(again.map(bytesOf), (await run({})).map(bytesOf));
});

test('of many environments, not all are started where that is stopped', async () => {
  const stop = new AbortController();
  let started = 0;
  const make = () =>
    slow({ reset: 30 }, (part) => {
      if (part === 'reset' && ++started === 3) setTimeout(() => stop.abort(), 0);
    }).make();
  const vector = new LocalVector(Array.from({ length: 100 }, make));
  assert.is(await vector.reset(1, stop.signal), undefined);
  assert.ok(started < 100, `${started} were started`);
});

test('a learner is trained by one run at a time, and again when that has ended', async () => {
  const device = await backends.cpu();
  const learner = learnerFor(pendulum);
  const run = () => train(device, { ...quick, learner, makeEnvironment: () => makeEnvironment('pendulum') });
  const [first, second] = await Promise.allSettled([run(), run()]);
  assert.is(first.status, 'fulfilled');
  assert.is(second.status, 'rejected');
  assert.match(String((second as PromiseRejectedResult).reason), /This learner is being trained already/);
  await run();
});

test('environments whose start is stopped leave nothing to save, and the run before is what goes on', async () => {
  const run = async (given: Partial<VectorEnvironment>, resume?: Checkpoint, signal?: AbortSignal) => {
    const inner = new LocalVector([0, 1].map(() => makeEnvironment('pendulum')));
    const environments: VectorEnvironment = {
      count: 2,
      reset: (seed) => inner.reset(seed),
      step: (actions) => inner.step(actions),
      getStates: () => inner.getStates(),
      setStates: (states) => inner.setStates(states),
      dispose: () => undefined,
      ...given,
    };
    const device = await backends.cpu();
    const saved: Checkpoint[] = [];
    const options = { environments, ...(signal ? { signal } : {}) };
    const save = (checkpoint: Checkpoint) => void saved.push(checkpoint);
    const evaluations = await runCell(device, { ...pendulum, options }, { every: 20, save, resume });
    await device.dispose();
    return { saved, evaluations };
  };
  const never = (): never => {
    throw new Error('they are gone');
  };
  const gone = { step: never, getStates: never };
  const starting = new AbortController();
  const first = await run(
    {
      ...gone,
      async reset(_seed, signal) {
        starting.abort();
        assert.ok(signal?.aborted);
        return undefined;
      },
    },
    undefined,
    starting.signal,
  );
  assert.equal(first, { saved: [], evaluations: [] });

  const whole = await run({});
  const resuming = new AbortController();
  const second = await run(
    { ...gone, setStates: async () => resuming.abort() },
    decodeCheckpoint(bytesOf(whole.saved[0])),
    resuming.signal,
  );
  assert.equal(second, { saved: [], evaluations: whole.saved[0].evaluations });
});

test('of a step of several environments that was stopped nothing is kept, and what goes on is the undisturbed run', async () => {
  for (const estimator of ['reverse-kl/pathwise', 'forward-kl/snis:behaviour'])
    for (const undone of [2, 9]) {
      const environments = () => new LocalVector([0, 1, 2, 3].map(() => makeEnvironment('pendulum')));
      const run = async (vector: VectorEnvironment, resume?: Checkpoint, signal?: AbortSignal) => {
        const checkpoints: Checkpoint[] = [];
        const save = (checkpoint: Checkpoint) => void checkpoints.push(checkpoint);
        const device = await backends.cpu();
        const cell: Cell = {
          ...{ environment: 'pendulum', estimator },
          options: { environments: vector, ...(signal ? { signal } : {}) },
        };
        const evaluations = await runCell(device, cell, { every: 20, save, resume });
        await device.dispose();
        return { evaluations, checkpoints };
      };
      const whole = await run(environments());
      const stop = new AbortController();
      const inner = environments();
      let steps = 0;
      const first = await run(
        {
          count: 4,
          reset: (seed) => inner.reset(seed),
          async step(actions, signal) {
            if (++steps < undone) return inner.step(actions);
            stop.abort();
            assert.ok(signal?.aborted);
            return undefined;
          },
          getStates: () => inner.getStates(),
          setStates: (states) => inner.setStates(states),
          dispose: () => undefined,
        },
        undefined,
        stop.signal,
      );
      assert.is(steps, undone);
      const held = first.checkpoints.at(-1) as Checkpoint;
      assert.is(held.step, 4 * (undone - 1));
      const rest = await run(environments(), decodeCheckpoint(bytesOf(held)));
      assert.equal(rest.evaluations, whole.evaluations);
      assert.equal(
        bytesOf(rest.checkpoints.at(-1) as Checkpoint),
        bytesOf(whole.checkpoints.at(-1) as Checkpoint),
      );
    }
});

test.run();
