// What the wasm backend promises beside its kernels' results: error bounds of its elementary functions, no growth over
// many updates, memory that is used again, and errors that say what is wrong.
import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { wasmKernels } from '../../src/backend/wasm/kernels.ts';
import { kernelNumber, layoutsText } from '../../src/backend/wasm/layouts.ts';
import { Arena } from '../../src/backend/wasm/memory.ts';
import { type SimdVariant, simdVariants } from '../../src/backend/wasm/options.ts';

import { Device } from '../../src/device.ts';
import { BackendError, UsageError } from '../../src/errors.ts';
import { kernelSpec, kernels } from '../../src/kernels/index.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { contiguousView } from '../../src/math/view.ts';
import { mlp } from '../../src/nn/index.ts';
import { type ElementwiseName, elementwiseOps, mean, square, sum } from '../../src/tape/index.ts';
import { runGeneratedOn, runKernelOn } from '../helpers/kernel-run.ts';

const test = suite('wasm');

test('every kernel that is declared has a number', () => {
  const numbers = kernels.map(({ name }) => kernelNumber(name));
  assert.ok(numbers.every((number) => number > 0));
  assert.is(new Set(numbers).size, kernels.length);
});

test('every kernel that is declared has its case in the assembly: one without would do nothing', () => {
  const text = readFileSync('src/backend/wasm/assembly/index.ts', 'utf8');
  for (const { name } of kernels) {
    const called = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    assert.match(text, new RegExp(`case Kernel\\.${called}: ${called}\\(p`), name);
  }
});

test('words and numbers that the host hands to a kernel are read in the assembly by their names', () => {
  const folder = 'src/backend/wasm/assembly';
  const text = readdirSync(folder)
    .map((file) => readFileSync(`${folder}/${file}`, 'utf8'))
    .join('');
  const layouts = layoutsText();
  for (const [name, { words = [], constants = {} }] of Object.entries(wasmKernels)) {
    const space = name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
    const [, block = ''] = new RegExp(`namespace ${space} \\{([^}]*)\\}`).exec(layouts) ?? [];
    for (const each of [...words, ...Object.keys(constants)]) {
      assert.match(text, new RegExp(`\\b${space}\\.${each}\\b`), name);
      assert.match(block, new RegExp(`export const ${each}: i32 = \\d+;`), name);
    }
  }
});

test('the work of every kernel is at least one item, and its words are those that are declared', () => {
  for (const [name, { words = [], work }] of Object.entries(wasmKernels)) {
    for (const size of [1, 7, 129, 70_001]) {
      const params = Object.fromEntries(kernelSpec(name).params.map((param) => [param, size]));
      const small = { layers: 2, nets: 2, samples: 3, inner: 2, actions: 2, d0: 5, d1: 7, d2: 3 };
      const { items, scratch = 64, words: values = [] } = work({ ...params, ...small } as never, 64);
      assert.ok(Number.isInteger(items) && items >= 1, `${name}: ${items} items of ${size}`);
      assert.ok(scratch >= 64 && values.length === words.length, name);
    }
  }
});

// ---------------------------------------------------------------- error bounds

/** Units in the last place of a float32 result by which a value differs from the exact one. */
function ulps(actual: number, exact: number): number {
  if (actual === exact) return 0;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(exact))));
  return Math.abs(actual - exact) / 2 ** (exponent - 23);
}

const grid = (low: number, high: number, count = 200_000): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
const powersOf10 = (low: number, high: number): Float32Array => grid(low, high, 50_000).map((e) => 10 ** e);

/** Largest error in ulp, over these arguments. */
const bounds: [ElementwiseName, number, Float32Array[]][] = [
  ['exp', 1.5, [grid(-87, 88.7), grid(-1, 1)]],
  ['expm1', 2, [grid(-20, 88.7), grid(-1, 1)]],
  ['log', 1.5, [powersOf10(-37.5, 38.5), grid(0.5, 2)]],
  ['log1p', 3, [powersOf10(-30, 38), grid(-0.999, 3)]],
  ['tanh', 2, [grid(-10, 10), grid(-1, 1)]],
  ['sigmoid', 3, [grid(-80, 80), grid(-3, 3)]],
  ['softplus', 3, [grid(-80, 80), grid(-3, 3)]],
];

