import { BackendError, ProbeError } from '../../src/errors.ts';
import {
  type CostOptions,
  type CostReport,
  costDefaults,
  measureCost,
  type WrongRow,
} from '../../src/measure/cost.ts';
import { measureScaling, type ScalingReport } from '../../src/measure/scaling.ts';
import { measureWholeUpdate, type WholeUpdateCost } from '../../src/measure/update-cost.ts';
import type { BackendChoice, OpenedDevice } from '../../src/open/open.ts';
import { openFor } from '../shell/device.ts';
import type { JobPort } from '../shell/protocol.ts';

export interface MeasureSettings {
  /** Backends measured one after another. */
  readonly backends: readonly BackendChoice[];
  readonly cost: CostOptions;
  /** Batch sizes at which the crossover between backends is looked for; none when empty. */
  readonly batches: readonly number[];
}

export interface MeasureEvent {
  /** From 0 to 1. */
  readonly done: number;
  readonly what: string;
}

export interface BackendReport extends CostReport {
  readonly wholeUpdate: readonly WholeUpdateCost[];
  readonly scaling?: readonly ScalingReport[];
}

/** The document `divergrad bench --json` writes. */
export interface BenchDocument {
  readonly kind: 'divergrad-cost';
  readonly date: string;
  readonly reports: readonly BackendReport[];
  readonly absent: readonly { readonly backend: string; readonly reason: string }[];
}

/** Measures the cost of every estimator on each backend that can be opened. */
export async function measure(
  settings: MeasureSettings,
  _backend: BackendChoice,
  port: JobPort,
): Promise<BenchDocument> {
  const date = new Date().toISOString();
  const reports: BackendReport[] = [];
  const absent: BenchDocument['absent'][number][] = [];
  for (const [i, backend] of settings.backends.entries()) {
    const progress = (done: number, what: string) =>
      port.emit({ done: (i + done) / settings.backends.length, what } satisfies MeasureEvent);
    progress(0, `opening ${backend}`);
    let device: OpenedDevice;
    try {
      device = await openFor(port, backend);
    } catch (error) {
      // What computes wrong numbers is not measured, and its error says so.
      if (!(error instanceof BackendError || error instanceof ProbeError)) throw error;
      absent.push({ backend, reason: error.message });
      continue;
    }
    try {
      reports.push(await measureOne(device, settings, progress));
    } finally {
      await device.dispose();
    }
  }
  return { kind: 'divergrad-cost', date, reports, absent };
}

/** The sweep over batch sizes ends where an update takes longer: a visitor waits for it. */
const SWEEP_LONGEST_MS = 100;

async function measureOne(
  device: OpenedDevice,
  { cost, batches }: MeasureSettings,
  progress: (done: number, what: string) => void,
): Promise<BackendReport> {
  const { name } = device.backend;
  // Float64 in plain JavaScript would keep a visitor waiting: wasm says what is right, but for itself.
  const checked = { checkedFlops: 0 };
  const wrong: WrongRow[] = [];
  const share = batches.length > 0 ? 0.5 : 0.85;
  const measured = await measureCost(device, { ...cost, ...checked }, (done) =>
    progress(share * done, `${name}: estimators`),
  );
  wrong.push(...(measured.wrong ?? []));
  const wholeUpdate = await measureWholeUpdate(device, measured.baseline, measured.settings, {
    ...checked,
    onWrong: (row) => void wrong.push(row),
    onProgress: (done) => progress(share + (0.95 - share) * 0.2 * done, `${name}: a whole update`),
  });
  const report = { ...measured, wrong };
  if (batches.length === 0 || report.rows.length === 0) return { ...report, wholeUpdate };
  const scaling = await measureScaling(device, 'batch', batches, {
    ...cost,
    ...checked,
    estimators: [report.baseline],
    rounds: Math.min(cost.rounds ?? costDefaults.rounds, 7),
    longestMs: SWEEP_LONGEST_MS,
    onProgress: (done) => progress(share + 0.1 + (0.9 - share) * done, `${name}: batch sizes`),
  });
  return { ...report, wholeUpdate, scaling: [scaling] };
}
