// NaN, infinities and zeros of both signs go through every elementwise operation and every reduction as through its scalar
// function in float64, on every backend: shaders may be compiled as if they did not exist.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { reverseKlLoss, scoreLoss, snisLoss } from '../../src/divergences/loss-op.ts';
import { sizeOf } from '../../src/math/shape.ts';
import { softBellmanLoss } from '../../src/rl/soft-bellman.ts';
import {
  argMax,
  constant,
  type ElementwiseName,
  elementwiseOps,
  exp,
  grad,
  literal,
  logSumExp,
  max,
  min,
  type Op,
  record,
  sum,
  type Tensor,
  where,
} from '../../src/tape/index.ts';
import { evaluate, openDevice } from '../helpers/devices.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1, 2.5, -2.5];

const { NaN: nan, POSITIVE_INFINITY: infinite, NEGATIVE_INFINITY: none } = Number;

/** A constant array that may hold NaN, which a literal may not. */
const values = (numbers: readonly number[], shape: readonly number[]): Tensor =>
  where(
    literal(
      numbers.map((x) => Number(Number.isNaN(x))),
      shape,
    ),
    nan,
    literal(
      numbers.map((x) => (Number.isNaN(x) ? 0 : x)),
      shape,
    ),
  );

/** How far a result may lie from the float64 one, relative to it. */
const tolerance = 1e-5;

/** Whether two numbers are the same: NaN, each infinity and each sign of zero are themselves only. */
function same(actual: number, expected: number): boolean {
  if (!Number.isFinite(expected) || expected === 0)
    return Object.is(actual, expected) || (expected === 0 && Math.abs(actual) < 1e-7 && actual !== 0);
  return Math.abs(actual - expected) <= tolerance * Math.abs(expected) + 1e-7;
}

/** Operations whose zeros may have either sign: where nobody divides by them. */
const unsigned: readonly ElementwiseName[] = [
  'elu',
  'expm1',
  'erf',
  'log1p',
  'tanh',
  'sin',
  'logSigmoid',
  'softplus',
];

/** Arguments for which float32 and float64 differ by nature: angles that are infinite, and powers that nobody promises. */
const names = Object.keys(elementwiseOps) as ElementwiseName[];

for (const name of names) {
  const operation = elementwiseOps[name] as Op<null>;
  const scalar = operation.scalar as NonNullable<Op['scalar']>;
  const arity = /sub|add|mul|div|pow|imum|reater|equal/.test(name) ? 2 : /where|clamp/.test(name) ? 3 : 1;
  test(`special values: ${name}`, async () => {
    const points: number[][] = [];
    for (const a of special) {
      if (arity === 1) points.push([a]);
      else if (name === 'clamp') points.push([a, -2, 2], [a, 0, 1], [a, -1, 0]);
      else if (name === 'where') points.push([a, 1, 2], [a, Number.NaN, 2], [a, 1, Number.NEGATIVE_INFINITY]);
      else for (const b of special) points.push([a, b]);
    }
    // The general power is defined for a base above 0; of others only whole exponents are promised.
    const wanted = points.filter(
      ([a, b]) =>
        name !== 'pow' || (a > 0 && Number.isFinite(a)) || (a < 0 && Number.isFinite(a) && b === -2.5),
    );
    const { y } = await evaluate(
      () => {
        const columns = Array.from({ length: arity }, (_, i) =>
          values(
            wanted.map((point) => point[i]),
            [wanted.length],
          ),
        );
        return { y: record(operation, columns, null) };
      },
      {},
      { device },
    );
    wanted.forEach((point, i) => {
      const [a, b, c] = point;
      const expected = scalar(a, b, c);
      const ok = same(y[i], expected) || (expected === 0 && y[i] === 0 && unsigned.includes(name));
      assert.ok(
        ok,
        `${name}(${point.map((x) => (Object.is(x, -0) ? '-0' : x))}) is ${y[i]}, expected ${expected}`,
      );
    });
  });
}

