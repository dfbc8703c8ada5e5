// Generated kernels on the backend of this run against the float64 reference: every elementwise operation over
// its domain, every fold, every kind of view, and random expressions over them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/backend/backend.ts';
import { sizeOf } from '../../src/math/shape.ts';
import { applyView, contiguousView, type View, type ViewOperation } from '../../src/math/view.ts';
import type { Expression, GeneratedKernel } from '../../src/program/program.ts';
import { type ElementwiseName, elementwiseOps, type ReductionKind } from '../../src/tape/index.ts';
import { assertClose, Data, openTested, oracle, runGeneratedOn } from '../helpers/kernel-run.ts';

let backend: Backend;
test.before(async () => {
  backend = await openTested();
});
test.after(() => backend.dispose());

type Tolerance = { rtol?: number; atol?: number; scale?: number };

async function compare(
  generated: GeneratedKernel,
  inputs: readonly Float32Array[],
  what: string,
  tolerance: Tolerance,
): Promise<void> {
  const actual = await runGeneratedOn(backend, generated, inputs);
  const expected = await runGeneratedOn(oracle, generated, inputs);
  for (const [i, values] of expected.entries())
    assertClose(actual[i], values, `${what}, output ${i}`, tolerance);
}

const load = (input: number): Expression => ({ kind: 'load', input });
const operation = (op: ElementwiseName, ...args: number[]): Expression => ({
  kind: 'operation',
  op,
  arguments: args,
});

function elementwiseKernel(shape: number[], inputs: View[], element: Expression[]): GeneratedKernel {
  return {
    shape,
    reducedAxes: 0,
    inputs,
    element,
    reductions: [],
    result: [],
    outputs: [element.length - 1],
  };
}

// ---------------------------------------------------------------- operations

const line = (low: number, high: number, count = 200): number[] =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
const powers = (low: number, high: number): number[] => line(low, high).map((e) => 10 ** e);
const bothSigns = (values: number[]): number[] => [...values, ...values.map((v) => -v)];
const anywhere = [...line(-8, 8), 0, ...bothSigns(powers(-30, 1))];

/** Arguments that exercise an operation; one argument unless there are more lists. */
const domains: Record<ElementwiseName, number[][]> = {
  neg: [anywhere],
  abs: [anywhere],
  sign: [anywhere],
  exp: [[...line(-86, 88, 500), ...anywhere]],
  expm1: [[...line(-86, 88, 500), ...anywhere]],
  log: [[...powers(-37, 38), ...line(0.5, 2, 500)]],
  log1p: [[...powers(-30, 38), ...powers(-30, -0.001).map((v) => -v), ...line(-0.9, 2, 300)]],
  sqrt: [[0, ...powers(-30, 30)]],
  square: [anywhere],
  reciprocal: [bothSigns(powers(-30, 30))],
  sin: [[...anywhere, ...line(-1000, 1000, 500)]],
  cos: [[...anywhere, ...line(-1000, 1000, 500)]],
  tanh: [[...anywhere, ...line(-100, 100)]],
  sigmoid: [[...anywhere, ...line(-80, 80)]],
  logSigmoid: [[...anywhere, ...line(-80, 80)]],
  softplus: [[...anywhere, ...line(-80, 80)]],
  relu: [anywhere],
  elu: [[...anywhere, ...line(-80, 80)]],
  erf: [anywhere],
  logGamma: [[...powers(-20, 30), ...line(0.01, 12, 500)]],
  digamma: [[...powers(-15, 30), ...line(0.01, 12, 500)]],
  trigamma: [[...powers(-15, 15), ...line(0.01, 12, 500)]],
  add: [anywhere, [...anywhere].reverse()],
  sub: [anywhere, [...anywhere].reverse()],
  mul: [line(-9, 9), line(4, -5)],
  div: [line(-9, 9), line(4, -5)],
  pow: [
    [...line(0.01, 9), ...line(-4, 4, 9), ...line(-4, 4, 9), ...line(1, 9), 0, 0, 2],
    [...line(6, -5), ...line(3, 3, 9), ...line(-2, -2, 9), ...line(-4, 8), 0, 2, 0],
  ],
  minimum: [line(-9, 9), line(4, -5)],
  maximum: [line(-9, 9), line(4, -5)],
  greater: [
    [1, 2, 3, -0, Number.NaN],
    [2, 2, 2, 0, 1],
  ],
  greaterEqual: [
    [1, 2, 3, -0, Number.NaN],
    [2, 2, 2, 0, 1],
  ],
  equal: [
    [1, 2, 3, -0, Number.NaN],
    [2, 2, 2, 0, 1],
  ],
  where: [
    [0, 1, -2, 0.5],
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ],
  clamp: [line(-3, 3), line(-1, -1), line(2, 2)],
};

