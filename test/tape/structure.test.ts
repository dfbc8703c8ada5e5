// Binary operations with broadcasting, matrix products, reductions, shape operations, gather, where and clamp.
import { all, create } from 'mathjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sizeOf } from '../../src/math/shape.ts';
import {
  add,
  argMax,
  broadcastTo,
  clamp,
  concat,
  constant,
  div,
  equal,
  exp,
  gather,
  grad,
  greater,
  greaterEqual,
  indexSelect,
  literal,
  logMeanExp,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  pow,
  reshape,
  slice,
  sliceAxis,
  softmax,
  square,
  stack,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  where,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { evaluate } from '../helpers/devices.ts';
import { gradcheck, normals, randomInput } from '../helpers/gradcheck.ts';

const math = create(all, {});
type Matrix = number[][];

/** Rows of a flat matrix. */
const rowsOf = (values: ArrayLike<number>, rows: number, columns: number): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => values[i * columns + j]));

const binaries: Readonly<Record<string, [(a: Tensor, b: Tensor) => Tensor, string]>> = {
  add: [add, 'a + b'],
  sub: [sub, 'a - b'],
  mul: [mul, 'a * b'],
  div: [div, 'a / b'],
  pow: [pow, 'a ^ b'],
  minimum: [minimum, 'min(a, b)'],
  maximum: [maximum, 'max(a, b)'],
};
const shapePairs: [number[], number[]][] = [
  [[], []],
  [[3], []],
  [[2, 3], [3]],
  [
    [2, 1],
    [1, 3],
  ],
  [
    [2, 3, 1],
    [4, 1, 1, 5],
  ],
  [[1], [1, 1]],
];

for (const [name, [op, formula]] of Object.entries(binaries)) {
  test(`${name}: broadcasting as mathjs's formula, and its gradients`, async () => {
    const code = math.compile(formula);
    for (const [left, right] of shapePairs) {
      const a = { shape: left, values: normals(sizeOf(left), 3).map((v) => Math.abs(v) + 0.3) };
      const b = { shape: right, values: normals(sizeOf(right), 4).map((v) => Math.abs(v) + 0.2) };
      let shape: readonly number[] = [];
      const { y } = await evaluate(
        ({ input }) => {
          const value = op(input('a', left), input('b', right));
          shape = value.shape;
          return { y: value };
        },
        { a: a.values, b: b.values },
      );
      const rank = shape.length;
      const pick = (x: typeof a, flat: number) => {
        let at = 0;
        let stride = 1;
        let rest = flat;
        for (let axis = rank - 1; axis >= 0; axis--) {
          const index = rest % shape[axis];
          rest = Math.floor(rest / shape[axis]);
          const extent = x.shape[axis - rank + x.shape.length] ?? 1;
          if (extent > 1) at += index * stride;
          stride *= extent;
        }
        return x.values[at];
      };
      allclose(
        y,
        Array.from(y, (_, i) => code.evaluate({ a: pick(a, i), b: pick(b, i) }) as number),
        { rtol: 1e-14, atol: 0 },
        `${name} [${left}] [${right}]`,
      );
      await gradcheck(({ a, b }) => op(a, b), { a, b }, { rtol: 1e-6, atol: 1e-8 });
    }
  });
}

test('pow with constant exponents takes the whole domain of the power', async () => {
  const x = [-2, -0.5, 0, 0.5, 3];
  const { p0, p1, p2, p3, p4, inverse, root } = await evaluate(
    ({ input }) => {
      const t = input('x', [5]);
      const powers = { p0: pow(t, 0), p1: pow(t, 1), p2: pow(t, 2), p3: pow(t, 3), p4: pow(t, 4) };
      return { ...powers, inverse: pow(t, -1), root: pow(t, 0.5) };
    },
    { x },
  );
  allclose(p0, [1, 1, 1, 1, 1], {}, 'x^0');
  for (const [i, p] of [p1, p2, p3, p4].entries()) {
    allclose(
      p,
      x.map((v) => v ** (i + 1)),
      { rtol: 1e-15 },
      `x^${i + 1}`,
    );
  }
  allclose(
    inverse,
    x.map((v) => 1 / v),
    { rtol: 1e-15 },
  );
  allclose(root, x.map(Math.sqrt), { rtol: 1e-15 });
});

