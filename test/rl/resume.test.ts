// A run resumed from a checkpoint is the undisturbed run: every later checkpoint has the same bytes.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { Device } from '../../src/device.ts';
import { prepareEnvironment } from '../../src/envs/registry.ts';
import { CheckpointError, NumericsError, UsageError } from '../../src/errors.ts';
import { streamVersion } from '../../src/math/streams.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { decodeCheckpoint } from '../../src/rl/checkpoint-format.ts';
import type { Evaluation } from '../../src/rl/evaluation.ts';
import { bytesOf, type Cell, quick, resumedAndWhole, runCell } from '../helpers/training.ts';

const backends = {
  cpu: async () => new Device(createCpuBackend()),
  wasm: async () => new Device(await openWasm()),
};

const cells: readonly Cell[] = [
  { environment: 'pendulum', estimator: 'reverse-kl/pathwise' },
  { environment: 'pendulum', estimator: 'forward-kl/snis:behaviour' },
  { environment: 'pendulum', estimator: 'mpo/decoupled' },
  { environment: 'pendulum', estimator: 'forward-kl/mcmc', options: { updatesPerStep: 2 } },
  { environment: 'cartpole', estimator: 'reverse-kl/score:value' },
  { environment: 'cartpole', estimator: 'forward-kl/snis:policy' },
  { environment: 'hopper', estimator: 'reverse-kl/pathwise-stl' },
  { environment: 'ant', estimator: 'reverse-kl/pathwise', options: { steps: 40 } },
];

for (const [name, open] of Object.entries(backends)) {
  for (const cell of cells) {
    test(`${name}: ${cell.estimator} in ${cell.environment} resumes bit for bit`, async () => {
      await prepareEnvironment(cell.environment);
      const { whole, resumed } = await resumedAndWhole(open, cell);
      assert.equal(resumed.evaluations, whole.evaluations);
      assert.is(whole.checkpoints.length, (cell.options?.steps ?? quick.steps) / 20);
      assert.equal(resumed.checkpoints.map(bytesOf), whole.checkpoints.slice(1).map(bytesOf));
    });
  }
}

const pendulum: Cell = { environment: 'pendulum', estimator: 'reverse-kl/pathwise' };

async function checkpointsOf(cell: Cell): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = [];
  const device = await backends.wasm();
  await runCell(device, cell, { every: 20, save: (checkpoint) => void checkpoints.push(checkpoint) });
  await device.dispose();
  return checkpoints;
}

test('a checkpoint of earlier random streams is read, but no run goes on from it', async () => {
  const old = decodeCheckpoint(Buffer.from(readFileSync('test/rl/checkpoint-v1.base64', 'utf8'), 'base64'));
  const [now] = await checkpointsOf(pendulum);
  assert.equal([...old.states.keys()].sort(), [...now.states.keys()].sort());
  for (const [name, values] of now.states) assert.is(old.states.get(name)?.length, values.length, name);
  assert.equal([old.streams, now.streams], [1, streamVersion]);
  const device = await backends.cpu();
  for (const resume of [old, { ...now, streams: 1 }, { ...now, streams: 3 }]) {
    try {
      await runCell(device, pendulum, { every: 20, resume, save: () => undefined });
      assert.unreachable('it must be refused');
    } catch (error) {
      assert.instance(error, CheckpointError);
      assert.is((error as CheckpointError).fault, 'older');
      assert.match(
        (error as Error).message,
        /random streams of version [13], and this release has version 2/,
      );
    }
  }
});

test('a later change of the run does not reach a checkpoint that was saved', async () => {
  const seen: Uint8Array[] = [];
  const kept: Checkpoint[] = [];
  const device = await backends.cpu();
  await runCell(device, pendulum, {
    every: 20,
    save: (checkpoint) => {
      kept.push(checkpoint);
      seen.push(bytesOf(checkpoint));
    },
  });
  assert.equal(kept.map(bytesOf), seen);
});

