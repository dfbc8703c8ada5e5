// Benchmarks beside development-only peers, which the published package does not hold:
//
//   npm run bench -- --kernels [--quick] [--json FILE|-]
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type OpenedDevice, open } from '../src/backend/select.ts';
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
import { type GpuJsMode, gpuJsDense } from './kernels/gpujs-dense.ts';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'string' } },
});

// gpu.js looks for WebGPU where browsers have it.
if (!globalThis.navigator?.gpu) {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
}

const devices: OpenedDevice[] = [];
const peers: GpuJsMode[] = [];
for (const backend of ['cpu', 'webgpu'] as const) {
  try {
    devices.push(await open({ backend }));
    peers.push(backend);
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

const text = JSON.stringify(
  { kind: 'divergrad-kernels', adapters: devices.map(({ backend }) => backend.description), rows },
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
}
