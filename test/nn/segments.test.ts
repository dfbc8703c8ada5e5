// What networks are given, however it lies: rows that are repeated, padded or turned, against a network written out; and
// normalisation by its formula.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { layerNormalise, mlp } from '../../src/nn/index.ts';
import {
  broadcastTo,
  concat,
  grad,
  mul,
  slice,
  stopGradient,
  sum,
  type Tensor,
  transpose,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { evaluate, lowered } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

const network = mlp({ inputs: 3, hidden: [5], outputs: 2, activation: 'tanh', seed: 3 });
const parameters = network.parameters.initial as Float32Array;

/** The network of one row. */
function written(row: readonly number[]): number[] {
  const hidden = Array.from({ length: 5 }, (_, j) =>
    Math.tanh(row.reduce((total, x, i) => total + x * parameters[5 * i + j], parameters[15 + j])),
  );
  return [0, 1].map((k) =>
    hidden.reduce((total, h, j) => total + h * parameters[20 + 2 * j + k], parameters[30 + k]),
  );
}

const x = normals(12, 7);
const rows = [0, 1, 2, 3].map((r) => [...x.subarray(3 * r, 3 * r + 3)]);
const zero = [0, 0, 0];

/** x [4, 3] in other shapes, and the rows that this means. */
const ways: Readonly<Record<string, [(x: Tensor) => Tensor, number[][]]>> = {
  'as it lies': [(t) => t, rows],
  'some of its rows': [(t) => slice(t, [1, 0], [3, 3]), rows.slice(1, 3)],
  'every second row': [(t) => slice(t, [0, 0], [4, 3], [2, 1]), [rows[0], rows[2]]],
  // The gradient of a slice is its cotangent, among zeros.
  'rows among rows of zeros': [
    (t) => grad(sum(mul(slice(t, [1, 0], [3, 3]), stopGradient(slice(t, [0, 0], [2, 3])))), [t])[0],
    [zero, rows[0], rows[1], zero],
  ],
  'zeros behind each row': [
    (t) => grad(sum(mul(slice(t, [0, 0], [4, 3], [2, 1]), stopGradient(slice(t, [0, 0], [2, 3])))), [t])[0],
    [rows[0], zero, rows[1], zero],
  ],
  'repeated in front': [(t) => broadcastTo(t, [2, 4, 3]), [...rows, ...rows]],
  'one row repeated': [(t) => broadcastTo(slice(t, [2, 0], [3, 3]), [5, 3]), Array(5).fill(rows[2])],
  turned: [
    (t) => slice(transpose(t), [0, 0], [3, 3]),
    [0, 1, 2].map((i) => [0, 1, 2].map((r) => rows[r][i])),
  ],
  'put together': [
    (t) => concat([slice(t, [2, 0], [4, 3]), slice(t, [0, 0], [1, 3])], 0),
    [rows[2], rows[3], rows[0]],
  ],
};
for (const mlpKernels of ['fused', 'tiled'] as const) {
  for (const [name, [way, expected]] of Object.entries(ways)) {
    test(`${mlpKernels}: ${name}`, async () => {
      const { y } = await evaluate(
        ({ input }) => ({ y: network(way(input('x', [4, 3]))) }),
        { x },
        { mlp: mlpKernels },
      );
      allclose(y, expected.flatMap(written), { rtol: 1e-12, atol: 1e-12 }, name);
    });
  }
}

test('states that many samples share are read where they lie, not copied for each', () => {
  const critic = mlp({ inputs: 4, hidden: [5], outputs: 1 });
  const stepsOf = (states: number[], actions: number[]) =>
    lowered(({ input }) => ({ q: critic(input('s', states), input('a', actions)) })).steps;
  for (const [states, actions, stateRows] of [
    [[6, 3], [2, 6, 1], 6],
    [[6, 3], [6, 1], 6],
    [[2, 6, 3], [6, 1], 12],
    [[1, 3], [6, 1], 6],
  ] as const) {
    const steps = stepsOf([...states], [...actions]);
    assert.is(steps.length, 1, `${states} ${actions}: ${steps.map(({ label }) => label)}`);
    const [step] = steps;
    assert.ok(step.kind === 'kernel');
    assert.is(step.params.x0Rows, stateRows);
  }
});

test('layer normalisation is its formula, also where the variance is as small as what is added to it', async () => {
  for (const size of [1, 1e-2, 1e-3]) {
    const values = normals(8, 9).map((value) => size * value);
    const { y } = await evaluate(
      ({ input }) => ({
        y: layerNormalise(input('x', [2, 4]), input('gamma', [1, 4]), input('beta', [1, 4])),
      }),
      { x: values, gamma: [1, 2, 3, 4], beta: [0, 0.5, 1, 1.5] },
    );
    const expected = [0, 1].flatMap((r) => {
      const row = [...values.subarray(4 * r, 4 * r + 4)];
      const mean = row.reduce((a, b) => a + b) / 4;
      const variance = row.reduce((total, value) => total + (value - mean) ** 2, 0) / 4;
      return row.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * (i + 1) + i / 2);
    });
    allclose(y, expected, { rtol: 1e-12, atol: 1e-12 }, String(size));
  }
});

test.run();
