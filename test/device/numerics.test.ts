// NaN and infinity are noticed in the update in which they appear, and named, on every backend.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/backend/backend.ts';
import type { Device, Recorder } from '../../src/device.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import { NumericsError } from '../../src/errors.ts';
import { adam } from '../../src/nn/index.ts';
import { explainFault } from '../../src/rl/explain-fault.ts';
import { train } from '../../src/rl/train.ts';
import {
  add,
  assign,
  div,
  gradient,
  log,
  mul,
  read,
  State,
  sqrt,
  sub,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { openDevice } from '../helpers/devices.ts';
import { runKernelOn } from '../helpers/kernel-run.ts';
import { type Cell, learnerFor, quick } from '../helpers/training.ts';

let device: Device;
let backend: Backend;
test.before(async () => {
  device = await openDevice();
  backend = device.backend;
});
test.after(() => device.dispose());

const rates = {
  ...{ hasTarget: 0, hasScale: 0, decoupled: 0, learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  ...{ weightDecay: 0, tau: 0, beta1Complement: 0.1, beta2Complement: 0.001, place: 77 },
};

test('adam notes the first gradient that is not finite, or whose square is not', async () => {
  const run = async (count: number, at: number, value: number, clock: number[], tail = 0) => {
    // What lies behind the end does not count.
    const gradient = new Float32Array(count + tail).fill(0.5).fill(Number.NaN, count);
    if (at >= 0) gradient[at] = value;
    const bindings = {
      ...{
        parameters: new Float32Array(count + tail).fill(1).fill(Number.NaN, count),
        moments: 2 * count + tail,
      },
      ...{
        gradient,
        target: undefined,
        scale: undefined,
        clock: Uint32Array.from(clock),
      },
    };
    const { clock: after } = await runKernelOn(backend, 'adam', { ...rates, count }, bindings);
    return [...after];
  };
  const sound = [1, 2, 41, 0, 0, 0];
  for (const count of [1, 5, 64, 67, 4099]) {
    assert.equal(await run(count, -1, 0, sound, 4), sound, `${count} finite`);
    for (const at of new Set([0, count >> 1, count - 1])) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e30]) {
        assert.equal(
          await run(count, at, value, sound),
          [1, 2, 41, 0, 42, 77],
          `${value} at ${at} of ${count}`,
        );
      }
    }
  }
  assert.equal(await run(3, 1, Number.NaN, [1, 2, 41, 0, 7, 5]), [1, 2, 41, 0, 7, 5]);
});

test('tick notes the first scalar that is not finite', async () => {
  const run = async (values: number[], clock: number[]) => {
    const bindings = Object.fromEntries(
      Array.from({ length: 6 }, (_, i) => [
        `watched${i}`,
        i < values.length ? Float32Array.of(values[i]) : undefined,
      ]),
    );
    const params = { watched: values.length, place: 50 };
    const { clock: after } = await runKernelOn(backend, 'tick', params, {
      clock: Uint32Array.from(clock),
      ...bindings,
    });
    return [...after];
  };
  const sound = [1, 2, 41, 0, 0, 0];
  assert.equal(await run([], sound), [1, 2, 42, 0, 0, 0]);
  assert.equal(await run([3e38, -1e-45, 0, 1, 2, 3], sound), [1, 2, 42, 0, 0, 0]);
  assert.equal(await run([1, 1, Number.NaN, Number.NaN], sound), [1, 2, 42, 0, 42, 52]);
  assert.equal(await run([1, 1, 1, 1, 1, Number.NEGATIVE_INFINITY], sound), [1, 2, 42, 0, 42, 55]);
  assert.equal(await run([Number.POSITIVE_INFINITY], [1, 2, 41, 0, 9, 8]), [1, 2, 42, 0, 9, 8]);
});

async function faultAfter(updates: number, body: (recorder: Recorder) => Record<string, Tensor>) {
  const update = await device.compile(body);
  assert.is(await update.fault(), undefined);
  update.run(updates);
  const fault = await update.fault();
  update.dispose();
  return fault;
}

test('in a run of many updates the first bad one is known', async () => {
  const w = new State('w', [3], new Float32Array(3));
  // Ten times as large with every update: 10^21 in the tenth, whose square Adam cannot hold.
  const growing = new State('growing', [], Float32Array.of(1e12));
  const fault = await faultAfter(20, () => {
    const loss = mul(sum(read(w)), read(growing));
    adam(w, { learningRate: 1e-3 }).step(gradient(loss, w));
    assign(growing, mul(read(growing), 10));
    return { loss };
  });
  assert.equal(fault, { update: 10, what: "the gradient or the new value of 'w'" });
});

test('a gradient that is not finite is noticed where the loss is', async () => {
  const w = new State('w', [2], new Float32Array(2));
  const other = new State('other', [2], Float32Array.of(1, 1));
  const fault = await faultAfter(1, () => {
    const loss = sum(add(sqrt(read(w)), read(other)));
    const [first, second] = [gradient(loss, other), gradient(loss, w)];
    adam(other, { learningRate: 1e-3 }).step(first);
    adam(w, { learningRate: 1e-3 }).step(second);
    return { loss };
  });
  assert.equal(fault, { update: 1, what: "the gradient or the new value of 'w'" });
});

test('so is an output that no gradient sees', async () => {
  const w = new State('w', [], Float32Array.of(0));
  const fault = await faultAfter(2, ({ input }) => {
    const loss = mul(2, read(w));
    adam(w, { learningRate: 1e-3 }).step(gradient(loss, w));
    return { loss, ratio: div(sum(input('x', [2], 0)), 0), shown: read(w) };
  });
  // The input is 0 everywhere: 0/0.
  assert.equal(fault, { update: 1, what: "the output 'ratio'" });
});

test('a step by step run does what a run does, and shows where finite numbers end', async () => {
  const x = new State('x', [2], Float32Array.of(3, 1));
  const update = await device.compile(() => {
    const loss = sum(log(sub(read(x), 1)));
    assign(x, add(read(x), 1));
    return { loss };
  });
  const seen: string[] = [];
  for await (const { step, read: before, written } of update.trace()) {
    const finite = (values: Iterable<number>) => [...values].every(Number.isFinite);
    if (![...written.values()].every(finite)) seen.push(`${step.kind} of ${[...before.keys()]}`);
  }
  assert.equal(seen, ['generated of x']);
  assert.equal([...(await device.read(x))], [4, 2]);
  update.run();
  assert.ok(Math.abs((await update.readScalar('loss')) - Math.log(3)) < 1e-6);
  update.dispose();
});

test('a training run stops at it, and repeated step by step names the operation', async () => {
  const cell: Cell = { environment: 'pendulum', estimator: 'reverse-kl/pathwise' };
  const learner = learnerFor(cell, { learningRates: { critics: 1e12 } });
  const options = { ...quick, steps: 40, learner, makeEnvironment: () => makeEnvironment('pendulum') };
  const caught = async (run: Promise<unknown>): Promise<NumericsError> => {
    const error = await run.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.instance(error, NumericsError);
    return error as NumericsError;
  };
  const error = await caught(train(device, options));
  assert.match(
    error.message,
    /^The run met NaN or infinity by step \d+: in update \d+, first in the gradient or the new value of '/,
  );
  const found = await explainFault(device, options, error);
  assert.is(found.update, error.update);
  assert.match(
    found.message,
    new RegExp(
      `^In update ${error.update}, step \\d+ of \\d+, .+, gives (NaN|-?Infinity) at element \\d+ of .+, from .+ in \\[`,
    ),
  );
});

test.run();