test('reductions of special values', async () => {
  const rows = [
    [nan, 1, 2],
    [1, nan, 2],
    [1, 2, nan],
    [nan, nan, nan],
    [none, none, none],
    [infinite, 1, none],
    [infinite, infinite, 1],
    [none, 0, none],
    [infinite, none, nan],
  ];
  // Rows of three, and the same spread over rows of 300 that a workgroup shares.
  for (const wide of [1, 100]) {
    const data = rows.flatMap((row) => row.flatMap((x) => Array.from({ length: wide }, () => x)));
    const results = await evaluate(
      () => {
        const x = values(data, [rows.length, 3 * wide]);
        return {
          max: max(x, 1),
          min: min(x, 1),
          logSumExp: logSumExp(x, 1),
          argMax: argMax(x, 1),
          sum: sum(x, 1),
        };
      },
      {},
      { device },
    );
    rows.forEach((row, i) => {
      const holdsNaN = row.some(Number.isNaN);
      const expected: Record<string, number> = {
        max: Math.max(...row),
        min: Math.min(...row),
        logSumExp: holdsNaN ? nan : Math.log(row.reduce((total, x) => total + wide * Math.exp(x), 0)),
        // A NaN is never the largest; where all are, the first.
        argMax: Math.max(
          0,
          wide * row.indexOf(row.reduce((most, x) => (Number.isNaN(x) || x <= most ? most : x), none)),
        ),
        sum: row.reduce((total, x) => total + wide * x, 0),
      };
      for (const [name, value] of Object.entries(expected))
        assert.ok(
          same(results[name as keyof typeof results][i], value),
          `${name} of ${row} ×${wide} is ${results[name as keyof typeof results][i]}, expected ${value}`,
        );
    });
  }
});

test('a condition that is NaN is not 0: it chooses the first, in value and gradient', async () => {
  const { value, dA, dB } = await evaluate(
    () => {
      const condition = values([nan, 0, -0, 1e-30, infinite], [5]);
      const a = exp(values([0, 0, 0, 0, 0], [5]));
      const b = exp(values([1, 1, 1, 1, 1], [5]));
      const y: Tensor = where(condition, a, b);
      const [dA, dB] = grad(sum(y), [a, b]);
      return { value: y, dA, dB };
    },
    {},
    { device },
  );
  assert.equal(
    [...value].map((x) => x === 1),
    [true, false, false, true, true],
  );
  assert.equal([...dA], [1, 0, 0, 1, 1]);
  assert.equal([...dB], [0, 1, 1, 0, 0]);
});

test('a single number as condition', async () => {
  const { y } = await evaluate(() => ({ y: where(constant(nan), constant(1), constant(2)) }), {}, { device });
  assert.equal([...y], [1]);
});

test('a critic that is NaN shows in every loss and its gradients, and a head that is NaN in all it gives', async () => {
  const [samples, batch] = [2, 3];
  const results = await evaluate(
    () => {
      const finite = (shape: readonly number[]) => literal(new Float32Array(sizeOf(shape)).fill(0.5), shape);
      // The second of two critics, at the first sample of the first state.
      const q = values([0, 0, 0, 0, 0, 0, nan, 1, 1, 1, 1, 1], [2, samples, batch]);
      const logProb = finite([samples, batch]);
      const reverse = reverseKlLoss(logProb, q, constant(1));
      const score = scoreLoss(logProb, q, constant(1), { baseline: 'mean' });
      const snis = snisLoss(logProb, q, constant(1), logProb);
      const rows = { rows: finite([batch, 2]), rewardColumn: 0, terminatedColumn: 1 };
      const next = values([0, 0, 0, nan, 1, 1], [2, batch]);
      const critics = finite([2, batch]);
      const bellman = softBellmanLoss({
        ...rows,
        ...{ nextLogProb: finite([batch]), nextQ: next, q: critics, temperature: constant(1), discount: 0.9 },
      });
      const head = values([0, nan, 0, 0, 0, 0], [batch, 2]);
      const gaussian = new Gaussian(head, 1, true);
      const drawn = gaussian.rsample(samples, { noise: finite([samples, batch, 1]) });
      return {
        ...{ reverse, score, snis: snis.loss, ess: snis.effectiveSampleSize, bellman: bellman.loss },
        dReverse: grad(reverse, [q])[0],
        dScore: grad(score, [logProb])[0],
        dSnis: grad(snis.loss, [logProb])[0],
        dBellman: grad(bellman.loss, [critics])[0],
        ...{ action: drawn.actions, logProb: drawn.logProb, given: gaussian.logProbLatent(drawn.latent) },
        dSample: grad(sum(drawn.logProb), [head])[0],
        dLogProb: grad(sum(gaussian.logProbLatent(finite([samples, batch, 1]))), [head])[0],
      };
    },
    {},
    { device },
  );
  for (const name of ['reverse', 'score', 'snis', 'ess', 'bellman'] as const)
    assert.ok(Number.isNaN(results[name][0]), `${name} is ${results[name]}`);
  const first = {
    dReverse: [0, 6],
    dScore: [0],
    dSnis: [0, 3],
    dBellman: [0, 3],
    action: [0, 3],
    logProb: [0, 3],
  };
  for (const [name, places] of Object.entries({ ...first, given: [0, 3], dSample: [1], dLogProb: [1] }))
    for (const at of places) {
      const given = results[name as keyof typeof results];
      assert.ok(Number.isNaN(given[at]), `${name} [${at}] of ${given}`);
    }
});

test.run();
