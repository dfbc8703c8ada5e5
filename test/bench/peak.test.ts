// The measured peak does the work it counts, and a matrix product cannot be faster.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { denseData, judgeDense, ownDense } from '../../bench/kernels/dense.ts';
import { measureGemm } from '../../bench/kernels/gemm.ts';
import { bandwidthAt } from '../../bench/peak/peak.ts';
import { hasVariant, measureStreams, WasmPeak } from '../../bench/peak/wasm.ts';
import relaxedBytes from '../../dist/wasm/peak-relaxed.wasm';
import simdBytes from '../../dist/wasm/peak-simd.wasm';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { allowRelaxedSimd } from '../../src/cli/relaxed-simd.ts';
import { Device } from '../../src/device.ts';
import { isWrong } from '../../src/measure/agreement.ts';

allowRelaxedSimd();

interface PeakExports {
  heapBase(): number;
  chains8(times: number, x: number, y: number): number;
  chains10(times: number, x: number, y: number): number;
  chains12(times: number, x: number, y: number): number;
  products(times: number, p: number): number;
  read(p: number, bytes: number, times: number): number;
  triad(p: number, bytes: number, times: number, scale: number): void;
}

for (const [variant, bytes] of [
  ['relaxed', relaxedBytes],
  ['simd', simdBytes],
] as const) {
  test(`${variant}: every multiply-add and every byte that is counted takes part in the result`, async () => {
    assert.ok(hasVariant(variant));
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
    const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, abort: () => undefined } });
    const exports = instance.exports as unknown as PeakExports;
    // c ← 2c + 1 from 1: 2ⁿ⁺¹ − 1 after n steps, in 4 lanes of every sum.
    for (const [name, sums] of [
      ['chains8', 8],
      ['chains10', 10],
      ['chains12', 12],
    ] as const)
      assert.is(exports[name](5, 2, 1), sums * 4 * (2 ** 6 - 1), name);

    const floats = new Float32Array(memory.buffer);
    const p = 64 * Math.ceil(exports.heapBase() / 64);
    // Sums begin at ¼, ½, ¾, 5/4 twice over, the left factors are 1 and 2.
    floats.set([1, 2], p / 4);
    assert.is(exports.products(8, p), 4 * 2.75 * (2 + 8 * (1 + 2)));

    const count = 192;
    floats.set(
      Float32Array.from({ length: count }, (_, i) => i),
      p / 4,
    );
    assert.is(exports.read(p, 4 * count, 3), (3 * count * (count - 1)) / 2);
    exports.triad(p, 4 * count, 1, 0.5);
    const third = count / 3;
    for (let i = 0; i < third; i++) assert.is(floats[p / 4 + i], third + i + 0.5 * (2 * third + i));
    assert.is(floats[p / 4 + third], third, 'nothing else is written');
  });
}

test('a matrix product stays below the multiply-adds in registers, on one thread and on two', async () => {
  const wrong: string[] = [];
  const { rows } = await measureGemm(128, [1, 2], 25, (what) => wrong.push(what));
  assert.equal(wrong, []);
  assert.equal(
    rows.map(({ simd, threads }) => `${simd} ${threads}`),
    ['relaxed 1', 'relaxed 2', 'simd 1', 'simd 2'],
  );
  for (const { simd, threads, gflops, peakGflops } of rows) {
    // Both share the machine with other tests, so one round may say anything, and two threads may never have had two
    // cores while the peak was measured: then twice the peak of one is what they could reach.
    const one = rows.find((row) => row.simd === simd && row.threads === 1) as (typeof rows)[number];
    const most = Math.max(peakGflops.best, threads * one.peakGflops.best);
    const text = `${simd}, ${threads} threads: ${gflops.best} of ${most} GFLOP/s`;
    assert.ok(gflops.best > 0.02 * most, text);
    assert.ok(gflops.best < 1.15 * most, text);
  }
});

test('a dense layer that is 1 % off somewhere is wrong, and so is one that gives nothing', async () => {
  const size = { rows: 7, inputs: 5, outputs: 3 };
  const data = denseData(size, 0);
  const right = await ownDense(new Device(createCpuBackend()), size, data);
  const planted = (part: string, values: (right: ArrayLike<number>) => ArrayLike<number>) => ({
    ...right,
    results: async () => {
      const results = new Map(await right.results());
      return results.set(part, Float32Array.from(values(results.get(part) as ArrayLike<number>)));
    },
  });
  const off = planted('dWeight', (all) => Array.from(all, (value) => 1.01 * value));
  const agreements = await judgeDense([right, off, planted('y', () => [])], size, data);
  assert.equal(agreements.map(isWrong), [false, true, true]);
  assert.is(agreements[1].where, 'dWeight');
  right.dispose();
});

test('threads are measured together: no more comes of two than twice what one does', async () => {
  const peaks = await Promise.all([1, 2].map((threads) => WasmPeak.open('simd', threads, 1 << 20)));
  try {
    for (const of of [
      (peak: WasmPeak) => peak.gflops(),
      (peak: WasmPeak) => peak.gigabytesPerSecond('read', 1 << 16),
    ]) {
      // Where the second core is busy with something else, two threads may be slower than one: the best of many, and
      // more where the machine gave neither kind a quiet moment.
      const best = [0, 0];
      const holds = () => best[1] > 0.2 * best[0] && best[1] < 3 * best[0];
      for (let round = 0; round < 15 || (round < 300 && !holds()); round++)
        peaks.forEach((peak, i) => {
          best[i] = Math.max(best[i], of(peak));
        });
      assert.ok(holds(), String(best));
    }
    const rows = measureStreams(peaks[1], [1 << 14, 1 << 18], 2);
    assert.equal(
      rows.map(({ bytes }) => bytes),
      [1 << 14, 1 << 18],
    );
    for (const { read, triad } of rows) assert.ok(read > 0.01 && triad > 0.01 && read < 1e4 && triad < 1e4);
    assert.throws(() => peaks[0].gigabytesPerSecond('read', 1 << 21), /more than/);
  } finally {
    for (const peak of peaks) peak.dispose();
  }
});

test('bandwidth between measured working sets is log-linear, and constant beyond them', () => {
  const peak = {
    threads: 2,
    streams: [
      { bytes: 1024, read: 100, triad: 50 },
      { bytes: 1024 * 16, read: 20, triad: 25 },
    ],
  };
  assert.is(bandwidthAt(peak, 10), 100);
  assert.is(bandwidthAt(peak, 2 * 1024), 100);
  assert.ok(Math.abs(bandwidthAt(peak, 2 * 4096) - 50) < 1e-9, 'the geometric mean half way');
  assert.ok(Math.abs(bandwidthAt(peak, 2 * 16_384) - 25) < 1e-9);
  assert.is(bandwidthAt(peak, 1e12), 25);
});

test.run();