test('comparisons, where and clamp: values, ties and what passes back', async () => {
  const a = [-1, 0, 0, 2];
  const b = [0, 0, -1, 2];
  const d = (y: Tensor, x: Tensor) => grad(sum(mul(y, literal([1, 2, 3, 4], [4]))), [x])[0];
  const r = await evaluate(
    ({ input }) => {
      const x = input('a', [4]);
      const y = input('b', [4]);
      const chosen = where(greater(x, y), x, y);
      const clamped = clamp(x, -1, 0);
      return {
        greater: greater(x, y),
        greaterEqual: greaterEqual(x, y),
        equal: equal(x, y),
        minToA: d(minimum(x, y), x),
        minToB: d(minimum(x, y), y),
        maxToA: d(maximum(x, y), x),
        chosen,
        whereToA: d(chosen, x),
        whereToB: d(chosen, y),
        clamped,
        dClamped: d(clamped, x),
        unbounded: d(clamp(x, Number.NEGATIVE_INFINITY, 1), x),
        comparison: d(mul(greater(x, y), y), x),
      };
    },
    { a, b },
  );
  const expected: Readonly<Record<string, number[]>> = {
    greater: [0, 0, 1, 0],
    greaterEqual: [0, 1, 1, 1],
    equal: [0, 1, 0, 1],
    minToA: [1, 1, 0, 2],
    minToB: [0, 1, 3, 2],
    maxToA: [0, 1, 3, 2],
    chosen: [0, 0, 0, 2],
    whereToA: [0, 0, 3, 0],
    whereToB: [1, 2, 0, 4],
    clamped: [-1, 0, 0, 0],
    dClamped: [1, 2, 3, 0],
    unbounded: [1, 2, 3, 0],
    comparison: [0, 0, 0, 0],
  };
  for (const [name, values] of Object.entries(expected))
    assert.equal(
      [...r[name as keyof typeof r]].map((v) => v + 0),
      values,
      name,
    );
});

test('where keeps the branch not taken out of the value and the gradient', async () => {
  const { y, dx } = await evaluate(
    ({ input }) => {
      const x = input('x', [2]);
      const y = where(greater(x, 0), pow(x, 2.5), 0);
      return { y, dx: grad(sum(y), [x])[0] };
    },
    { x: [4, 1] },
  );
  allclose(y, [32, 1], { rtol: 1e-14 });
  allclose(dx, [20, 2.5], { rtol: 1e-14 });
});

test('matmul: mathjs linear algebra, in all transposed forms, with gradients', async () => {
  for (const [rows, inner, columns] of [
    [1, 1, 1],
    [3, 5, 2],
    [7, 1, 9],
    [33, 34, 35],
  ]) {
    const a = normals(rows * inner, 5);
    const b = normals(inner * columns, 6);
    const expected = math.multiply(rowsOf(a, rows, inner), rowsOf(b, inner, columns)) as Matrix;
    const turned = (x: ArrayLike<number>, r: number, c: number) =>
      (math.transpose(rowsOf(x, r, c)) as Matrix).flat();
    const { plain, left, right, both } = await evaluate(
      ({ input }) => {
        const [x, y] = [input('a', [rows, inner]), input('b', [inner, columns])];
        const [xt, yt] = [input('at', [inner, rows]), input('bt', [columns, inner])];
        return {
          plain: matmul(x, y),
          left: matmul(xt, y, { transA: true }),
          right: matmul(x, yt, { transB: true }),
          both: matmul(xt, yt, { transA: true, transB: true }),
        };
      },
      { a, b, at: turned(a, rows, inner), bt: turned(b, inner, columns) },
    );
    for (const [name, y] of Object.entries({ plain, left, right, both }))
      allclose(y, expected.flat(), { rtol: 1e-12, atol: 1e-13 }, `${name} ${rows}×${inner}×${columns}`);
  }
  await gradcheck(({ a, b }) => matmul(a, b, { transA: true }), {
    a: randomInput([3, 2], 1),
    b: randomInput([3, 4], 2),
  });
});

