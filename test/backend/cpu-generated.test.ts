import { test } from 'uvu';
import { PhiloxStream } from '../../src/math/philox.ts';
import { sizeOf } from '../../src/math/shape.ts';
import { contiguousView, type View, type ViewAxis } from '../../src/math/view.ts';
import type { Expression, GeneratedKernel } from '../../src/program/program.ts';
import { type ElementwiseName, elementwiseOps, type ReductionKind } from '../../src/tape/index.ts';
import { close, runGenerated } from '../helpers/cpu-run.ts';

const random = new PhiloxStream(5);
const pick = <T>(items: readonly T[]): T => items[random.nextInt(items.length)];
const normals = (count: number) => Float64Array.from({ length: count }, () => random.nextNormal());

/** One element of a view, straight from its definition. */
function elementOf(source: ArrayLike<number>, view: View, point: readonly number[]): number {
  let address = view.offset;
  for (const [i, axis] of view.axes.entries()) {
    const at = (point[i] - axis.begin) / axis.step;
    if (!Number.isInteger(at) || at < 0 || at >= axis.count) return 0;
    address += at * axis.stride;
  }
  return source[address];
}

/** The scalar function with just the arguments it is given: Math.min and Math.max take any number. */
const scalarOf = (op: ElementwiseName) => elementwiseOps[op].scalar as (...x: number[]) => number;

function evaluate(
  list: readonly Expression[],
  load: (input: number) => number,
  reduced: readonly number[],
): number[] {
  const values: number[] = [];
  for (const e of list) {
    if (e.kind === 'literal') values.push(e.value);
    else if (e.kind === 'load') values.push(load(e.input));
    else if (e.kind === 'reduced') values.push(reduced[e.index]);
    else {
      values.push(scalarOf(e.op)(...e.arguments.map((i) => values[i])));
    }
  }
  return values;
}

const reductions: Record<ReductionKind, (x: number[]) => number> = {
  sum: (x) => x.reduce((total, v) => total + v, 0),
  max: (x) => Math.max(...x),
  min: (x) => Math.min(...x),
  logSumExp: (x) => {
    const largest = Math.max(...x);
    if (!Number.isFinite(largest)) return largest;
    return largest + Math.log(x.reduce((total, v) => total + Math.exp(v - largest), 0));
  },
  argMax: (x) => x.indexOf(Math.max(...x)),
};

function* points(shape: readonly number[]): Generator<number[]> {
  for (let i = 0; i < sizeOf(shape); i++) {
    const point: number[] = [];
    let rest = i;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      point.unshift(rest % shape[axis]);
      rest = Math.floor(rest / shape[axis]);
    }
    yield point;
  }
}

/** The kernel as nested loops over single elements. */
function naive(generated: GeneratedKernel, inputs: readonly ArrayLike<number>[]): number[][] {
  const rank = generated.shape.length - generated.reducedAxes;
  const outputs: number[][] = generated.outputs.map(() => []);
  for (const kept of points(generated.shape.slice(0, rank))) {
    const load = (point: number[]) => (i: number) => elementOf(inputs[i], generated.inputs[i], point);
    let values: number[];
    if (generated.reducedAxes) {
      const folded: number[][] = generated.reductions.map(() => []);
      for (const rest of points(generated.shape.slice(rank))) {
        const element = evaluate(generated.element, load([...kept, ...rest]), []);
        generated.reductions.forEach(({ value }, i) => {
          folded[i].push(element[value]);
        });
      }
      const reduced = generated.reductions.map(({ kind }, i) => reductions[kind](folded[i]));
      values = evaluate(generated.result, load(kept), reduced);
    } else values = evaluate(generated.element, load(kept), []);
    generated.outputs.forEach((index, i) => {
      outputs[i].push(values[index]);
    });
  }
  return outputs;
}

/** A random view of the shape: permuted, repeated, stepped or padded axes, with an offset. */
function randomView(shape: readonly number[]): { view: View; size: number } {
  const order = shape.map((_, i) => i).sort(() => random.nextNormal());
  const offset = random.nextInt(3);
  const axes = new Array<ViewAxis>(shape.length);
  const contiguous = random.nextInt(3) === 0;
  if (contiguous) return { view: contiguousView(shape, offset), size: sizeOf(shape) + offset };
  let stride = pick([1, 1, 2]);
  for (const i of order) {
    const size = shape[i];
    const kind = random.nextInt(5);
    if (kind === 0) axes[i] = { size, stride: 0, begin: 0, step: 1, count: size };
    else if (kind === 1) {
      const step = 1 + random.nextInt(2);
      const begin = random.nextInt(3) - 1;
      const count = 1 + random.nextInt(size + 1);
      axes[i] = { size, stride, begin, step, count };
      stride *= count;
    } else {
      axes[i] = { size, stride, begin: 0, step: 1, count: size };
      stride *= size;
    }
  }
  return { view: { axes, offset }, size: offset + stride + 1 };
}

const unary: ElementwiseName[] = [
  'neg',
  'abs',
  'sign',
  'square',
  'tanh',
  'sigmoid',
  'softplus',
  'relu',
  'elu',
  'sin',
  'erf',
];
const binary: ElementwiseName[] = [
  'add',
  'sub',
  'mul',
  'minimum',
  'maximum',
  'greater',
  'greaterEqual',
  'equal',
];

/** Appends random operations to a list of leaves. */
function withOperations(leaves: Expression[], count: number): Expression[] {
  const list = [...leaves];
  for (let i = 0; i < count; i++) {
    const at = () => random.nextInt(list.length);
    const arity = random.nextInt(3);
    if (arity === 0) list.push({ kind: 'operation', op: pick(unary), arguments: [at()] });
    else if (arity === 1) list.push({ kind: 'operation', op: pick(binary), arguments: [at(), at()] });
    else
      list.push({ kind: 'operation', op: pick(['where', 'clamp'] as const), arguments: [at(), at(), at()] });
  }
  return list;
}

