// npm run bench -- --roofline: peaks of this machine, and every kernel of a SAC update against them.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackendName } from '../../src/backend/backend.ts';
import { making } from '../../src/cli/common.ts';
import { progressBar } from '../../src/cli/terminal.ts';
import type { Update } from '../../src/device.ts';
import { BackendError, DataError } from '../../src/errors.ts';
import { jsonText } from '../../src/json.ts';
import { median } from '../../src/math/statistics.ts';
import { type CostOptions, costSettings, release } from '../../src/measure/cost.ts';
import {
  measureSteps,
  type StepClock,
  type StepTimingOptions,
  timesByKernel,
} from '../../src/measure/kernel-times.ts';
import { interleave } from '../../src/measure/timing.ts';
import { compileWholeUpdate, requireRight } from '../../src/measure/update-cost.ts';
import { type OpenedDevice, open } from '../../src/open/open.ts';
import type { MlpKernels } from '../../src/tape/index.ts';
import { javaScriptGflops, measureJavaScriptPeak } from '../peak/javascript.ts';
import { bestOf, type Peak } from '../peak/peak.ts';
import { measureStreams, WasmPeak } from '../peak/wasm.ts';
import { measureWebGpuPeak } from '../peak/webgpu.ts';
import { rooflineChart } from './chart.ts';
import { launchMicroseconds, type RooflineRow, rooflineRows } from './roofline.ts';

/** The update that is measured: sizes at which this library is compared with others. */
export const rooflineSizes: Readonly<Record<'small' | 'big', CostOptions>> = {
  small: { observations: 3, actions: 1, batch: 64, hidden: [64, 64] },
  big: { observations: 17, actions: 6, batch: 256, hidden: [256, 256] },
};
export type RooflineSize = keyof typeof rooflineSizes;

export interface RooflineOptions {
  readonly sizes: readonly RooflineSize[];
  readonly backends: readonly BackendName[];
  /** Of the wasm backend, each in turn. */
  readonly threads: readonly number[];
  readonly quick: boolean;
}

/** One update on one backend. */
export interface RooflineResult {
  readonly size: RooflineSize;
  readonly name: string;
  readonly adapter: string;
  readonly peak: Peak;
  readonly mlp: MlpKernels;
  readonly rows: readonly RooflineRow[];
  /** How the kernels were timed. */
  readonly clock: StepClock;
  /** Of all kernels, each run by itself. */
  readonly kernelsMs: number;
  /** Of the update as it is used. */
  readonly updateMs: number;
}

/** What `--json` writes. */
export interface RooflineReport {
  readonly kind: 'divergrad-roofline';
  /** ISO 8601, when the run began. */
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  /** The arguments that give it again. */
  readonly command: readonly string[];
  readonly results: readonly RooflineResult[];
  readonly absent: readonly { readonly backend: string; readonly reason: string }[];
}

const KIB = 1024;
const streamBytes = [16 * KIB, 128 * KIB, 1024 * KIB, 8192 * KIB, 65_536 * KIB, 262_144 * KIB];
/** A software adapter takes long for large ones, and its driver's own cost hides small ones. */
const gpuStreamBytes = [1024 * KIB, 16_384 * KIB, 65_536 * KIB];

const usualTiming: StepTimingOptions = { rounds: 15, minimumMs: 4 };
const quickTiming: StepTimingOptions = { rounds: 5, minimumMs: 1 };
/** A submit, and waiting for it, costs a software adapter a millisecond or more: many dispatches have to share it. */
const gpuTiming: StepTimingOptions = { rounds: 5, minimumMs: 50 };

type Machine = Omit<Peak, 'launchMicroseconds'>;

/** A machine's peak, with what measures its arithmetic again. */
interface Measured {
  readonly machine: Machine;
  /** GFLOP/s at this moment; absent where that takes long. */
  readonly gflops?: () => number;
  dispose(): void;
}