test('matmul: batches broadcast', async () => {
  const a = randomInput([2, 1, 3, 4], 7);
  const b = randomInput([5, 4, 2], 8);
  const { y } = await evaluate(({ input }) => ({ y: matmul(input('a', a.shape), input('b', b.shape)) }), {
    a: a.values,
    b: b.values,
  });
  const part = (x: ArrayLike<number>, i: number, r: number, c: number) =>
    rowsOf(Array.from(x).slice(i * r * c, (i + 1) * r * c), r, c);
  const expected: number[] = [];
  for (let i = 0; i < 2; i++)
    for (let j = 0; j < 5; j++)
      expected.push(...(math.multiply(part(a.values, i, 3, 4), part(b.values, j, 4, 2)) as Matrix).flat());
  allclose(y, expected, { rtol: 1e-12, atol: 1e-13 });
  await gradcheck(({ a, b }) => matmul(a, b), { a, b });
});

test('reductions: values and gradients over every axis, with and without keeping it', async () => {
  const x = randomInput([2, 3, 4], 9);
  const tensor = math.reshape(Array.from(x.values), [2, 3, 4]);
  const flat = (y: unknown) =>
    (math.flatten(math.matrix(y as number[])) as ReturnType<typeof math.matrix>).toArray() as number[];
  for (const axis of [0, 1, 2, -1]) {
    const at = (axis + 3) % 3;
    const r = await evaluate(
      ({ input }) => {
        const t = input('x', [2, 3, 4]);
        const kept = sum(t, axis, true);
        assert.equal(
          kept.shape,
          [2, 3, 4].map((n, i) => (i === at ? 1 : n)),
        );
        return {
          sum: sum(t, axis),
          kept,
          mean: mean(t, axis),
          max: max(t, axis),
          min: min(t, axis),
          lse: logSumExp(t, axis),
          lme: logMeanExp(t, axis),
          top: argMax(t, axis),
        };
      },
      { x: x.values },
    );
    const total = flat(math.sum(tensor as unknown as number[], at));
    allclose(r.sum, total, { rtol: 1e-13, atol: 1e-14 }, 'sum');
    allclose(r.kept, total, { rtol: 1e-13, atol: 1e-14 }, 'sum kept');
    allclose(
      r.mean,
      flat(math.mean(tensor as unknown as number[], at)),
      { rtol: 1e-13, atol: 1e-14 },
      'mean',
    );
    const top = flat(math.max(tensor as unknown as number[], at));
    allclose(r.max, top, { rtol: 0, atol: 0 }, 'max');
    allclose(r.min, flat(math.min(tensor as unknown as number[], at)), { rtol: 0, atol: 0 }, 'min');
    const exponentials = flat(math.sum(math.map(tensor, Math.exp) as unknown as number[], at));
    allclose(r.lse, exponentials.map(Math.log), { rtol: 1e-13, atol: 1e-14 }, 'logSumExp');
    const n = [2, 3, 4][at];
    allclose(
      r.lme,
      exponentials.map((v) => Math.log(v / n)),
      { rtol: 1e-12, atol: 1e-13 },
      'logMeanExp',
    );
    const stride = [12, 4, 1][at];
    const start = (i: number) => Math.floor(i / stride) * stride * n + (i % stride);
    allclose(
      Array.from(r.top, (k, i) => x.values[start(i) + k * stride]),
      top,
      { rtol: 0, atol: 0 },
      'argMax',
    );
    for (const op of [sum, mean, max, min, logSumExp]) await gradcheck(({ x }) => op(x, axis), { x });
  }
  for (const op of [sum, mean, max, min, logSumExp])
    for (const axes of [null, [0, 2], [1, 2]]) await gradcheck(({ x }) => op(x, axes), { x });
});

test('reductions: ties share the cotangent, argMax takes the first, logSumExp does not overflow', async () => {
  const r = await evaluate(
    ({ input }) => {
      const x = input('x', [2, 3]);
      const y = input('y', [2, 3]);
      return {
        dMax: grad(sum(max(x, 1)), [x])[0],
        dMin: grad(sum(min(x, 1)), [x])[0],
        top: argMax(x, 1),
        lse: logSumExp(y, 1),
        dLse: grad(sum(logSumExp(y, 1)), [y])[0],
      };
    },
    { x: [2, 5, 5, -1, -1, -1], y: [1000, 1000, 0, -1000, -1000, -2000] },
  );
  allclose(r.dMax, [0, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3], { rtol: 1e-15 });
  allclose(r.dMin, [1, 0, 0, 1 / 3, 1 / 3, 1 / 3], { rtol: 1e-15 });
  assert.equal([...r.top], [1, 0]);
  allclose(r.lse, [1000 + Math.LN2, -1000 + Math.LN2], { rtol: 1e-15 });
  allclose(r.dLse, [0.5, 0.5, 0, 0.5, 0.5, 0], { rtol: 1e-13, atol: 1e-15 });
});

