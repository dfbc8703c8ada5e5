// Benchmarks beside development-only peers, which the published package does not hold:
//
//   npm run bench -- --kernels [--quick] [--json FILE|-]
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type OpenedDevice, open } from '../src/backend/select.ts';
import { allowRelaxedSimd } from '../src/cli/relaxed-simd.ts';
import { BackendError } from '../src/errors.ts';
import {
  type DenseRow,
  type DenseRunner,
  denseData,
  denseFlops,
  denseSizes,
  measureDense,
  ownDense,
} from './kernels/dense.ts';
import { type GemmReport, measureGemm } from './kernels/gemm.ts';
import { type GpuJsMode, gpuJsDense } from './kernels/gpujs-dense.ts';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'string' } },
});

allowRelaxedSimd();
// gpu.js looks for WebGPU where browsers have it.
if (!globalThis.navigator?.gpu) {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
}

const devices: OpenedDevice[] = [];
const peers: GpuJsMode[] = [];
for (const backend of ['cpu', 'wasm', 'webgpu'] as const) {
  try {
    devices.push(await open({ backend }));
    if (backend !== 'wasm') peers.push(backend);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    console.error(`divergrad: ${error.message}`);
  }
}
const rows: DenseRow[] = [];
try {
  for (const size of denseSizes) {
    const data = denseData(size, 0);
    const runners: DenseRunner[] = [];
    try {
      for (const device of devices) runners.push(await ownDense(device, size, data));
      for (const mode of peers) runners.push(gpuJsDense(size, data, { mode }));
      rows.push(...(await measureDense(runners, size, options.quick ? 3 : 11)));
    } finally {
      for (const runner of runners) await runner.dispose();
    }
  }
} finally {
  for (const device of devices) await device.dispose();
}

const gemm: GemmReport = await measureGemm(256, [1, 2], options.quick ? 7 : 101);

const text = JSON.stringify(
  { kind: 'divergrad-kernels', adapters: devices.map(({ backend }) => backend.description), rows, gemm },
  null,
  2,
);
if (options.json === '-') process.stdout.write(`${text}\n`);
else {
  print();
  if (options.json) await writeFile(options.json, `${text}\n`);
}

function print(): void {
  for (const { backend } of devices) console.log(`${backend.name}: ${backend.description}`);
  console.log(
    'relu(x·W + b), rows × inputs × outputs: median ms a pass that waits for its result, and GFLOP/s;\n' +
      'gpu.js takes its operands from the host and returns its results there in every pass.\n',
  );
  console.log(
    ['size'.padEnd(14), 'on'.padEnd(16), 'forward ms', 'GFLOP/s', 'backward ms', 'GFLOP/s']
      .map((cell, i) => (i < 2 ? cell : cell.padStart(11)))
      .join('  '),
  );
  for (const { name, size, forwardMs, backwardMs } of rows) {
    const flops = denseFlops(size);
    const numbers = [
      forwardMs,
      flops.forward / forwardMs / 1e6,
      backwardMs,
      flops.backward / backwardMs / 1e6,
    ];
    const label = `${size.rows}×${size.inputs}×${size.outputs}`;
    const cells = numbers.map((value) => value.toPrecision(3).padStart(11));
    console.log([label.padEnd(14), name.padEnd(16), ...cells].join('  '));
  }
  console.log(
    `\nproduct of two ${gemm.size}×${gemm.size} matrices on wasm beside multiply-adds in registers: medians of ${gemm.rounds}` +
      ' interleaved rounds [intervals]\n',
  );
  const heads = ['GFLOP/s', 'peak GFLOP/s', 'of the peak', 'to one thread'];
  console.log(`${'build'.padEnd(9)}threads${heads.map((head) => head.padStart(22)).join('')}`);
  for (const { simd, threads, ...figures } of gemm.rows) {
    const { gflops, peakGflops, shareOfPeak, speedup } = figures;
    const cells = [gflops, peakGflops, shareOfPeak, speedup].map(({ median, interval: { low, high } }) =>
      `${median.toPrecision(3)} [${low.toPrecision(3)}, ${high.toPrecision(3)}]`.padStart(22),
    );
    console.log(`${simd.padEnd(9)}${String(threads).padStart(7)}${cells.join('')}`);
  }
}