/**
 * What may exceed four roundings: trigonometry of large angles and differences near a zero keep an absolute
 * error; pow carries that of its exponent; digamma is a difference of logarithms.
 */
const looser: Partial<Record<ElementwiseName, Tolerance>> = {
  sin: { rtol: 5e-7, atol: 2e-7 },
  cos: { rtol: 5e-7, atol: 2e-7 },
  pow: { rtol: 3e-6 },
  logGamma: { rtol: 1.5e-6 },
  digamma: { rtol: 3e-6 },
  trigamma: { rtol: 1e-6 },
};

for (const name of Object.keys(elementwiseOps) as ElementwiseName[]) {
  test(`elementwise ${name}`, async () => {
    const inputs = domains[name].map((values) => Float32Array.from(values));
    const count = inputs[0].length;
    const element = [...inputs.map((_, i) => load(i)), operation(name, ...inputs.keys())];
    const views = inputs.map(() => contiguousView([count]));
    const kernel = elementwiseKernel([count], views, element);
    // Below the normal range an adapter may flush to zero.
    await compare(kernel, inputs, name, { rtol: 5e-7, atol: 1.2e-38, ...looser[name] });
  });
}

test('NaN is not turned into a number', async () => {
  const nan = Float32Array.of(Number.NaN, Number.NaN);
  const one = Float32Array.of(1, -1);
  const views = [contiguousView([2]), contiguousView([2])];
  for (const name of ['minimum', 'maximum', 'add', 'mul'] as const) {
    const kernel = elementwiseKernel([2], views, [load(0), load(1), operation(name, 0, 1)]);
    for (const inputs of [
      [nan, one],
      [one, nan],
    ]) {
      const [y] = await runGeneratedOn(backend, kernel, inputs);
      assert.ok(Number.isNaN(y[0]) && Number.isNaN(y[1]), `${name} gives ${y}`);
    }
  }
  for (const name of [
    'relu',
    'elu',
    'exp',
    'expm1',
    'log',
    'log1p',
    'tanh',
    'sigmoid',
    'softplus',
    'sin',
    'logGamma',
  ] as const) {
    const [y] = await runGeneratedOn(
      backend,
      elementwiseKernel([2], [views[0]], [load(0), operation(name, 0)]),
      [nan],
    );
    assert.ok(Number.isNaN(y[0]), `${name} gives ${y[0]}`);
  }
});