test('softmax family: normalised, and right at its gradient', async () => {
  const x = randomInput([3, 5], 10, 3);
  const { p, logP } = await evaluate(
    ({ input }) => {
      const t = input('x', [3, 5]);
      return { p: softmax(t, -1), logP: logSoftmax(t, -1) };
    },
    { x: x.values },
  );
  for (const row of rowsOf(p, 3, 5)) allclose([row.reduce((a, b) => a + b)], [1], { rtol: 1e-14 });
  allclose(logP, p.map(Math.log), { rtol: 1e-12, atol: 1e-12 });
  await gradcheck(({ x }) => square(softmax(x, -1)), { x });
  await gradcheck(({ x }) => logSoftmax(x, 0), { x });
});

test('axes of extent 1 reduce to what they hold, alone and inside an expression', async () => {
  const x = { shape: [3, 1, 2], values: [1, 2, 3, 4, 5, 6] };
  const r = await evaluate(
    ({ input }) => {
      const t = input('x', x.shape);
      return {
        sum: sum(t, 1),
        lse: logSumExp(t, [1], true),
        top: argMax(t, 1),
        inside: add(exp(max(t, 1)), 1),
        both: mul(sum(t, [1, 2]), 2),
      };
    },
    { x: x.values },
  );
  allclose(r.sum, x.values);
  allclose(r.lse, x.values);
  allclose(r.top, [0, 0, 0, 0, 0, 0]);
  allclose(
    r.inside,
    x.values.map((v) => Math.exp(v) + 1),
  );
  allclose(r.both, [6, 14, 22]);
  for (const op of [sum, max, min, logSumExp]) await gradcheck(({ x }) => tanh(op(x, 1)), { x });
});

test('shape operations: values and gradients', async () => {
  const x = { shape: [2, 3], values: [1, 2, 3, 4, 5, 6] };
  const r = await evaluate(
    ({ input }) => {
      const t = input('x', [2, 3]);
      return {
        turned: transpose(t),
        flatTurned: reshape(transpose(t), [6]),
        inferred: reshape(t, [3, -1]),
        cycled: transpose(reshape(t, [1, 2, 3]), [2, 0, 1]),
        wide: broadcastTo(reshape(t, [2, 1, 3]), [2, 2, 3]),
        every: slice(t, [0, 0], [2, 3], [1, 2]),
        column: sliceAxis(t, -1, 1, 2),
        joined: concat([t, sliceAxis(t, 1, 0, 1)], 1),
        stacked: stack([t, mul(t, 10)], 1),
        padAndSlice: sliceAxis(concat([t, t], 0), 0, 1, 3),
        everyOfPadded: slice(concat([t, t], 1), [0, 1], [2, 6], [1, 2]),
        sumOfPadded: sum(concat([reshape(t, [1, 2, 3]), reshape(t, [1, 2, 3])], 1), 2),
      };
    },
    { x: x.values },
  );
  const expected: Readonly<Record<string, number[]>> = {
    turned: [1, 4, 2, 5, 3, 6],
    flatTurned: [1, 4, 2, 5, 3, 6],
    inferred: [1, 2, 3, 4, 5, 6],
    cycled: [1, 4, 2, 5, 3, 6],
    wide: [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6],
    every: [1, 3, 4, 6],
    column: [2, 5],
    joined: [1, 2, 3, 1, 4, 5, 6, 4],
    stacked: [1, 2, 3, 10, 20, 30, 4, 5, 6, 40, 50, 60],
    padAndSlice: [4, 5, 6, 1, 2, 3],
    everyOfPadded: [2, 1, 3, 5, 4, 6],
    sumOfPadded: [6, 15, 6, 15],
  };
  for (const [name, values] of Object.entries(expected))
    assert.equal([...r[name as keyof typeof r]], values, name);
  const gradients: ((x: Tensor) => Tensor)[] = [
    (t) => tanh(reshape(transpose(t), [6])),
    (t) => tanh(broadcastTo(reshape(t, [2, 1, 3]), [2, 2, 3])),
    (t) => tanh(slice(t, [0, 0], [2, 3], [1, 2])),
    (t) => tanh(concat([t, square(t)], 0)),
    (t) => tanh(stack([t, square(t)], -1)),
    (t) => slice(tanh(concat([t, t], 1)), [0, 1], [2, 6], [1, 2]),
    (t) => sum(square(concat([t, t], 1)), 0),
  ];
  for (const body of gradients) await gradcheck(({ x }) => body(x), { x });
});

