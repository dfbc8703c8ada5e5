// Hidden layers handed on as float16: what float16 holds exactly changes nothing, and what it rounds little.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { NumericsError, UsageError } from '../../src/errors.ts';
import { costSettings } from '../../src/measure/cost.ts';
import { measureHalf } from '../../src/measure/half-cost.ts';
import { type Activation, mlp } from '../../src/nn/index.ts';
import { grad, literal, mul, read, State, sum } from '../../src/tape/index.ts';
import { type Body, evaluate, lowered, openDevice, testBackend } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

const test = suite('half');

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

interface Case {
  readonly rows: number;
  readonly inputs: number;
  readonly hidden: readonly number[];
  readonly outputs: number;
  readonly nets: number;
  readonly activation: Activation;
}

// Rows below, at and past the eight of a workgroup, odd and even; widths likewise.
const shapes: readonly Omit<Case, 'activation'>[] = [
  { rows: 1, inputs: 1, hidden: [1], outputs: 1, nets: 1 },
  { rows: 7, inputs: 3, hidden: [5, 2], outputs: 2, nets: 2 },
  { rows: 8, inputs: 4, hidden: [16], outputs: 1, nets: 1 },
  { rows: 13, inputs: 5, hidden: [17, 33, 19], outputs: 3, nets: 3 },
  { rows: 67, inputs: 6, hidden: [70, 64], outputs: 5, nets: 2 },
];

/** Loss and every gradient of a network; `values` makes its parameters, inputs and cotangents. */
function network(of: Case, values: (count: number, seed: number) => Float64Array): Body {
  const { rows: _, ...layers } = of;
  const made = mlp({ ...layers, seed: 1 });
  const { shape, size } = made.parameters;
  const net = made.withParameters(new State('parameters', shape, Float32Array.from(values(size, 2))));
  return ({ input }) => {
    const x = input('x', [of.rows, of.inputs]);
    const y = net(x);
    const loss = sum(mul(y, literal(values(y.size, 4), y.shape)));
    const [dParameters, dx] = grad(loss, [read(net.parameters), x]);
    return { loss, dParameters, dx };
  };
}

/** Mostly zeros, else a half or one of either sign: sums of few such products need few digits. */
const dyadic = (count: number, seed: number): Float64Array =>
  normals(count, seed).map((x) => (Math.abs(x) > 1 ? Math.sign(x) * (Math.abs(x) > 1.5 ? 1 : 0.5) : 0));

const inputs = (of: Case, values: (count: number, seed: number) => Float64Array) => ({
  x: values(of.rows * of.inputs, 3),
});

