// A run resumed from a checkpoint is the undisturbed run: every later checkpoint has the same bytes.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { Device } from '../../src/device.ts';
import { prepareEnvironment } from '../../src/envs/registry.ts';
import { CheckpointError, NumericsError, UsageError } from '../../src/errors.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { decodeCheckpoint } from '../../src/rl/checkpoint-format.ts';
import { allclose } from '../helpers/allclose.ts';
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

test('a checkpoint of version 1, which had the moments apart, resumes to what its run came to', async () => {
  const old = decodeCheckpoint(Buffer.from(readFileSync('test/rl/checkpoint-v1.base64', 'utf8'), 'base64'));
  const device = await backends.cpu();
  const later: Record<'whole' | 'resumed', Checkpoint[]> = { whole: [], resumed: [] };
  for (const name of ['whole', 'resumed'] as const) {
    const resume = name === 'resumed' ? old : undefined;
    await runCell(device, pendulum, {
      every: 20,
      resume,
      save: (checkpoint) => void later[name].push(checkpoint),
    });
  }
  const [now, ...rest] = later.whole;
  assert.equal([...old.states.keys()].sort(), [...now.states.keys()].sort());
  const pairs = [old, ...later.resumed].map((checkpoint, i) => [checkpoint, [now, ...rest][i]]);
  assert.is(pairs.length, 3);
  for (const [theirs, ours] of pairs) {
    assert.is(theirs.step, ours.step);
    for (const [name, values] of ours.states) {
      allclose(theirs.states.get(name) ?? [], values, { rtol: 1e-3, atol: 1e-6 }, `${name} at ${ours.step}`);
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

test('a longer run goes on from the end of a shorter one', async () => {
  const [, , end] = await checkpointsOf(pendulum);
  const longer: Cell = { ...pendulum, options: { steps: 80 } };
  const [, , , wanted] = await checkpointsOf(longer);
  const device = await backends.wasm();
  const saved: Checkpoint[] = [];
  await runCell(device, longer, {
    every: 20,
    resume: end,
    save: (checkpoint) => void saved.push(checkpoint),
  });
  assert.equal(saved.map(bytesOf), [bytesOf(wanted)]);
  await device.dispose();
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
