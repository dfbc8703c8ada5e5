// npm run bench -- --kernels: one dense layer beside gpu.js, and the matrix product beside the peak of the machine.

import { BackendError } from '../../src/errors.ts';
import { type Agreement, agreementLine, isWrong } from '../../src/measure/agreement.ts';
import { type OpenedDevice, open } from '../../src/open/open.ts';
import {
  type DenseRow,
  type DenseRunner,
  type DenseSize,
  denseData,
  denseFlops,
  denseSizes,
  judgeDense,
  measureDense,
  ownDense,
} from './dense.ts';
import { type GemmReport, measureGemm } from './gemm.ts';
import { type GpuJsMode, gpuJsDense } from './gpujs-dense.ts';

/** What `--json` writes. */
export interface KernelsReport {
  readonly kind: 'divergrad-kernels';
  readonly adapters: readonly string[];
  readonly rows: readonly DenseRow[];
  readonly gemm: GemmReport;
  /** What is not timed, because it is not what the reference says. */
  readonly wrong: readonly WrongKernel[];
}

export interface WrongKernel {
  readonly what: string;
  readonly agreement: Agreement;
}

export async function measureKernels(quick: boolean): Promise<KernelsReport> {
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
  const wrong: WrongKernel[] = [];
  try {
    for (const size of denseSizes) {
      const data = denseData(size, 0);
      const runners: DenseRunner[] = [];
      try {
        for (const device of devices) runners.push(await ownDense(device, size, data));
        for (const mode of peers) runners.push(gpuJsDense(size, data, { mode }));
        const agreements = await judgeDense(runners, size, data);
        const right = runners.filter((_, i) => !isWrong(agreements[i]));
        for (const [i, agreement] of agreements.entries())
          if (isWrong(agreement)) wrong.push({ what: `${sizeName(size)} on ${runners[i].name}`, agreement });
        rows.push(...(await measureDense(right, size, quick ? 3 : 11)));
      } finally {
        for (const runner of runners) await runner.dispose();
      }
    }
  } finally {
    for (const device of devices) await device.dispose();
  }

  const gemm = await measureGemm(256, [1, 2], quick ? 7 : 101, (what, agreement) =>
    wrong.push({ what, agreement }),
  );

  const adapters = devices.map(({ backend }) => backend.description);
  return { kind: 'divergrad-kernels', adapters, rows, gemm, wrong };
}

const sizeName = ({ rows, inputs, outputs }: DenseSize): string => `${rows}×${inputs}×${outputs}`;

/** The report as text for people. */
export function printKernels({ adapters, rows, gemm, wrong }: KernelsReport): void {
  for (const adapter of adapters) console.log(adapter);
  for (const { what, agreement } of wrong)
    console.log(`WRONG, not timed: ${what}: ${agreementLine(agreement)}`);
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
    const cells = numbers.map((value) => value.toPrecision(3).padStart(11));
    console.log([sizeName(size).padEnd(14), name.padEnd(16), ...cells].join('  '));
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