function randomKernel(): { generated: GeneratedKernel; inputs: Float64Array[] } {
  const rank = random.nextInt(5);
  const shape = Array.from({ length: rank }, () => pick([1, 2, 3, 5, 6, 17]));
  const reducedAxes = rank === 0 ? 0 : random.nextInt(rank + 1);
  const kept = shape.slice(0, rank - reducedAxes);
  const own = Array.from({ length: 1 + random.nextInt(3) }, () => randomView(shape));
  const late = reducedAxes ? [randomView(kept)] : [];
  const element = withOperations(
    [
      ...own.map((_, input): Expression => ({ kind: 'load', input })),
      { kind: 'literal', value: random.nextNormal() },
    ],
    random.nextInt(8),
  );
  const kinds = ['sum', 'max', 'min', 'logSumExp', 'argMax'] as const;
  const folds = reducedAxes
    ? Array.from({ length: 1 + random.nextInt(3) }, () => ({
        kind: pick(kinds),
        value: random.nextInt(element.length),
      }))
    : [];
  const result = reducedAxes
    ? withOperations(
        [
          ...folds.map((_, index): Expression => ({ kind: 'reduced', index })),
          { kind: 'load', input: own.length },
        ],
        random.nextInt(4),
      )
    : [];
  const last = reducedAxes ? result : element;
  const outputs = Array.from({ length: 1 + random.nextInt(2) }, () => random.nextInt(last.length));
  const inputs = [...own, ...late];
  return {
    generated: {
      shape,
      reducedAxes,
      inputs: inputs.map(({ view }) => view),
      element,
      reductions: folds,
      result,
      outputs,
    },
    inputs: inputs.map(({ size }) => normals(size)),
  };
}

test('300 random kernels equal nested loops', async () => {
  for (let i = 0; i < 300; i++) {
    const { generated, inputs } = randomKernel();
    const expected = naive(generated, inputs);
    const actual = await runGenerated(generated, inputs);
    actual.forEach((values, output) => {
      close(values, expected[output], `kernel ${i} ${JSON.stringify(generated)}`, { rtol: 1e-9, atol: 1e-9 });
    });
  }
});

const reduceAll = (shape: number[], reducedAxes: number): GeneratedKernel => ({
  shape,
  reducedAxes,
  inputs: [contiguousView(shape)],
  element: [{ kind: 'load', input: 0 }],
  reductions: (['sum', 'max', 'min', 'logSumExp', 'argMax'] as const).map((kind) => ({ kind, value: 0 })),
  result: [0, 1, 2, 3, 4].map((index) => ({ kind: 'reduced', index })),
  outputs: [0, 1, 2, 3, 4],
});

for (const shape of [[511], [512], [513], [3, 700], [700, 3], [1300, 1]]) {
  test(`reductions across blocks: [${shape}]`, async () => {
    const generated = reduceAll(shape, 1);
    const inputs = [normals(sizeOf(shape))];
    const expected = naive(generated, inputs);
    (await runGenerated(generated, inputs)).forEach((values, i) => {
      close(values, expected[i], `output ${i}`, { rtol: 1e-10, atol: 1e-10 });
    });
  });
}

test('reductions meet infinities, ties and NaN', async () => {
  const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
  const rows = [
    [-inf, -inf, -inf],
    [-inf, 0, -inf],
    [inf, 1, inf],
    [2, 5, 5],
    [1, nan, 3],
  ];
  const [sum, max, min, lse, argMax] = await runGenerated(reduceAll([5, 3], 1), [rows.flat()]);
  close(sum, [-inf, -inf, inf, 12, nan], 'sum');
  close(max, [-inf, 0, inf, 5, nan], 'max');
  close(min, [-inf, -inf, 1, 2, nan], 'min');
  close(lse, [-inf, 0, inf, 5 + Math.log(2 + Math.exp(-3)), nan], 'logSumExp');
  close(argMax, [0, 1, 0, 1, 2], 'argMax: first of equals');
});

test('every elementwise operation equals its scalar function', async () => {
  const inputs = [0, 1, 2].map(() => normals(20).map((v) => Math.abs(v) + 0.1));
  for (const op of Object.keys(elementwiseOps) as ElementwiseName[]) {
    const arity = scalarOf(op).length;
    const generated: GeneratedKernel = {
      shape: [20],
      reducedAxes: 0,
      inputs: inputs.map(() => contiguousView([20])),
      element: [
        ...inputs.map((_, input): Expression => ({ kind: 'load', input })),
        { kind: 'operation', op, arguments: [0, 1, 2].slice(0, arity) },
      ],
      reductions: [],
      result: [],
      outputs: [3],
    };
    const [y] = await runGenerated(generated, inputs);
    const expected = inputs[0].map((_, i) => scalarOf(op)(...inputs.slice(0, arity).map((x) => x[i])));
    close(y, expected, op, { rtol: 0, atol: 0 });
  }
});

test('an empty reduced axis sums to zero, an empty kernel does nothing', async () => {
  const generated: GeneratedKernel = {
    ...{
      shape: [2, 0],
      reducedAxes: 1,
      inputs: [contiguousView([2, 0])],
      element: [{ kind: 'load', input: 0 }],
    },
    ...{ reductions: [{ kind: 'sum', value: 0 }], result: [{ kind: 'reduced', index: 0 }], outputs: [0] },
  };
  close((await runGenerated(generated, [[]]))[0], [0, 0], 'sum');
});

test.run();