test('special values at the ends of the domains', async () => {
  const cases: [ElementwiseName, number, number][] = [
    ['exp', -200, 0],
    ['exp', 200, Number.POSITIVE_INFINITY],
    ['exp', Number.NEGATIVE_INFINITY, 0],
    ['expm1', Number.NEGATIVE_INFINITY, -1],
    ['expm1', 200, Number.POSITIVE_INFINITY],
    ['log', 0, Number.NEGATIVE_INFINITY],
    ['log', -1, Number.NaN],
    ['log', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ['log1p', -1, Number.NEGATIVE_INFINITY],
    ['tanh', 1e30, 1],
    ['tanh', -1e30, -1],
    ['sigmoid', -1e30, 0],
    ['softplus', 1e30, Math.fround(1e30)],
    ['logSigmoid', -1e30, -Math.fround(1e30)],
    ['logGamma', -1, Number.NaN],
    ['erf', 1e10, 1],
  ];
  for (const [name, x, expected] of cases) {
    const kernel = elementwiseKernel([1], [contiguousView([1])], [load(0), operation(name, 0)]);
    const [y] = await runGeneratedOn(backend, kernel, [Float32Array.of(x)]);
    assert.ok(Object.is(y[0], expected), `${name}(${x}) is ${y[0]}, not ${expected}`);
  }
});

test('literals arrive whole, also those WGSL has no literal for', async () => {
  const values = [
    0.1,
    -0,
    3,
    1e-30,
    -2.5e20,
    3.4028234663852886e38,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ];
  for (const value of values) {
    const kernel = elementwiseKernel([3], [], [{ kind: 'literal', value }]);
    const [y] = await runGeneratedOn(backend, kernel, []);
    assert.ok(Object.is(y[2], Math.fround(value)), `${value} became ${y[2]}`);
  }
});

// ---------------------------------------------------------------- views

const apply = (view: View, ...operations: ViewOperation[]): View =>
  operations.reduce((v, each) => applyView(v, each) as View, view);

test('views: transposed, broadcast, sliced with steps, padded, and padded then sliced', async () => {
  const data = new Data(20);
  const views: [string, View, number][] = [
    ['transposed', apply(contiguousView([7, 5]), { kind: 'transpose', permutation: [1, 0] }), 35],
    ['broadcast', apply(contiguousView([5, 1]), { kind: 'broadcast', shape: [5, 7] }), 5],
    [
      'sliced',
      apply(contiguousView([9, 20]), { kind: 'slice', begin: [2, 1], size: [5, 7], step: [1, 2] }),
      180,
    ],
    ['padded', apply(contiguousView([2, 3]), { kind: 'pad', begin: [2, 1], size: [5, 7], step: [1, 2] }), 6],
    [
      'padded, sliced',
      apply(
        contiguousView([4, 4]),
        { kind: 'pad', begin: [1, 3], size: [8, 20], step: [2, 3] },
        { kind: 'slice', begin: [3, 5], size: [5, 7], step: [1, 1] },
      ),
      16,
    ],
    ['scalar', apply(contiguousView([]), { kind: 'broadcast', shape: [5, 7] }), 1],
  ];
  for (const [what, view, count] of views) {
    const kernel = elementwiseKernel(
      [5, 7],
      [view, contiguousView([5, 7])],
      [load(0), load(1), operation('add', 0, 1)],
    );
    await compare(kernel, [data.normal(count), data.normal(35)], what, { rtol: 1e-7, atol: 1e-7 });
  }
});

// ---------------------------------------------------------------- folds

const kinds: ReductionKind[] = ['sum', 'max', 'min', 'logSumExp', 'argMax'];

for (const kind of kinds) {
  test(`reduction ${kind}, short and long`, async () => {
    const data = new Data(21);
    for (const shape of [
      [1, 1],
      [3, 7],
      [65, 255],
      [1, 256],
      [7, 257],
      [2, 5000],
      [70, 4, 64],
    ]) {
      for (const reducedAxes of shape.length === 3 ? [1, 2, 3] : [1, 2]) {
        const view = contiguousView(shape);
        const kernel: GeneratedKernel = {
          shape,
          reducedAxes,
          inputs: [view],
          element: [load(0)],
          reductions: [{ kind, value: 0 }],
          result: [{ kind: 'reduced', index: 0 }],
          outputs: [0],
        };
        // Whole numbers repeat, so that the first maximum must win.
        const x = kind === 'argMax' ? data.integers(sizeOf(shape), 50) : data.normal(sizeOf(shape), 30);
        // A sum's error follows its terms: 30·√n at most here.
        await compare(kernel, [x], `${kind} ${shape}`, { rtol: 2e-6, atol: kind === 'sum' ? 3e-3 : 1e-6 });
      }
    }
  });
}

test('reductions of infinities, and log-sum-exp beyond the range of exp', async () => {
  const inf = Number.POSITIVE_INFINITY;
  const rows = [
    [-inf, -inf, -inf],
    [-inf, 3, -inf],
    [1000, 1001, -1000],
    [-2000, -2000, -2001],
    [inf, 1, 2],
  ];
  for (const repeat of [1, 100]) {
    const shape = [rows.length, 3 * repeat];
    const x = Float32Array.from(rows.flatMap((row) => Array.from({ length: repeat }, () => row).flat()));
    const kernel: GeneratedKernel = {
      shape,
      reducedAxes: 1,
      inputs: [contiguousView(shape)],
      element: [load(0)],
      reductions: kinds.slice(1).map((kind) => ({ kind, value: 0 })),
      result: kinds.slice(1).map((_, index): Expression => ({ kind: 'reduced', index })),
      outputs: [0, 1, 2, 3],
    };
    await compare(kernel, [x], `${repeat} times`, { rtol: 1e-6 });
  }
});

test('a softmax-like kernel: two reductions, loads in the result, several outputs', async () => {
  const data = new Data(22);
  for (const [rows, columns] of [
    [5, 9],
    [3, 300],
  ]) {
    const kernel: GeneratedKernel = {
      shape: [rows, columns],
      reducedAxes: 1,
      inputs: [
        contiguousView([rows, columns]),
        apply(contiguousView([columns]), { kind: 'broadcast', shape: [rows, columns] }),
        contiguousView([rows]),
      ],
      element: [load(0), load(1), operation('mul', 0, 1), operation('tanh', 2)],
      reductions: [
        { kind: 'logSumExp', value: 2 },
        { kind: 'sum', value: 3 },
      ],
      result: [
        { kind: 'reduced', index: 0 },
        { kind: 'reduced', index: 1 },
        load(2),
        operation('sub', 0, 2),
        operation('mul', 1, 2),
      ],
      outputs: [3, 4],
    };
    const inputs = [data.normal(rows * columns, 3), data.normal(columns), data.normal(rows)];
    await compare(kernel, inputs, `${rows}×${columns}`, { rtol: 2e-6, atol: 1e-5 });
  }
});

// ---------------------------------------------------------------- random kernels

const anyUnary: ElementwiseName[] = [
  'neg',
  'abs',
  'sign',
  'square',
  'sin',
  'cos',
  'tanh',
  'sigmoid',
  'softplus',
  'relu',
  'elu',
  'erf',
  'logSigmoid',
];
const anyBinary: ElementwiseName[] = ['add', 'sub', 'mul', 'minimum', 'maximum', 'greater', 'equal'];

function randomView(data: Data, shape: readonly number[]): { view: View; count: number } {
  const rank = shape.length;
  switch (data.below(4)) {
    case 0: {
      const from = shape.map((extent) => (data.below(2) ? 1 : extent));
      return { view: apply(contiguousView(from), { kind: 'broadcast', shape }), count: sizeOf(from) };
    }
    case 1: {
      const permutation = [...shape.keys()].reverse();
      const from = permutation.map((axis) => shape[axis]);
      return { view: apply(contiguousView(from), { kind: 'transpose', permutation }), count: sizeOf(from) };
    }
    case 2: {
      const step = shape.map(() => 1 + data.below(3));
      const begin = shape.map(() => data.below(3));
      const from = shape.map((extent, i) => begin[i] + extent * step[i]);
      return {
        view: apply(contiguousView(from), { kind: 'slice', begin, size: shape, step }),
        count: sizeOf(from),
      };
    }
    default: {
      const axis = data.below(rank);
      const small = shape.map((extent, i) => (i === axis ? Math.ceil(extent / 3) : extent));
      const begin = shape.map((_, i) => (i === axis ? data.below(2) : 0));
      const step = shape.map((extent, i) => (i === axis && begin[i] + 2 * (small[i] - 1) < extent ? 2 : 1));
      const fits = begin[axis] + (small[axis] - 1) * step[axis] < shape[axis];
      if (!fits) return { view: contiguousView(shape), count: sizeOf(shape) };
      return {
        view: apply(contiguousView(small), { kind: 'pad', begin, size: shape, step }),
        count: sizeOf(small),
      };
    }
  }
}

function randomKernel(data: Data): { generated: GeneratedKernel; inputs: Float32Array[] } {
  const rank = 1 + data.below(4);
  const shape = Array.from({ length: rank }, () => data.pick([1, 2, 3, 5, 7, 8]));
  if (data.below(4) === 0) shape[rank - 1] = 260;
  const loaded = Array.from({ length: 1 + data.below(4) }, () => randomView(data, shape));
  const element: Expression[] = loaded.map((_, i) => load(i));
  element.push({ kind: 'literal', value: data.uniform(1, -2, 2)[0] });
  for (let i = data.below(8) + 1; i > 0; i--) {
    const at = () => data.below(element.length);
    // tanh keeps values in range, so that tolerances can be absolute.
    const name = data.below(2) ? data.pick(anyBinary) : data.pick(anyUnary);
    element.push(anyBinary.includes(name) ? operation(name, at(), at()) : operation(name, at()));
    element.push(operation('tanh', element.length - 1));
  }
  const last = element.length - 1;
  const reducedAxes = data.below(rank + 1);
  const reductions = reducedAxes
    ? [{ kind: data.pick(['sum', 'max', 'min', 'logSumExp'] as const), value: last }]
    : [];
  const generated: GeneratedKernel = {
    shape,
    reducedAxes,
    inputs: loaded.map(({ view }) => view),
    element,
    reductions,
    result: reducedAxes ? [{ kind: 'reduced', index: 0 }] : [],
    outputs: reducedAxes ? [0] : [last, 0],
  };
  return { generated, inputs: loaded.map(({ count }) => data.normal(count)) };
}

test('random kernels', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const { generated, inputs } = randomKernel(new Data(1000 + seed));
    const points = sizeOf(generated.shape.slice(generated.shape.length - generated.reducedAxes));
    // Comparisons may flip where two roundings meet, but equal inputs make equal results on both sides.
    await compare(generated, inputs, `seed ${seed}`, { rtol: 1e-5, atol: 2e-6 * Math.max(1, points / 8) });
  }
});

test.run();