test('elementary functions keep their bounds in ulp', async () => {
  const backend = await openWasm();
  for (const [name, bound, ranges] of bounds) {
    const { scalar } = elementwiseOps[name];
    for (const x of ranges) {
      const [y] = await runGeneratedOn(
        backend,
        {
          shape: [x.length],
          reducedAxes: 0,
          inputs: [contiguousView([x.length])],
          element: [
            { kind: 'load', input: 0 },
            { kind: 'operation', op: name, arguments: [0] },
          ],
          reductions: [],
          result: [],
          outputs: [1],
        },
        [x],
      );
      let worst = 0;
      let where = 0;
      for (let i = 0; i < x.length; i++) {
        const error = ulps(y[i], scalar?.(x[i], 0, 0) ?? Number.NaN);
        if (!(error <= worst)) {
          worst = error;
          where = x[i];
        }
      }
      assert.ok(worst <= bound, `${name}(${where}) is off by ${worst} ulp, more than ${bound}`);
    }
  }
  await backend.dispose();
});

test('sums and logSumExp over a long axis are as exact as over a short one, in every build', async () => {
  const random = new PhiloxStream(5);
  // Node 20 has relaxed SIMD behind a flag.
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  for (const simd of simdVariants) {
    const backend = await openWasm({ simd, threads: 1 });
    for (const length of [7, 512, 4096, 100_003]) {
      const x = Float32Array.from({ length }, () => 3 + random.nextNormal());
      const values = await runGeneratedOn(
        backend,
        {
          shape: [length],
          reducedAxes: 1,
          inputs: [contiguousView([length])],
          element: [{ kind: 'load', input: 0 }],
          reductions: [
            { kind: 'sum', value: 0 },
            { kind: 'logSumExp', value: 0 },
          ],
          result: [
            { kind: 'reduced', index: 0 },
            { kind: 'reduced', index: 1 },
          ],
          outputs: [0, 1],
        },
        [x],
      );
      const total = x.reduce((sum, value) => sum + value, 0);
      const largest = x.reduce((most, value) => Math.max(most, value));
      const log = largest + Math.log(x.reduce((sum, value) => sum + Math.exp(value - largest), 0));
      assert.ok(ulps(values[0][0], total) <= 0.51, `${simd}: the sum of ${length} is ${values[0][0]}`);
      assert.ok(ulps(values[1][0], log) <= 0.75, `${simd}: logSumExp of ${length} is ${values[1][0]}`);
    }
    await backend.dispose();
  }
});

// ---------------------------------------------------------------- steady state

test('a thousand updates allocate nothing and do not grow the heap', async () => {
  const backend = await openWasm();
  const device = new Device(backend);
  const network = mlp({ inputs: 3, hidden: [16], outputs: 1 });
  const update = await device.compile(({ input }) => ({ loss: mean(square(network(input('x', [8, 3])))) }));
  update.write({ x: new Float32Array(24).fill(0.5) });
  for (let i = 0; i < 1000; i++) update.run();
  const before = { ...backend.counters, memory: backend.information.memoryBytes };
  const grown = Array.from({ length: 9 }, () => {
    const heap = process.memoryUsage().heapUsed;
    for (let i = 0; i < 1000; i++) update.run();
    return process.memoryUsage().heapUsed - heap;
  }).sort((x, y) => x - y)[4];
  assert.is(backend.counters.buffersCreated, before.buffersCreated);
  assert.is(backend.counters.pipelinesCreated, before.pipelinesCreated);
  assert.is(backend.counters.submits, before.submits + 9000);
  assert.is(backend.information.memoryBytes, before.memory);
  // The median of nine rounds, since the engine compiles and collects when it likes; a closure an update is 64 kB.
  assert.ok(grown < 50_000, `${grown} bytes in 1,000 updates`);
  await device.dispose();
});

