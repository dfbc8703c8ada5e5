// Sizes past what a kernel can count, and numbers past what memory can hold: right, or refused by name before anything runs.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mostElements } from '../../src/backend/loadable.ts';
import type { Device, Recorder } from '../../src/device.ts';
import { BackendError, type DivergradError, NumericsError, ShapeError } from '../../src/errors.ts';
import { adam } from '../../src/nn/index.ts';
import {
  argMax,
  broadcastTo,
  gather,
  gradient,
  literal,
  logSumExp,
  matmul,
  max,
  mean,
  mul,
  read,
  State,
  square,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { exactDevice, openDevice, testBackend } from '../helpers/devices.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

type Kind = new (...given: never[]) => DivergradError;

async function refuses(kind: Kind, words: RegExp, body: () => unknown): Promise<DivergradError> {
  let thrown: unknown;
  try {
    await body();
  } catch (error) {
    thrown = error;
  }
  assert.instance(thrown, kind, `${body}: ${thrown}`);
  assert.match((thrown as Error).message, words);
  return thrown as DivergradError;
}

const one = ({ input }: Recorder, shape: readonly number[]): Tensor => input('x', shape, 1);

test('more elements than a kernel can count are refused when compiled', async () => {
  const programs = {
    sum: (n: number) => (r: Recorder) => ({ y: sum(broadcastTo(one(r, [1]), [n])) }),
    mean: (n: number) => (r: Recorder) => ({ y: mean(broadcastTo(one(r, [1]), [n])) }),
    max: (n: number) => (r: Recorder) => ({ y: max(broadcastTo(one(r, [1]), [n])) }),
    'logSumExp of rows': (n: number) => (r: Recorder) => ({
      y: logSumExp(broadcastTo(one(r, [2, 1]), [2, n / 2]), 1),
    }),
    'a product': (n: number) => (r: Recorder) => ({
      y: matmul(broadcastTo(one(r, [1, 1]), [1, n]), broadcastTo(one(r, [1, 1]), [n, 1])),
    }),
  };
  for (const [name, program] of Object.entries(programs)) {
    // 2^32 − 2^16 looks like a small negative number, and 2^33 like none at all, to 32 bits.
    for (const n of [2 ** 31, 2 ** 31 + 2 ** 20, 2 ** 32 - 2 ** 16, 2 ** 32, 2 ** 32 + 2, 2 ** 33, 2 ** 45]) {
      const body = program(n);
      const single = (r: Recorder) => {
        let first: Tensor | undefined;
        const input = (given: string, shape: readonly number[], initial?: number) => {
          first ??= r.input(given, shape, initial);
          return first;
        };
        return body({ input });
      };
      if (testBackend() === 'cpu') {
        // It counts in float64, and has no memory for the operands of some.
        const compiled = await device.compile(single).catch((error) => error as BackendError);
        if (compiled instanceof BackendError) assert.is(compiled.fault, 'memory');
        else compiled.dispose();
        continue;
      }
      const words = /goes through .* more than the \d+ that a kernel of the \w+ backend can count/;
      const error = await refuses(BackendError, words, () => device.compile(single));
      assert.is((error as BackendError).fault, 'limit', `${name} of ${n}`);
    }
  }
});

test('a state or an array larger than any memory is refused', async () => {
  for (const n of [2 ** 40, 2 ** 45, 2 ** 52]) {
    const state = new State('state', [n]);
    const error = await refuses(BackendError, /'state'.*/, () => device.read(state));
    assert.match(String((error as BackendError).fault), /memory|limit/);
    const compiled = () => device.compile((r) => ({ y: mul(broadcastTo(one(r, [1]), [n]), 2) }));
    await refuses(BackendError, /\d/, compiled);
  }
});

test('the largest count is one that the kernels reach', () => {
  assert.ok(mostElements.wasm < 2 ** 31 && mostElements.wasm > 2 ** 31 - 2 ** 20);
  assert.ok(mostElements.webgpu < 2 ** 31 && mostElements.webgpu > 2 ** 31 - 2 ** 20);
});

test('an index that float32 cannot hold is not given out', async () => {
  const words = /2\^24/;
  await refuses(ShapeError, words, () =>
    device.compile((r) => ({ y: argMax(broadcastTo(one(r, [1]), [2 ** 24 + 2]), 0) })),
  );
  await refuses(ShapeError, words, () =>
    device.compile((r) => ({ y: gather(broadcastTo(one(r, [1]), [2 ** 24 + 2]), r.input('i', [1]), 0) })),
  );
});

test('numbers that float32 cannot hold are refused, wherever they come in', async () => {
  const words = /beyond float32 \(-?Infinity\)/;
  for (const value of [1e300, -1e300, 3.5e38, Number.MAX_VALUE]) {
    const state = new State('s', [2]);
    await refuses(NumericsError, words, () => device.write(state, Float64Array.of(1, value)));
    const begun = new State('s', [2], Float64Array.of(1, value) as unknown as Float32Array);
    await refuses(NumericsError, words, () => device.read(begun));
    await refuses(NumericsError, words, () => device.compile((r) => ({ y: mul(one(r, [1]), value) })));
    await refuses(NumericsError, words, () =>
      device.compile((r) => ({ y: mul(one(r, [2]), literal([1, value], [2])) })),
    );
    await refuses(NumericsError, words, () =>
      device.compile(({ input }) => ({ y: square(input('x', [2], value)) })),
    );
    const update = await device.compile(({ input }) => ({ y: square(input('x', [2])) }));
    await refuses(NumericsError, words, () => update.write({ x: [1, value] }));
    update.dispose();
  }
  const weights = new State('w', [2], Float32Array.of(1, 2));
  await refuses(NumericsError, words, () =>
    device.compile(() => {
      const step = adam(weights, { learningRate: 1e300 });
      step.step(gradient(sum(square(read(weights))), weights));
      return {};
    }),
  );
  // What float32 holds is taken, and infinity where it is meant.
  const update = await device.compile((r) => ({
    y: mul(one(r, [2]), literal([3.4e38, Number.POSITIVE_INFINITY], [2])),
  }));
  update.run();
  assert.equal([...(await update.read('y'))], [Math.fround(3.4e38), Number.POSITIVE_INFINITY]);
  update.dispose();
  const exact = exactDevice();
  const large = await exact.compile((r) => ({ y: mul(one(r, [1]), 1e300) }));
  large.run();
  assert.equal([...(await large.read('y'))], [1e300]);
  await exact.dispose();
});

test('words take whole numbers from 0 to 2^32 − 1, and nothing else', async () => {
  const state = new State('words', [2], new Uint32Array(2));
  for (const value of [1e10, -1, 0.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY])
    await refuses(NumericsError, /'words' holds .* at element 1; .*2\^32/, () =>
      device.write(state, Float64Array.of(1, value)),
    );
  device.write(state, Float64Array.of(0, 2 ** 32 - 1));
  assert.equal([...(await device.read(state))], [0, 2 ** 32 - 1]);
  device.free(state);
});

test.run();