test('gather and indexSelect: repeated indices add up in the gradient', async () => {
  const x = { shape: [3, 2], values: [1, 2, 3, 4, 5, 6] };
  const { picked, rows, dx } = await evaluate(
    ({ input }) => {
      const t = input('x', [3, 2]);
      const picked = gather(t, literal([2, 0, 2, 1, 0, 0, 2, 2], [4, 2]), 0);
      return {
        picked,
        rows: indexSelect(t, literal([1, 1, 0], [3]), 0),
        dx: grad(sum(picked), [t])[0],
      };
    },
    { x: x.values },
  );
  assert.equal([...picked], [5, 2, 5, 4, 1, 2, 5, 6]);
  assert.equal([...rows], [3, 4, 3, 4, 1, 2]);
  assert.equal([...dx], [1, 2, 0, 1, 3, 1]);
  await gradcheck(({ x }) => tanh(gather(x, literal([1, 0, 1, 1, 0, 0], [3, 2]), 1)), { x });
});

test('an index outside the axis gives NaN instead of other data', async () => {
  const { y } = await evaluate(({ input }) => ({ y: gather(input('x', [2]), literal([0, 2, -1], [3]), 0) }), {
    x: [7, 8],
  });
  assert.is(y[0], 7);
  assert.ok(Number.isNaN(y[1]) && Number.isNaN(y[2]));
});

test('stopGradient keeps the value and stops the gradient; grad with a cotangent, and of nothing', async () => {
  const r = await evaluate(
    ({ input }) => {
      const x = input('x', [3]);
      const unused = input('unused', [2]);
      const [dx, dUnused] = grad(sum(mul(stopGradient(square(x)), x)), [x, unused]);
      const [weighted] = grad(square(x), [x], literal([1, 10, 100], [3]));
      const [self] = grad(sum(x), [x]);
      return { dx, dUnused, weighted, self, one: constant(1) };
    },
    { x: [1, 2, 3], unused: [0, 0] },
  );
  assert.equal([...r.dx], [1, 4, 9]);
  assert.equal([...r.dUnused], [0, 0]);
  assert.equal([...r.weighted], [2, 40, 600]);
  assert.equal([...r.self], [1, 1, 1]);
  assert.equal([...r.one], [1]);
});

test('diamonds in a row cost one operation each', async () => {
  const rounds = 60;
  const { y } = await evaluate(
    ({ input }) => {
      let y: Tensor = input('x', [2]);
      for (let i = 0; i < rounds; i++) y = mul(tanh(y), add(y, 0.5));
      return { y };
    },
    { x: [0.3, -0.2] },
  );
  const expected = [0.3, -0.2].map((x) => {
    for (let i = 0; i < rounds; i++) x = Math.tanh(x) * (x + 0.5);
    return x;
  });
  allclose(y, expected, { rtol: 1e-12, atol: 0 });
});

test('a chain of 4,000 operations neither exhausts the stack of grad nor its memory', async () => {
  const { y, dx } = await evaluate(
    ({ input }) => {
      const x = input('x', []);
      let y: Tensor = x;
      for (let i = 0; i < 4_000; i++) y = mul(y, 1 + (i % 2 ? 1e-4 : -1e-4));
      return { y, dx: grad(y, [x])[0] };
    },
    { x: [2] },
  );
  allclose(y, [2 * (1 - 1e-8) ** 2_000], { rtol: 1e-9 });
  allclose(dx, [(1 - 1e-8) ** 2_000], { rtol: 1e-9 });
});

test.run();