export async function measureRoofline(options: RooflineOptions): Promise<RooflineReport> {
  const date = new Date().toISOString();
  const results: RooflineResult[] = [];
  const absent: RooflineReport['absent'][number][] = [];
  const places = options.backends.flatMap((backend): { backend: BackendName; threads: number }[] =>
    (backend === 'wasm' ? options.threads : [1]).map((threads) => ({ backend, threads })),
  );
  const bar = progressBar('roofline');
  try {
    for (const [i, { backend, threads }] of places.entries()) {
      const name = backend === 'wasm' ? `wasm, ${threads} thread${threads > 1 ? 's' : ''}` : backend;
      const step = (done: number, what: string) => bar.update((i + done) / places.length, `${name}: ${what}`);
      step(0, 'peaks');
      let device: OpenedDevice;
      try {
        device = await open(backend === 'wasm' ? { backend, wasm: { threads } } : { backend });
      } catch (error) {
        if (!(error instanceof BackendError)) throw error;
        absent.push({ backend, reason: error.message });
        continue;
      }
      try {
        const measured = await measurePeak(device, threads, options.quick);
        try {
          for (const [j, size] of options.sizes.entries()) {
            step(0.3 + (0.7 * j) / options.sizes.length, size);
            results.push(await measureOne(device, name, size, measured, options.quick));
          }
        } finally {
          measured.dispose();
        }
      } finally {
        await device.dispose();
      }
    }
  } finally {
    bar.stop();
  }
  return { kind: 'divergrad-roofline', date, ...making(), results, absent };
}

async function measurePeak(device: OpenedDevice, threads: number, quick: boolean): Promise<Measured> {
  const rounds = quick ? 3 : 15;
  const dispose = () => undefined;
  switch (device.backend.name) {
    case 'cpu':
      return {
        machine: measureJavaScriptPeak(streamBytes, rounds),
        gflops: javaScriptGflops,
        dispose,
      };
    case 'webgpu':
      return { machine: await measureWebGpuPeak(navigator.gpu, gpuStreamBytes, quick ? 2 : 5), dispose };
    case 'wasm': {
      const variant = device.backend.information.simd === 'relaxed' ? 'relaxed' : 'simd';
      const peak = await WasmPeak.open(variant, threads, Math.max(...streamBytes));
      const instructions =
        variant === 'relaxed' ? '128-bit multiply-adds' : '128-bit multiplications and additions';
      const gflops = bestOf(5 * rounds, () => peak.gflops());
      const rates = measureStreams(peak, streamBytes, quick ? 2 : 5);
      return {
        machine: { backend: 'wasm', instructions, threads, gflops, streams: rates },
        gflops: () => peak.gflops(),
        dispose: () => peak.dispose(),
      };
    }
    default:
      return device.backend.name satisfies never;
  }
}

async function measureOne(
  device: OpenedDevice,
  name: string,
  size: RooflineSize,
  { machine, gflops }: Measured,
  quick: boolean,
): Promise<RooflineResult> {
  const settings = costSettings(rooflineSizes[size]);
  const { mlp } = device.backend.preferences;
  await requireRight(device, 'reverse-kl/pathwise', settings);
  const { update } = await compileWholeUpdate(device, 'reverse-kl/pathwise', settings, { mlp });
  try {
    const timing = device.backend.name === 'webgpu' ? gpuTiming : quick ? quickTiming : usualTiming;
    // A shared machine's clock differs from one minute to the next: the peak that counts is that of the same rounds.
    const rates: number[] = [];
    const beside = gflops && (() => void rates.push(gflops()));
    const { clock, ms } = await measureSteps(device, update, { ...timing, beside });
    const updateMs = await timeWhole(device, update, timing);
    const times = timesByKernel(update.program, ms);
    const peak: Peak = {
      ...machine,
      gflops: rates.length > 0 ? median(rates) : machine.gflops,
      launchMicroseconds: launchMicroseconds(update.program, ms),
    };
    return {
      size,
      name,
      adapter: device.backend.description,
      peak,
      mlp,
      clock,
      // What a launch is measured by says nothing about itself.
      rows: rooflineRows(times, peak).filter(({ kernel }) => kernel !== 'tick'),
      kernelsMs: times.reduce((total, time) => total + time.ms, 0),
      updateMs,
    };
  } finally {
    release(device, update);
  }
}