test('programs and buffers give their memory back', async () => {
  const device = new Device(await openWasm());
  const network = mlp({ inputs: 3, hidden: [64], outputs: 1 });
  const bytes: unknown[] = [];
  for (let i = 0; i < 20; i++) {
    // What is folded has memory of the program's own.
    const update = await device.compile(({ input }) => ({
      y: network(input('x', [4096, 3])),
      z: square(sum(input('w', [65_536, 2]), 1)),
    }));
    update.write({ x: new Float32Array(4096 * 3), w: new Float32Array(2 * 65_536) });
    update.run();
    update.dispose();
    bytes.push(device.backend.information.memoryBytes);
  }
  assert.is(bytes.at(-1), bytes[0]);
  await device.dispose();
});

test('the moments of a dead unit end at 0, not among subnormal floats, and NaN stays NaN', async () => {
  for (const simd of simdVariants) {
    const backend = await openWasm({ simd });
    const moments = Float32Array.of(1.2e-38, -1.2e-38, 2e-38, Number.NaN, 1);
    const zeros = new Float32Array(moments.length);
    const after = await runKernelOn(
      backend,
      'adam',
      {
        ...{
          count: moments.length,
          hasTarget: 0,
          hasScale: 0,
          decoupled: 0,
          weightDecay: 0,
          tau: 0,
          place: 0,
        },
        ...{ learningRate: 1e-3, beta1: 0.9, beta2: 0.9, epsilon: 1e-8 },
        ...{ beta1Complement: 0.1, beta2Complement: 0.1 },
      },
      {
        parameters: zeros,
        moments: Float32Array.of(...moments, ...moments.map(Math.abs)),
        gradient: zeros,
        clock: new Uint32Array(8),
      },
    );
    // 1.2e-38 · 0.9 is below the smallest normal float, 1.18e-38; 2e-38 · 0.9 is not.
    const expected = [0, 0, Math.fround(0.9 * Math.fround(2e-38)), Number.NaN, Math.fround(0.9)];
    assert.equal([...after.moments], [...expected, ...expected], simd);
    await backend.dispose();
  }
});

test('the arena gives neighbours back as one', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const arena = new Arena(memory, 2, 1000);
  const all = [1, 2, 3].map((i) => arena.allocate(10_000, `block ${i}`));
  for (const i of [0, 2, 1]) arena.release(all[i], 10_000);
  assert.is(arena.allocate(30_000, 'all of it'), all[0]);
  assert.is(memory.buffer.byteLength, 65_536);
});

test('too large a buffer, a foreign buffer and a wrong option are typed errors', async () => {
  const backend = await openWasm();
  const other = await openWasm();
  assert.throws(
    () => backend.allocate(2 ** 31, 'f32', 'replay'),
    (error: unknown) => error instanceof BackendError && /'replay'.*limit/.test(error.message),
  );
  const foreign = other.allocate(4, 'f32', 'x');
  assert.throws(
    () => backend.write(foreign, Float32Array.of(1)),
    (error: unknown) => error instanceof BackendError,
  );
  for (const options of [{ threads: 0 }, { threads: 1.5 }, { simd: 'avx' as SimdVariant }]) {
    const error = await openWasm(options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.instance(error, UsageError);
  }
  await Promise.all([backend.dispose(), other.dispose()]);
});

test('threads end with their device', async () => {
  let ended = 0;
  const terminate = Worker.prototype.terminate;
  Worker.prototype.terminate = function () {
    ended++;
    return terminate.call(this);
  };
  try {
    const device = new Device(await openWasm({ threads: 3 }));
    const network = mlp({ inputs: 8, hidden: [64, 64], outputs: 1 });
    await device.compile(({ input }) => ({ loss: mean(square(network(input('x', [256, 8])))) }));
    assert.match(device.backend.description, '3 threads');
    assert.is(ended, 0);
    await device.dispose();
    assert.is(ended, 2);
  } finally {
    Worker.prototype.terminate = terminate;
  }
});

test.run();
