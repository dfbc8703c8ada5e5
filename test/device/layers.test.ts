// The kernels of single layers on the backend of this run against the float64 reference: alone, as what whole networks
// are taken apart into, and over whole updates. Sizes lie below, at and past a tile. On wasm the same networks whole.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/backend/backend.ts';
import { Device } from '../../src/device.ts';
import { BackendError } from '../../src/errors.ts';
import { type Activation, adam, mlp } from '../../src/nn/index.ts';
import {
  activations,
  gradientTiles,
  LAYER_QUADS,
  LAYER_TILE,
  layerTiles,
  type Params,
  passTiles,
} from '../../src/program/kernels.ts';
import { grad, gradient, literal, mul, read, sum } from '../../src/tape/index.ts';
import { type Body, evaluate, exactDevice, openDevice, testBackend } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';
import { assertClose, Data, openVariant, oracle, runKernelOn, type Start } from '../helpers/kernel-run.ts';

const test = suite('layers');

let device: Device;
let variant: Backend | undefined;
test.before(async () => {
  device = await openDevice();
  variant = await openVariant(device.backend);
});
test.after(async () => {
  await device.dispose();
  await variant?.dispose();
});

test('tiles cover a layer with the least excess, a narrow one by columns', () => {
  for (const [width, columns] of [
    [5, 1],
    [16, 8],
  ]) {
    for (let rows = 1; rows <= 300; rows++) {
      const tiles = layerTiles(rows, width);
      assert.equal([tiles.columns, tiles.rowSharers], [columns, 1]);
      assert.ok(tiles.rows >= 1 && tiles.rows <= LAYER_TILE);
      const down = Math.ceil(rows / LAYER_TILE);
      assert.is(tiles.invocations, (down * width) / columns);
      assert.ok(tiles.rows * down >= rows && (tiles.rows - 1) * down < rows);
      assert.is(tiles.fit, tiles.rows * down === rows);
    }
  }
});

test('quads cover a layer with the least excess, of even edges, where no edge is short', () => {
  for (let rows = 1; rows <= 300; rows++) {
    const { rows: edge, columns, rowSharers: sharers, fit, invocations } = layerTiles(rows, 64, true);
    if (rows < LAYER_QUADS) {
      assert.is(sharers, 1);
      continue;
    }
    assert.equal([columns, sharers], [8, 2]);
    assert.ok(edge % 2 === 0 && edge >= 2 && edge <= LAYER_TILE);
    const down = 2 * Math.ceil(rows / (2 * LAYER_TILE));
    assert.is(invocations, down * 8);
    assert.ok(edge * down >= rows && (edge - 2) * down < rows);
    assert.is(fit, edge * down === rows);
  }
  assert.is(layerTiles(64, LAYER_QUADS - 1, true).rowSharers, 1);
});

test('tiles of a weight gradient cover it, and short edges have equal ones', () => {
  for (const subgroups of [false, true]) {
    for (let length = 1; length <= 300; length++) {
      const across = gradientTiles(64, length, subgroups);
      const sharers = subgroups && length >= 16 ? 2 : 1;
      assert.equal([across.rowSharers, across.columnSharers], [sharers, sharers]);
      assert.is(across.rows, LAYER_TILE);
      if (length < 16) assert.is(across.columns, 1);
      assert.is(across.columns % sharers, 0);
      const count = across.invocations / ((64 / LAYER_TILE) * sharers);
      assert.ok(
        count * sharers * across.columns >= length && (count - 1) * sharers * across.columns < length,
      );

      const down = gradientTiles(length, 64, subgroups);
      if (length < 32) assert.is(down.rows, length < 8 ? 4 / down.rowSharers : 4);
      assert.ok(down.rows <= LAYER_TILE && down.rows % down.rowSharers === 0);
      const rows = (down.invocations / 8) * down.rows;
      assert.ok(rows >= length && rows - down.rowSharers * down.rows < length);
    }
  }
});