/** Median milliseconds of the whole update. */
async function timeWhole(
  device: OpenedDevice,
  update: Update,
  { rounds, minimumMs }: StepTimingOptions,
): Promise<number> {
  const [timing] = await interleave(device, [update], {
    rounds,
    minimumMs: 5 * minimumMs,
    maximumMs: 10_000,
  });
  return median(timing.ms);
}

/** Three digits, in at most nine characters so that columns stay apart. */
function three(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value > 0 && value < 1e-3 ? value.toExponential(1) : value.toPrecision(3);
}
const percent = (value: number): string => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)}%`;

/** The report as text. */
export function rooflineText({ results, absent }: RooflineReport): string {
  const lines: string[] = [];
  let described = '';
  for (const { size, name, adapter, peak, mlp, rows, clock, kernelsMs, updateMs } of results) {
    if (described !== name) {
      described = name;
      lines.push(`${name}: ${adapter}`);
      lines.push(`  arithmetic: ${peak.instructions}`);
      const streams = peak.streams.map(
        ({ bytes, read, triad }) => `${binary(bytes)} ${three(read)} / ${three(triad)}`,
      );
      lines.push(
        `  memory, GB/s read / triad, by bytes${peak.threads > 1 ? ' for each thread' : ''}: ${streams.join(', ')}`,
      );
    }
    const { observations, actions, batch, hidden } = costSettings(rooflineSizes[size]);
    lines.push(
      `  ${size}: observations ${observations}, actions ${actions}, batch ${batch}, hidden ${hidden.join('-')}, ${mlp} networks; ` +
        `peak ${three(peak.gflops)} GFLOP/s, a launch costs ${three(peak.launchMicroseconds)} µs; kernels ${clock === 'timestamps' ? 'by timestamps' : 'by themselves'} ${three(kernelsMs)} ms, the update ${three(updateMs)} ms`,
    );
    const heads = ['count', 'FLOP', 'bytes', 'FLOP/B', 'µs', 'of time', 'GFLOP/s', 'GB/s', 'of roof'];
    const width = Math.max('kernel'.length, ...rows.map(({ kernel }) => kernel.length));
    lines.push(`  ${'kernel'.padEnd(width)}${heads.map((head) => head.padStart(10)).join('')}  bound by`);
    for (const row of rows) {
      const cells = [
        String(row.count),
        metric(row.flops),
        metric(row.bytes),
        three(row.intensity),
        three(1e3 * row.ms),
        percent(row.shareOfTime),
        three(row.gflops),
        three(row.gigabytesPerSecond),
        percent(row.shareOfRoof),
      ];
      lines.push(
        `  ${row.kernel.padEnd(width)}${cells.map((cell) => cell.padStart(10)).join('')}  ${row.limit}`,
      );
    }
    lines.push('');
  }
  for (const { backend, reason } of absent) lines.push(`${backend}: not present: ${reason}`);
  return lines.join('\n');
}

const binary = (bytes: number): string =>
  bytes >= KIB * KIB ? `${bytes / KIB / KIB} MiB` : `${bytes / KIB} KiB`;

function metric(value: number): string {
  const units = ['', 'k', 'M', 'G'];
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return unit === 0 ? String(value) : `${value.toPrecision(3)} ${units[unit]}`;
}

/** Writes roofline.json and a picture for each size. */
export async function writeRoofline(folder: string, report: RooflineReport): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'roofline.json'), `${jsonText(report, 'The result', { indent: 1 })}\n`);
    for (const size of new Set(report.results.map((result) => result.size))) {
      const panels = report.results.filter((result) => result.size === size);
      const { observations, actions, batch, hidden } = costSettings(rooflineSizes[size]);
      const facts =
        `Kernels of one SAC update, ${observations} observations, ${actions} actions, batch ${batch}, hidden ${hidden.join('-')}; ` +
        'area: share of the time. Lines: measured peaks, memory nearest and farthest. Colour: what limits.';
      await writeFile(join(folder, `${size}.svg`), rooflineChart(panels, facts));
    }
  } catch (cause) {
    throw new DataError(`Cannot write to '${folder}': ${(cause as Error).message}.`, { cause });
  }
}