test('a run that is stopped saves where it stands, and resumes there to the same end', async () => {
  const whole = await checkpointsOf(pendulum);
  const device = await backends.wasm();
  const stop = new AbortController();
  const saved: Checkpoint[] = [];
  const stopped: Cell = {
    ...pendulum,
    options: { signal: stop.signal, onStep: (step) => step === 33 && stop.abort() },
  };
  await runCell(device, stopped, { every: 20, save: (checkpoint) => void saved.push(checkpoint) });
  assert.equal(
    saved.map(({ step }) => step),
    [20, 33],
  );
  const rest: Checkpoint[] = [];
  const evaluations = await runCell(device, pendulum, {
    every: 20,
    resume: saved[1],
    save: (checkpoint) => void rest.push(checkpoint),
  });
  assert.equal(
    evaluations.map(({ step }) => step),
    [20, 40, 60],
  );
  assert.equal(rest.map(bytesOf), whole.slice(1).map(bytesOf));
  await device.dispose();
});

test('a longer run goes on from the end of a shorter one: all but the evaluation at that end is the same', async () => {
  // Evaluations at 15, 30, … and at the end.
  const run = async (device: Device, steps: number, resume?: Checkpoint) => {
    const saved: Checkpoint[] = [];
    const cell = { ...pendulum, options: { steps, evaluateEvery: 15 } };
    const save = (checkpoint: Checkpoint) => void saved.push(checkpoint);
    return { evaluations: await runCell(device, cell, { every: 20, resume, save }), saved };
  };
  const short = await run(await backends.cpu(), 40);
  const whole = await run(await backends.cpu(), 80);
  const resumed = await run(await backends.cpu(), 80, short.saved[1]);
  assert.equal(
    resumed.evaluations.map(({ step }) => step),
    [15, 30, 40, 45, 60, 75, 80],
  );
  const without = (evaluations: readonly Evaluation[]) => evaluations.filter(({ step }) => step !== 40);
  assert.equal(without(resumed.evaluations), whole.evaluations);
  assert.equal(
    resumed.saved.map((each) => bytesOf({ ...each, evaluations: without(each.evaluations) })),
    whole.saved.slice(2).map(bytesOf),
  );
});

test('a checkpoint of another run is refused, with the settings that differ', async () => {
  const [checkpoint] = await checkpointsOf(pendulum);
  const device = await backends.cpu();
  const resume = (cell: Cell, from = checkpoint) =>
    runCell(device, cell, { every: 20, resume: from, save: () => undefined });
  const refused = async (cell: Cell, message: RegExp, from = checkpoint) => {
    try {
      await resume(cell, from);
    } catch (error) {
      assert.instance(error, CheckpointError);
      assert.is((error as CheckpointError).fault, 'other-run');
      assert.match((error as Error).message, message);
      return;
    }
    assert.unreachable('it must be refused');
  };
  await refused({ ...pendulum, options: { seed: 4, batch: 9 } }, /batch 8 instead of 9, seed 3 instead of 4/);
  await refused(
    { ...pendulum, estimator: 'reverse-kl/pathwise-stl' },
    /estimator reverse-kl\/pathwise instead of reverse-kl\/pathwise-stl/,
  );
  const states = new Map(checkpoint.states);
  states.delete('critics.parameters.moments');
  await refused(pendulum, /nothing for 'critics\.parameters\.moments'/, { ...checkpoint, states });
  await device.dispose();
});

test('parameters that are not finite stop the run before they replace a checkpoint', async () => {
  const [checkpoint] = await checkpointsOf(pendulum);
  const device = await backends.wasm();
  const states = new Map(checkpoint.states);
  // So large that the first forward pass overflows.
  states.set(
    'critics.parameters',
    (states.get('critics.parameters') as Float32Array).map(() => 3e38),
  );
  const saved: Checkpoint[] = [];
  try {
    await runCell(device, pendulum, {
      every: 5,
      resume: { ...checkpoint, states },
      save: (each) => void saved.push(each),
    });
    assert.unreachable('it must stop');
  } catch (error) {
    assert.instance(error, NumericsError);
    assert.match(
      (error as Error).message,
      /by step 2[1-5]: in update 6, first in the gradient or the new value of/,
    );
  }
  assert.is(saved.length, 0);
  await device.dispose();
});

test('checkpoints an unnatural number of steps apart are refused', async () => {
  const device = await backends.cpu();
  for (const every of [0, 2.5]) {
    try {
      await runCell(device, pendulum, { every, save: () => undefined });
      assert.unreachable('it must be refused');
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match((error as Error).message, /checkpoint\.every must be a whole number/);
    }
  }
});

test.run();