test('tiles of rows that go through all layers cover a layer with the least excess, small ones equally', () => {
  for (let columns = 1; columns <= 300; columns++) {
    for (const subgroups of [false, true]) {
      const sharers = subgroups ? 4 : 1;
      const most = subgroups ? 16 : 8;
      const { rows, columns: edge, rowSharers, columnSharers, fit } = passTiles(128, columns, 64, subgroups);
      assert.equal([rows, rowSharers], [subgroups ? 4 : 8, 1]);
      assert.is(columnSharers, columns < 16 ? 1 : sharers);
      assert.is(fit, columns % edge === 0);
      const count = Math.ceil(columns / most);
      if (columns < 16) assert.is(edge, 1);
      else assert.ok(edge <= most && edge * count >= columns && (edge - sharers) * count < columns);
      assert.is(edge % columnSharers, 0);
      assert.is(passTiles(128, columns, 15, subgroups).columns, columns < 16 ? 1 : most / 2);
      assert.is(passTiles(67, columns, 64, subgroups).fit, false);
    }
  }
});

if (testBackend() !== 'wasm') {
  test('rows go through all layers of a network whose value nobody reads', async () => {
    const network = mlp({ inputs: 3, hidden: [16, 17], outputs: 2, seed: 2 });
    const body = ({ input }: Parameters<Body>[0]) => {
      const y = network(input('x', [67, 3]));
      const [dParameters] = grad(sum(mul(y, literal(normals(y.size, 50), y.shape))), [
        read(network.parameters),
      ]);
      return { dParameters };
    };
    const data = { x: normals(67 * 3, 41) };
    const { dParameters: expected } = await evaluate(body, data, { device: exactDevice(), mlp: 'fused' });
    for (const on of variant ? [device, new Device(variant)] : [device]) {
      const { dParameters } = await evaluate(body, data, { device: on, mlp: 'layered', joinedPasses: true });
      assertClose(dParameters, expected, 'dParameters', { rtol: 1e-5, scale: 1 });
    }
  });
}

/** Kernels of whole networks on wasm, which has none of single layers. */
const way = testBackend() === 'wasm' ? 'fused' : 'layered';