if (testBackend() === 'webgpu') {
  for (const shape of shapes) {
    const name = `${shape.rows} rows of ${shape.inputs}-${shape.hidden.join('-')}-${shape.outputs}`;

    test(`what float16 holds changes no bit: ${name}`, async () => {
      const of = { ...shape, activation: 'relu' as const };
      const body = network(of, dyadic);
      const half = await evaluate(body, inputs(of, dyadic), { device, mlp: 'fused', halfHidden: true });
      const exact = await evaluate(body, inputs(of, dyadic));
      for (const [output, values] of Object.entries(exact)) assert.equal(half[output], values, output);
    });

    for (const activation of ['tanh', 'silu'] as const) {
      test(`what float16 rounds changes little: ${name}, ${activation}`, async () => {
        const of = { ...shape, activation };
        const body = network(of, normals);
        const half = await evaluate(body, inputs(of, normals), { device, mlp: 'fused', halfHidden: true });
        const exact = await evaluate(body, inputs(of, normals));
        for (const [output, values] of Object.entries(exact)) {
          const norm = Math.hypot(...values);
          const apart = Math.hypot(...values.map((value, i) => value - half[output][i]));
          assert.ok(apart <= 2e-3 * norm, `${output}: off by ${apart} of ${norm}`);
        }
      });
    }
  }

  test('cotangents keep their digits, although a mean makes them small', async () => {
    const of = { rows: 64, inputs: 3, hidden: [8, 8], outputs: 1, nets: 1, activation: 'tanh' as const };
    // Of the size of a mean's: below 6e-5 float16 has fewer digits the smaller a number is.
    const small: typeof normals = (count, seed) =>
      normals(count, seed).map((x) => (seed === 4 ? (1e-4 / of.rows) * (1 + 0.1 * x) : x));
    const body = network(of, small);
    const half = await evaluate(body, inputs(of, small), { device, mlp: 'fused', halfHidden: true });
    const exact = await evaluate(body, inputs(of, small));
    for (const output of ['dParameters', 'dx'] as const) {
      const values = exact[output];
      const apart = Math.hypot(...values.map((value, i) => value - half[output][i]));
      assert.ok(
        apart <= 1e-3 * Math.hypot(...values),
        `${output}: off by ${apart} of ${Math.hypot(...values)}`,
      );
    }
  });

  test('the measurement shows what float16 saves and what it changes', async () => {
    const settings = costSettings({ batch: 16, hidden: [16, 16], rounds: 2, minimumMs: 1 });
    const { float32, float16, gradientErrors } = await measureHalf(device, 'reverse-kl/pathwise', settings);
    assert.equal(Object.keys(gradientErrors).sort(), ['critics', 'policy']);
    for (const error of Object.values(gradientErrors)) assert.ok(error > 0 && error < 2e-3, String(error));
    assert.ok(float16.arenaBytes < float32.arenaBytes && float16.bytes < float32.bytes);
    assert.is(float16.kernelsPerUpdate, float32.kernelsPerUpdate);
    assert.is(float16.readbacks, 0);
  });

  test('what is too large for float16 stays finite, and what is not finite stays so', async () => {
    const of = { rows: 3, inputs: 2, hidden: [4, 4], outputs: 1, nets: 1, activation: 'relu' as const };
    const large = (count: number) => new Float64Array(count).fill(300);
    const half = await evaluate(network(of, large), inputs(of, large), {
      device,
      mlp: 'fused',
      halfHidden: true,
    });
    assert.ok(half.dParameters.every(Number.isFinite));
    const broken = (count: number) => new Float64Array(count).fill(1e30);
    const update = await device.compile(network(of, broken), { mlp: 'fused', halfHidden: true });
    update.write(inputs(of, broken));
    update.run();
    let shown = false;
    try {
      shown = (await update.read('dParameters')).some((value) => !Number.isFinite(value));
    } catch (error) {
      shown = error instanceof NumericsError;
    }
    assert.ok(shown);
    update.dispose();
  });
} else {
  test('float16 is refused where it is not', async () => {
    const of = { ...shapes[1], activation: 'relu' as const };
    try {
      await device.compile(network(of, dyadic), { halfHidden: true });
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match((error as Error).message, /float16 on webgpu only/);
      return;
    }
    assert.unreachable();
  });
}

test('hidden layers take half the memory, and nothing else changes', () => {
  const of = { rows: 67, inputs: 6, hidden: [70, 64], outputs: 5, nets: 2, activation: 'tanh' as const };
  const whole = lowered(network(of, normals));
  const half = lowered(network(of, normals), { halfHidden: true });
  const hidden = 2 * (70 + 64);
  const sizes = (program: typeof whole) =>
    program.buffers.filter(({ kind }) => kind === 'temporary').map(({ count }) => count);
  const changed = sizes(whole).flatMap((count, i) =>
    sizes(half)[i] === count ? [] : [[count, sizes(half)[i]]],
  );
  assert.equal(changed, [
    [hidden * 67, hidden * 34],
    [hidden * 67, hidden * 34],
  ]);
  assert.equal(
    half.steps.map(({ label, flops }) => [label, flops]),
    whole.steps.map(({ label, flops }) => [label, flops]),
  );
  assert.ok(half.bytes < whole.bytes);
  assert.ok(half.arenaBytes < whole.arenaBytes);
});

test.run();
