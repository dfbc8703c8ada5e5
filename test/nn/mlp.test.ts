// Networks: the fused kernels, those of a layer and the tiled path give the same numbers, and those are the formula's.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ShapeError, UsageError } from '../../src/errors.ts';
import {
  type Activation,
  activate,
  activations,
  type MlpOptions,
  mlp,
  parameterCount,
} from '../../src/nn/index.ts';
import { bufferOf } from '../../src/program/program.ts';
import {
  grad,
  literal,
  type MlpKernels,
  mul,
  read,
  State,
  slice,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { type Body, evaluate, exactDevice, lowered } from '../helpers/devices.ts';
import { gradcheck, normals, randomInput } from '../helpers/gradcheck.ts';

interface Case {
  readonly options: MlpOptions;
  /** Shapes of the segments; their widths add up to the inputs. */
  readonly segments: readonly (readonly number[])[];
}

/** Output, and the gradients of its weighted sum in the parameters and every segment. */
async function everything({ options, segments }: Case, mode: MlpKernels) {
  const network = mlp(options);
  const inputs = Object.fromEntries(segments.map((shape, i) => [`x${i}`, randomInput(shape, 20 + i)]));
  const body = ({ input }: { input: (name: string, shape: readonly number[]) => Tensor }) => {
    const xs = Object.entries(inputs).map(([name, { shape }]) => input(name, shape));
    const parameters = read(network.parameters);
    const y = network(...xs);
    const loss = sum(mul(y, literal(normals(y.size, 30), y.shape)));
    const [dParameters, ...dx] = grad(loss, [parameters, ...xs]);
    return { y, dParameters, ...Object.fromEntries(dx.map((g, i) => [`dx${i}`, g])) };
  };
  const data = Object.fromEntries(Object.entries(inputs).map(([name, { values }]) => [name, values]));
  const labels = lowered(body, { mlp: mode }).steps.map((step) => step.label);
  const isFused = labels.includes('mlp');
  return { isFused, values: (await evaluate(body, data, { mlp: mode })) as Record<string, Float64Array> };
}

const cases: Readonly<Record<string, Case>> = {
  'widths of 1': { options: { inputs: 1, hidden: [1], outputs: 1 }, segments: [[1, 1]] },
  'no hidden layer': { options: { inputs: 3, hidden: [], outputs: 2 }, segments: [[5, 3]] },
  primes: {
    options: { inputs: 5, hidden: [7, 13, 11], outputs: 3, activation: 'tanh' },
    segments: [[17, 5]],
  },
  'twelve layers': {
    options: { inputs: 2, hidden: [3, 4, 5, 4, 3, 2, 6, 7, 3, 4, 5], outputs: 1, activation: 'silu' },
    segments: [[9, 2]],
  },
  wide: { options: { inputs: 2, hidden: [521], outputs: 1, activation: 'gelu' }, segments: [[3, 2]] },
  'two networks': { options: { inputs: 3, hidden: [6, 5], outputs: 2, nets: 2 }, segments: [[9, 3]] },
  'two segments': {
    options: { inputs: 5, hidden: [6], outputs: 1, activation: 'elu' },
    segments: [
      [4, 3],
      [4, 2],
    ],
  },
  'states against samples': {
    options: { inputs: 5, hidden: [6, 4], outputs: 1, nets: 2, activation: 'softplus' },
    segments: [
      [4, 3],
      [3, 4, 2],
    ],
  },
  'samples first': {
    options: { inputs: 3, hidden: [4], outputs: 2, activation: 'tanh' },
    segments: [
      [2, 5, 1],
      [5, 2],
    ],
  },
  'more leading axes': { options: { inputs: 2, hidden: [3], outputs: 1 }, segments: [[2, 3, 4, 2]] },
};

for (const [name, setting] of Object.entries(cases)) {
  test(`fused and tiled agree: ${name}`, async () => {
    const [fused, tiled] = [await everything(setting, 'fused'), await everything(setting, 'tiled')];
    assert.ok(fused.isFused && !tiled.isFused);
    for (const [part, values] of Object.entries(tiled.values))
      allclose(fused.values[part], values, { rtol: 1e-11, atol: 1e-12 }, part);
  });
}

test('segments that lie side by side in the same rows are read as one, others as they lie', async () => {
  const network = mlp({ inputs: 5, hidden: [4], outputs: 1, nets: 2, activation: 'tanh' });
  const rows = randomInput([6, 9], 40);
  const part = (x: Tensor, [from, to, last = 6]: readonly number[]) => slice(x, [0, from], [last, to]);
  const segmentsRead = async (...parts: (readonly number[])[]): Promise<number> => {
    const body: Body = ({ input }) => {
      const x = input('x', [6, 9]);
      const parameters = read(network.parameters);
      const y = network(...parts.map((range) => part(x, range)));
      return { y, dParameters: grad(sum(mul(y, literal(normals(y.size, 41), y.shape))), [parameters])[0] };
    };
    const evaluated = (mode: MlpKernels) => evaluate(body, { x: rows.values }, { mlp: mode });
    const tiled = await evaluated('tiled');
    for (const [name, values] of Object.entries(await evaluated('fused')))
      allclose(values, tiled[name], { rtol: 1e-11, atol: 1e-12 }, name);
    const counts = lowered(body).steps.flatMap((step) => {
      if (step.kind !== 'kernel' || !/^mlp_(forward|backward_weights)$/.test(step.kernel)) return [];
      assert.is(bufferOf(step, 'x1') >= 0, (step.params.x1Width ?? 0) > 0);
      return [bufferOf(step, 'x1') < 0 ? 1 : 2];
    });
    assert.is(counts.length, 2);
    assert.is(counts[0], counts[1]);
    return counts[0];
  };
  assert.is(await segmentsRead([1, 4], [4, 6]), 1);
  assert.is(await segmentsRead([0, 1], [1, 5]), 1);
  assert.is(await segmentsRead([4, 6], [1, 4]), 2, 'in the other order');
  assert.is(await segmentsRead([1, 4], [5, 7]), 2, 'with something between');
  assert.is(await segmentsRead([1, 4, 1], [4, 6]), 2, 'one row for all beside each its own');
});

test('what does not fit the fused kernels takes the tiled path by itself', async () => {
  const deep: MlpOptions = { inputs: 2, hidden: Array<number>(12).fill(3), outputs: 1 };
  const threeSegments: Case = {
    options: { inputs: 3, hidden: [4], outputs: 1 },
    segments: [
      [2, 1],
      [2, 1],
      [2, 1],
    ],
  };
  for (const setting of [
    { options: deep, segments: [[3, 2]] },
    { options: { ...deep, hidden: [4], layerNorm: true }, segments: [[3, 2]] },
    threeSegments,
  ]) {
    const [asked, tiled] = [await everything(setting, 'fused'), await everything(setting, 'tiled')];
    assert.not.ok(asked.isFused);
    allclose(asked.values.y, tiled.values.y, { rtol: 0, atol: 0 });
  }
});

test('a device bounds the width of whole networks', () => {
  const network = mlp({ inputs: 2, hidden: [257], outputs: 1 });
  const first = (options: { mlp: MlpKernels; fusedWidth?: number }): string => {
    const [step] = lowered(({ input }) => ({ y: network(input('x', [3, 2])) }), options).steps;
    return step.kind === 'generated' ? step.kind : step.kernel;
  };
  assert.is(first({ mlp: 'fused' }), 'mlp_forward');
  assert.is(first({ mlp: 'fused', fusedWidth: 257 }), 'mlp_forward');
  assert.is(first({ mlp: 'fused', fusedWidth: 256 }), 'matmul');
});

test('the forward pass is the formula, layer by layer', async () => {
  const options: MlpOptions = { inputs: 3, hidden: [5], outputs: 2, nets: 2, activation: 'tanh', seed: 4 };
  const network = mlp(options);
  const x = randomInput([4, 3], 3);
  const { y } = await evaluate(({ input }) => ({ y: network(input('x', [4, 3])) }), { x: x.values });
  const flat = network.parameters.initial as Float32Array;
  const count = parameterCount([3, 5, 2]);
  const expected: number[] = [];
  for (let net = 0; net < 2; net++) {
    const get = (name: string) => {
      const entry = network.entries.find((candidate) => candidate.name === name);
      if (!entry) throw new Error(`no ${name}`);
      return flat.subarray(net * count + entry.offset);
    };
    for (let row = 0; row < 4; row++) {
      const hidden = Array.from({ length: 5 }, (_, o) => {
        let z = get('b0')[o];
        for (let i = 0; i < 3; i++) z += x.values[row * 3 + i] * get('W0')[i * 5 + o];
        return Math.tanh(z);
      });
      for (let o = 0; o < 2; o++)
        expected.push(hidden.reduce((z, h, i) => z + h * get('W1')[i * 2 + o], get('b1')[o]));
    }
  }
  allclose(y, expected, { rtol: 1e-12, atol: 1e-13 });
});

test('every activation: gradients by differences, fused and tiled, with and without layer normalisation', async () => {
  for (const activation of activations) {
    for (const mode of ['fused', 'tiled', 'norm'] as const) {
      const network = mlp({
        inputs: 3,
        hidden: [4, 3],
        outputs: 2,
        nets: 2,
        activation,
        layerNorm: mode === 'norm',
      });
      const count = network.parameters.shape[1];
      const parameters = { shape: [2, count], values: normals(2 * count, 6, 0.7) };
      // The parameters as a state that holds the input: differences then move them like any input.
      await gradcheck(
        ({ a, b }) => network(a, b),
        { a: randomInput([3, 1], 1), b: randomInput([2, 3, 2], 2) },
        { mlp: mode === 'fused' ? 'fused' : 'tiled', rtol: 1e-5, atol: 1e-7 },
      );
      const run = await lossAndGradient(network, mode);
      const { loss, g } = await run(parameters.values);
      const numeric = new Float64Array(g.length);
      for (let i = 0; i < g.length; i += 3) {
        const at = async (by: number) => {
          const moved = parameters.values.slice();
          moved[i] += by;
          return (await run(moved)).loss;
        };
        numeric[i] = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
        allclose([g[i]], [numeric[i]], { rtol: 1e-5, atol: 1e-7 }, `${activation} ${mode} parameter ${i}`);
      }
      assert.ok(Number.isFinite(loss));
    }
  }
});

async function lossAndGradient(network: ReturnType<typeof mlp>, mode: string) {
  const device = exactDevice();
  const update = await device.compile(
    ({ input }) => {
      const y = network(input('x', [3, 3]));
      const loss = sum(mul(y, literal(normals(y.size, 8), y.shape)));
      return { loss, g: grad(loss, [read(network.parameters)])[0] };
    },
    { mlp: mode === 'fused' ? 'fused' : 'tiled' },
  );
  update.write({ x: normals(9, 5) });
  return async (parameters: Float64Array) => {
    device.write(network.parameters, parameters);
    update.run();
    return { loss: await update.readScalar('loss'), g: Float64Array.from(await update.read('g')) };
  };
}

test('activations as operations: the value that kernels know by number', async () => {
  const x = [-2, -0.1, 0, 0.1, 2];
  const formulas: Readonly<Record<Activation, (v: number) => number>> = {
    identity: (v) => v,
    relu: (v) => Math.max(v, 0),
    tanh: Math.tanh,
    silu: (v) => v / (1 + Math.exp(-v)),
    elu: (v) => (v > 0 ? v : Math.exp(v) - 1),
    softplus: (v) => Math.log(1 + Math.exp(v)),
    gelu: (v) => (v / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  };
  for (const activation of activations) {
    const { y } = await evaluate(({ input }) => ({ y: activate(activation, input('x', [5])) }), { x });
    allclose(y, x.map(formulas[activation]), { rtol: 1e-14, atol: 1e-16 }, activation);
  }
});

test('parameters: layout, bounds of the initial values, seeds', () => {
  const network = mlp({ inputs: 3, hidden: [40, 20], outputs: 2, nets: 2, seed: 1, name: 'pi' });
  assert.equal(network.entries, [
    { name: 'W0', offset: 0, shape: [3, 40] },
    { name: 'b0', offset: 120, shape: [40] },
    { name: 'W1', offset: 160, shape: [40, 20] },
    { name: 'b1', offset: 960, shape: [20] },
    { name: 'W2', offset: 980, shape: [20, 2] },
    { name: 'b2', offset: 1020, shape: [2] },
  ]);
  assert.is(parameterCount([3, 40, 20, 2]), 1022);
  assert.equal(network.parameters.shape, [2, 1022]);
  assert.is(network.parameters.name, 'pi.parameters');
  const values = network.parameters.initial as Float32Array;
  for (let net = 0; net < 2; net++) {
    network.entries.forEach(({ offset, shape }, i) => {
      const bound = 1 / Math.sqrt([3, 40, 20][Math.floor(i / 2)]);
      const part = values.subarray(net * 1022 + offset, net * 1022 + offset + shape.reduce((a, b) => a * b));
      const largest = Math.max(...part.map(Math.abs));
      assert.ok(largest <= Math.fround(bound), `${i}: ${largest} > ${bound}`);
      if (part.length >= 20) {
        assert.ok(largest > 0.85 * bound, `${i}: ${largest} is far below ${bound}`);
        const mean = part.reduce((a, b) => a + b) / part.length;
        assert.ok(Math.abs(mean) < (4 * bound) / Math.sqrt(3 * part.length), `${i}: mean ${mean}`);
      }
    });
  }
  assert.not.equal(values.slice(0, 1022), values.slice(1022), 'the two networks differ');
  const other = (seed: number) => mlp({ inputs: 3, hidden: [4], outputs: 1, seed }).parameters.initial;
  assert.equal(other(5), other(5));
  assert.not.equal(other(5), other(6));
  const normed = mlp({ inputs: 3, hidden: [4], outputs: 1, layerNorm: true });
  const gamma = normed.entries.find(({ name }) => name === 'gamma0');
  assert.equal(
    [...(normed.parameters.initial as Float32Array).slice(gamma?.offset, (gamma?.offset ?? 0) + 8)],
    [1, 1, 1, 1, 0, 0, 0, 0],
  );
});

test('the same network on other parameters; wrong ones and wrong widths are refused', async () => {
  const network = mlp({ inputs: 2, hidden: [3], outputs: 1 });
  const zero = new State('zero', network.parameters.shape);
  const { y, z } = await evaluate(
    ({ input }) => {
      const x = input('x', [2, 2]);
      return { y: network(x), z: network.withParameters(zero)(x) };
    },
    { x: [1, 2, 3, 4] },
  );
  assert.equal([...z], [0, 0]);
  assert.ok(y.some((v) => v !== 0));
  assert.throws(
    () => network.withParameters(new State('small', [1, 3])),
    (e: Error) => e instanceof UsageError,
  );
  assert.throws(() => mlp({ inputs: 2, hidden: [0], outputs: 1 }), /whole numbers from 1; got 2-0-1/);
  const wrong = (shape: number[]) => () => lowered(({ input }) => ({ y: network(input('x', shape)) }));
  assert.throws(
    wrong([4, 3]),
    (e: Error) => e instanceof ShapeError && /\[batch, 2\] in all/.test(e.message),
  );
  assert.throws(wrong([2]), (e: Error) => e instanceof ShapeError);
  assert.throws(
    () =>
      lowered(({ input }) => ({
        y: mlp({ inputs: 4, hidden: [3], outputs: 1 })(input('a', [4, 2]), input('b', [3, 2])),
      })),
    /leading axes do not broadcast/,
  );
});

test.run();