interface Case {
  readonly inputs: number;
  readonly hidden: readonly number[];
  readonly outputs: number;
  readonly nets: number;
  readonly activation: Activation;
  readonly segments: readonly (readonly number[])[];
}
const cases: readonly Case[] = [
  { inputs: 1, hidden: [1], outputs: 1, nets: 1, activation: 'relu', segments: [[1, 1]] },
  { inputs: 3, hidden: [], outputs: 2, nets: 1, activation: 'relu', segments: [[5, 3]] },
  { inputs: 5, hidden: [7, 13, 11], outputs: 3, nets: 1, activation: 'tanh', segments: [[17, 5]] },
  { inputs: 2, hidden: [3, 4, 5, 4, 3], outputs: 1, nets: 2, activation: 'silu', segments: [[9, 2]] },
  // As many layers as the kernels take.
  {
    inputs: 2,
    hidden: [9, 8, 7, 6, 5, 4, 5, 6, 7, 8, 9],
    outputs: 1,
    nets: 2,
    activation: 'tanh',
    segments: [[11, 2]],
  },
  { inputs: 2, hidden: [129, 64], outputs: 1, nets: 1, activation: 'gelu', segments: [[33, 2]] },
  // Wider than kernels of whole networks are on a GPU.
  { inputs: 3, hidden: [257, 521], outputs: 2, nets: 2, activation: 'relu', segments: [[67, 3]] },
  // Many networks of one row, and rows at and past those of a quad.
  { inputs: 1, hidden: [1, 16, 17], outputs: 1, nets: 67, activation: 'relu', segments: [[1, 1]] },
  { inputs: 16, hidden: [64, 33], outputs: 17, nets: 2, activation: 'relu', segments: [[64, 16]] },
  {
    inputs: 5,
    hidden: [6, 17],
    outputs: 1,
    nets: 2,
    activation: 'softplus',
    segments: [
      [4, 3],
      [3, 4, 2],
    ],
  },
  {
    inputs: 23,
    hidden: [31],
    outputs: 6,
    nets: 3,
    activation: 'elu',
    segments: [
      [67, 17],
      [67, 6],
    ],
  },
];
for (const { segments, nets, ...options } of cases) {
  test(`a network of ${options.inputs}-${options.hidden.join('-')}-${options.outputs}, ${options.activation}: values and every gradient`, async () => {
    const network = mlp({ ...options, nets });
    const data = Object.fromEntries(
      segments.map((shape, i) => [
        `x${i}`,
        normals(
          shape.reduce((a, b) => a * b, 1),
          40 + i,
        ),
      ]),
    );
    const body = ({ input }: Parameters<Body>[0]) => {
      const xs = segments.map((shape, i) => input(`x${i}`, shape));
      const parameters = read(network.parameters);
      const y = network(...xs);
      const loss = sum(mul(y, literal(normals(y.size, 50), y.shape)));
      const [dParameters, ...dx] = grad(loss, [parameters, ...xs]);
      return { y, dParameters, ...Object.fromEntries(dx.map((g, i) => [`dx${i}`, g])) } as Record<
        string,
        typeof y
      >;
    };
    const actual = await evaluate(body, data, { device, mlp: way });
    const expected = await evaluate(body, data, { device: exactDevice(), mlp: 'fused' });
    for (const [name, values] of Object.entries(expected))
      assertClose(actual[name], values, name, { rtol: 1e-5, scale: 1 });
    if (way !== 'layered') return;
    for (const on of variant ? [device, new Device(variant)] : [device]) {
      const passed = await evaluate(body, data, { device: on, mlp: way, joinedPasses: true });
      for (const [name, values] of Object.entries(expected))
        assertClose(passed[name], values, `${name}, in passes`, { rtol: 1e-5, scale: 1 });
    }
  });
}

