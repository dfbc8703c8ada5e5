import { test } from 'uvu';
import { activations } from '../../src/kernels/index.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { elementwiseOps } from '../../src/tape/index.ts';
import { close, dot, finiteDifferences, runKernel } from '../helpers/cpu-run.ts';

const random = new PhiloxStream(2);
const normals = (count: number, scale = 1) =>
  Float64Array.from({ length: count }, () => scale * random.nextNormal());

const scalar = (name: 'relu' | 'tanh' | 'sigmoid' | 'elu' | 'softplus', x: number): number =>
  elementwiseOps[name].scalar?.(x, 0, 0) as number;

/** Activations from their formulas, independent of the kernels. */
const reference: Record<(typeof activations)[number], (x: number) => number> = {
  identity: (x) => x,
  relu: (x) => scalar('relu', x),
  tanh: (x) => scalar('tanh', x),
  silu: (x) => x * scalar('sigmoid', x),
  elu: (x) => scalar('elu', x),
  softplus: (x) => scalar('softplus', x),
  gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

interface Case {
  readonly nets: number;
  readonly rows: number;
  readonly dims: readonly number[];
  readonly activation: number;
  /** Width of the second segment, and how many rows it has; 0 is one segment. */
  readonly second: number;
  readonly secondRows: number;
}

function setUp({ nets, rows, dims, activation, second, secondRows }: Case) {
  const layers = dims.length - 1;
  const x0Width = dims[0] - second;
  const [x0Offset, x0Stride, x1Offset, x1Stride] = [3, x0Width + 2, 1, second + 1];
  const shared = { nets, rows, layers, activation };
  const widths = Object.fromEntries(dims.map((width, i) => [`d${i}`, width]));
  const segments = {
    ...{ x0Offset, x0Stride, x0Rows: rows, x0Width },
    ...{ x1Offset, x1Stride, x1Rows: second ? secondRows : 0, x1Width: second },
  };
  const parameterCount = dims.slice(1).reduce((sum, out, i) => sum + (dims[i] + 1) * out, 0);
  const savedCount = nets * rows * dims.slice(1, -1).reduce((sum, width) => sum + width, 0);
  const x0 = normals(x0Offset + rows * x0Stride);
  const x1 = normals(x1Offset + (second ? secondRows : 1) * x1Stride);
  const parameters = normals(nets * parameterCount, 0.6);
  const g = normals(nets * rows * dims[layers]);
  const forwardParams = { ...shared, storeSaved: 1, ...segments, ...widths };
  const forward = (p: Float64Array, a: Float64Array, b: Float64Array) =>
    runKernel('mlp_forward', forwardParams, {
      ...{ x0: a, x1: b, parameters: p },
      ...{ y: nets * rows * dims[layers], saved: savedCount },
    });
  const loss = async (p: Float64Array, a: Float64Array, b: Float64Array) =>
    dot((await forward(p, a, b)).y, g);
  return {
    layers,
    shared,
    widths,
    segments,
    parameterCount,
    savedCount,
    x0,
    x1,
    parameters,
    g,
    forward,
    loss,
  };
}

/** One row of one network, layer by layer, with plain loops. */
function plainNetwork(
  row: readonly number[],
  parameters: ArrayLike<number>,
  offset: number,
  dims: readonly number[],
  f: (x: number) => number,
): number[] {
  let h = [...row];
  let at = offset;
  for (let layer = 0; layer + 1 < dims.length; layer++) {
    const [inputs, outputs] = [dims[layer], dims[layer + 1]];
    const z = Array.from({ length: outputs }, (_, o) => {
      let sum = parameters[at + inputs * outputs + o];
      for (let i = 0; i < inputs; i++) sum += h[i] * parameters[at + i * outputs + o];
      return sum;
    });
    at += (inputs + 1) * outputs;
    h = layer === dims.length - 2 ? z : z.map(f);
  }
  return h;
}

const cases: Case[] = [
  ...activations.map((_, activation) => ({
    nets: 2,
    rows: 5,
    dims: [5, 6, 3, 2],
    activation,
    second: 2,
    secondRows: 5,
  })),
  { nets: 1, rows: 6, dims: [3, 4, 1], activation: 2, second: 0, secondRows: 0 },
  { nets: 2, rows: 6, dims: [4, 5, 1], activation: 3, second: 1, secondRows: 3 },
  { nets: 1, rows: 3, dims: [3, 2], activation: 1, second: 1, secondRows: 1 },
  { nets: 1, rows: 67, dims: [2, 3, 1], activation: 2, second: 0, secondRows: 0 },
];

for (const setting of cases) {
  const { nets, rows, dims, activation, second, secondRows } = setting;
  const name = `mlp ${nets}×[${dims}] ${activations[activation]}, ${rows} rows, second segment ${second}×${secondRows}`;
  test(`${name}: forward and backward`, async () => {
    const s = setUp(setting);
    const { y, saved } = await s.forward(s.parameters, s.x0, s.x1);
    const expected: number[] = [];
    for (let net = 0; net < nets; net++) {
      for (let r = 0; r < rows; r++) {
        const { x0Offset, x0Stride, x0Width, x1Offset, x1Stride } = s.segments;
        const at = x0Offset + r * x0Stride;
        const at1 = x1Offset + (second ? r % secondRows : 0) * x1Stride;
        const row = [...s.x0.slice(at, at + x0Width), ...s.x1.slice(at1, at1 + second)];
        expected.push(
          ...plainNetwork(
            row,
            s.parameters,
            net * s.parameterCount,
            dims,
            reference[activations[activation]],
          ),
        );
      }
    }
    close(y, expected, 'y');

    const backward = await runKernel(
      'mlp_backward_inputs',
      {
        ...{ ...s.shared, ...s.widths, storeDz: 1, storeDx0: 1, storeDx1: second ? 1 : 0 },
        ...{ x0Width: s.segments.x0Width, x1Width: second },
      },
      {
        ...{ dy: s.g, parameters: s.parameters, saved, dz: s.savedCount },
        ...{ dx0: rows * s.segments.x0Width, dx1: rows * second },
      },
    );
    const weights = await runKernel(
      'mlp_backward_weights',
      { ...s.shared, ...s.segments, ...s.widths },
      { x0: s.x0, x1: s.x1, saved, dz: backward.dz, dy: s.g, dparameters: nets * s.parameterCount },
    );
    const tolerance = { rtol: 1e-6, atol: 1e-7 };
    const byParameters = await finiteDifferences((p) => s.loss(p, s.x0, s.x1), s.parameters);
    close(weights.dparameters, byParameters, 'dparameters', tolerance);

    // Compare through the segments' strides; what lies between rows has no gradient.
    const byX0 = await finiteDifferences((x) => s.loss(s.parameters, x, s.x1), s.x0);
    const { x0Offset, x0Stride, x0Width, x1Offset, x1Stride } = s.segments;
    const inX0 = new Float64Array(s.x0.length);
    backward.dx0.forEach((v, i) => {
      inX0[x0Offset + Math.floor(i / x0Width) * x0Stride + (i % x0Width)] += v;
    });
    close(inX0, byX0, 'dx0', tolerance);
    if (second) {
      const byX1 = await finiteDifferences((x) => s.loss(s.parameters, s.x0, x), s.x1);
      const inX1 = new Float64Array(s.x1.length);
      backward.dx1.forEach((v, i) => {
        inX1[x1Offset + (Math.floor(i / second) % secondRows) * x1Stride + (i % second)] += v;
      });
      close(inX1, byX1, 'dx1', tolerance);
      // Each segment alone gives the same numbers as both together.
      const alone = await runKernel(
        'mlp_backward_inputs',
        { ...s.shared, ...s.widths, storeDx1: 1, x0Width, x1Width: second },
        { dy: s.g, parameters: s.parameters, saved, dx1: rows * second },
      );
      close(alone.dx1, backward.dx1, 'dx1 alone');
    }
  });
}

test('f32 storage agrees with f64 to float32 rounding', async () => {
  const s = setUp({ nets: 2, rows: 70, dims: [4, 33, 32, 1], activation: 2, second: 0, secondRows: 0 });
  const params = { ...s.shared, storeSaved: 1, ...s.segments, ...s.widths };
  const bindings = { x0: s.x0, parameters: s.parameters, y: 140, saved: s.savedCount };
  const wide = await runKernel('mlp_forward', params, bindings);
  const narrow = await runKernel('mlp_forward', params, bindings, 'f32');
  close(narrow.y, wide.y, 'y', { rtol: 1e-5, atol: 1e-5 });
});

test.run();