if (testBackend() === 'wasm') {
  test('wasm has no such kernels and says so', async () => {
    const network = mlp({ inputs: 2, hidden: [3], outputs: 1 });
    const body: Body = ({ input }) => ({ y: network(input('x', [4, 2])) });
    const error = await device.compile(body, { mlp: 'layered' }).catch((thrown: unknown) => thrown);
    assert.instance(error, BackendError);
    assert.match((error as BackendError).hint ?? '', /fused/);
  });
} else {
  const tolerance = { rtol: 5e-6, scale: 1 };
  const compare = async (
    kernel: string,
    params: Params,
    bindings: Record<string, Start>,
    outputs: readonly string[],
  ): Promise<void> => {
    const expected = await runKernelOn(oracle, kernel, params, bindings);
    for (const on of variant ? [device.backend, variant] : [device.backend]) {
      const actual = await runKernelOn(on, kernel, params, bindings);
      for (const name of outputs) {
        const what = `${kernel} ${JSON.stringify(params)} ${name}, ${on === variant ? 'the other way' : 'by itself'}`;
        assertClose(actual[name], expected[name], what, tolerance);
      }
    }
  };

  /** Networks, rows, inputs and outputs. */
  const sizes = [
    [1, 1, 1, 1],
    [2, 8, 8, 8],
    [1, 7, 17, 3],
    [3, 9, 5, 23],
    [2, 67, 13, 1],
    [1, 130, 64, 65],
    // At and past the edges of quads.
    [2, 3, 16, 17],
    [3, 33, 32, 16],
  ];

  test('mlp_layer_forward: one and two segments, rows that repeat, z', async () => {
    const data = new Data(31);
    for (const [i, [nets, rows, inputs, outputs]] of sizes.entries()) {
      for (const second of [0, 2]) {
        const count = (inputs + second + 1) * outputs + 3;
        const storeZ = (i + second / 2) % 2;
        const params = {
          nets,
          rows,
          outputs,
          activation: (i + second) % activations.length,
          parametersOffset: 2,
          parametersStride: count,
          storeZ,
          x0Offset: 1,
          x0Net: second ? 0 : rows * (inputs + 1),
          x0Stride: inputs + 1,
          x0Rows: Math.ceil(rows / (1 + (i % 2))),
          x0Width: inputs,
          hasX1: Number(second > 0),
          x1Offset: 3,
          x1Stride: second,
          x1Rows: rows,
          x1Width: second,
        };
        const bindings = {
          x0: data.normal(1 + nets * rows * (inputs + 1)),
          x1: second ? data.normal(3 + rows * second) : undefined,
          parameters: data.normal(2 + nets * count, 0.4),
          y: nets * rows * outputs,
          z: storeZ ? nets * rows * outputs : undefined,
        };
        await compare('mlp_layer_forward', params, bindings, storeZ ? ['y', 'z'] : ['y']);
      }
    }
  });

  test('mlp_layer_backward: through every activation, and summed over networks', async () => {
    const data = new Data(32);
    for (const [i, [nets, rows, inputs, outputs]] of sizes.entries()) {
      const firstInput = Math.floor(inputs / 3);
      for (const sumNets of [0, 1]) {
        const columns = sumNets ? inputs - firstInput : inputs;
        const params = {
          nets,
          rows,
          outputs,
          firstInput: sumNets ? firstInput : 0,
          columns,
          activation: 1 + (i % (activations.length - 1)),
          hasSaved: 1 - sumNets,
          sumNets,
          parametersOffset: 5,
          parametersStride: inputs * outputs + 1,
        };
        const bindings = {
          dy: data.normal(nets * rows * outputs),
          parameters: data.normal(5 + nets * (inputs * outputs + 1)),
          // Within the range of what tanh saves.
          saved: sumNets ? undefined : data.uniform(nets * rows * columns, -0.9, 0.9),
          dx: (sumNets ? 1 : nets) * rows * columns,
        };
        await compare('mlp_layer_backward', params, bindings, ['dx']);
      }
    }
  });

  test('mlp_layer_backward_weights: with and without the bias, from inputs and from saved values', async () => {
    const data = new Data(33);
    for (const [i, [nets, rows, inputs, outputs]] of sizes.entries()) {
      for (const hasBias of [0, 1]) {
        const count = (inputs + 1) * outputs;
        const params = {
          nets,
          rows,
          inputs,
          outputs,
          activation: hasBias * (1 + (i % (activations.length - 1))),
          hasBias,
          weightsOffset: 0,
          biasOffset: inputs * outputs,
          parametersStride: count,
          xOffset: 1,
          xNet: hasBias ? rows * inputs : 0,
          xStride: inputs,
          xRows: hasBias ? rows : Math.ceil(rows / 2),
        };
        const bindings = {
          x: data.normal(1 + nets * rows * inputs),
          dy: data.normal(nets * rows * outputs),
          dparameters: nets * count,
        };
        await compare('mlp_layer_backward_weights', params, bindings, ['dparameters']);
      }
    }
  });

  test('a step is one dispatch a layer and pass, and leaves nothing in memory that another step needs', async () => {
    const network = mlp({ inputs: 3, hidden: [16, 16], outputs: 2, seed: 3 });
    const optimiser = adam(network.parameters, { learningRate: 1e-2 });
    const update = await device.compile(
      ({ input }) => {
        const loss = sum(network(input('x', [33, 3])));
        optimiser.step(gradient(loss, network.parameters));
        return { loss };
      },
      { mlp: 'layered', joinedBindings: 0 },
    );
    const count = (kernel: string) =>
      update.program.steps.filter((step) => step.kind === 'kernel' && step.kernel === kernel).length;
    assert.equal(
      ['mlp_layer_forward', 'mlp_layer_backward', 'mlp_layer_backward_weights'].map(count),
      [3, 2, 3],
    );
    update.dispose();
  });
}

test.run();
