import type { Device } from '../device.ts';
import { distributionFamily } from '../distributions/registry.ts';
import type { EstimatorChoice } from '../divergences/estimator.ts';
import { BackendError, UsageError, unknownName } from '../errors.ts';
import { maximum, minimum } from '../math/extremes.ts';
import { agreementLine } from './agreement.ts';
import {
  type CostOptions,
  type CostReport,
  type CostRow,
  type CostSettings,
  compilePolicyUpdate,
  costChoices,
  costDefaults,
  costSettings,
  measureCost,
  release,
  type UpdateCost,
  type WrongRow,
} from './cost.ts';
import { type Bounds, fitLine, type Line, sizeAt, slopes } from './knee.ts';
import type { OnProgress } from './timing.ts';
import { measureWholeUpdate, type WholeUpdateCost } from './update-cost.ts';

/** What can grow while everything else stays. */
export const scalingAxes = ['samples', 'batch', 'width', 'depth', 'actions'] as const;
/** What is varied. */
export type ScalingAxis = (typeof scalingAxes)[number];

/** Sizes tried when none are given; an axis ends earlier where an update takes too long. */
export const scalingDefaults: Readonly<Record<ScalingAxis, readonly number[]>> = {
  samples: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
  batch: [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536],
  width: [16, 32, 64, 128, 256, 512, 1024, 2048],
  depth: [1, 2, 3, 4, 5, 6, 8, 11, 12],
  actions: [1, 2, 4, 8, 16, 32, 64],
};

/** What is measured along an axis. */
export interface ScalingOptions extends CostOptions {
  /** An axis ends for an estimator whose update is expected to take longer at the next size, ms; 500 when absent. */
  readonly longestMs?: number;
  /** Whether to measure a whole actor-critic update as well, with the baseline as its estimator; false when absent. */
  readonly wholeUpdate?: boolean;
  /** Told after each measurement; nobody when absent. */
  readonly onProgress?: OnProgress;
}

/** An estimator that was not measured at a size, nor beyond it. */
export interface ScalingEnd {
  readonly estimator: string;
  readonly size: number;
  readonly reason: string;
  /** Whether it ended because its first update is not what the reference says. */
  readonly wrong?: boolean;
}

/** How the time of one program follows its work. */
export interface ScalingLaw extends Omit<Line, 'msPerWork' | 'msPerWorkInterval'> {
  /** An estimator, or 'whole update'. */
  readonly estimator: string;
  readonly sizes: readonly number[];
  /** Rate at which work is done beyond the overhead; null where time does not grow with it. */
  readonly gflops: number | null;
  readonly gflopsInterval: { readonly low: number | null; readonly high: number | null };
  /**
   * Size on the axis at which overhead and work take the same time; null when no size measured does so much work, or
   * every one does more.
   */
  readonly kneeSize: number | null;
  /** Where the knee lies: the program is linear throughout, changes within, or is bound by overhead throughout. */
  readonly kneeWhere: 'below' | 'inside' | 'above';
  /** d log time / d log work from each size to the next. */
  readonly slopes: readonly number[];
}

/** The name under which a whole actor-critic update stands beside estimators. */
export const wholeUpdateName = 'whole update';

/** How estimators scale along one axis; plain JSON. */
export interface ScalingReport {
  readonly axis: ScalingAxis;
  /** Sizes that were measured. */
  readonly values: readonly number[];
  /** One cost report for each value; estimators too slow for it, or refused with so few samples, are missing. */
  readonly reports: readonly CostReport[];
  /** One whole update for each value, until it became too slow; empty unless asked for. */
  readonly wholeUpdates: readonly WholeUpdateCost[];
  readonly longestMs: number;
  readonly ends: readonly ScalingEnd[];
  /** None for programs whose work grows less than fourfold along the axis. */
  readonly laws: readonly ScalingLaw[];
}

/** Milliseconds past which an update ends an axis, when nothing is said. */
export const longestMsDefault = 500;

/** @throws UsageError naming the known axes */
export function scalingAxis(text: string): ScalingAxis {
  const found = scalingAxes.find((axis) => axis === text);
  if (!found) throw unknownName('axis of scaling', text, scalingAxes);
  return found;
}

/**
 * The cost table at several sizes of one axis: actions sampled for each state (K), states in the batch, width or number
 * of the hidden layers, or coordinates of an action; and the law that times follow.
 *
 * @throws UsageError when a size does not suit the axis
 */
export async function measureScaling(
  device: Device,
  axis: ScalingAxis,
  values: readonly number[],
  options: ScalingOptions = {},
): Promise<ScalingReport> {
  if (values.length === 0 || values.some((value) => !Number.isInteger(value) || value < 1)) {
    throw new UsageError(
      `Sizes of ${axis} must be whole numbers from 1; got ${values.join(', ') || 'none'}.`,
    );
  }
  const ascending = [...new Set(values)].sort((a, b) => a - b);
  const walk = new AxisWalk(device, axis, options);
  for (const [i, size] of ascending.entries()) {
    const onProgress = (done: number) => options.onProgress?.((i + done) / ascending.length);
    if (!(await walk.measure(size, onProgress))) break;
  }
  return walk.report();
}

/** Size after size along an axis, and what has come of it so far. */
class AxisWalk {
  private readonly measured: number[] = [];
  private readonly reports: CostReport[] = [];
  private readonly wholeUpdates: WholeUpdateCost[] = [];
  private readonly ends: ScalingEnd[] = [];
  /** The last size of each estimator, and how long an update took there. */
  private readonly last = new Map<string, { readonly size: number; readonly ms: number }>();
  private readonly longestMs: number;
  private readonly wholeUpdate: boolean;
  /** What every size shares. */
  private readonly cost: CostOptions;

  constructor(
    private readonly device: Device,
    private readonly axis: ScalingAxis,
    { longestMs = longestMsDefault, wholeUpdate = false, onProgress: _ours, ...cost }: ScalingOptions,
  ) {
    this.longestMs = longestMs;
    this.wholeUpdate = wholeUpdate;
    this.cost = cost;
  }

  report(): ScalingReport {
    const { axis, measured, reports, wholeUpdates, longestMs, ends } = this;
    const laws = lawsOf(measured, reports, wholeUpdates);
    return { axis, values: measured, reports, wholeUpdates, longestMs, ends, laws };
  }

  /** Measures one size. Whether the next is to be measured too. */
  async measure(size: number, onProgress: (done: number) => void): Promise<boolean> {
    const settings = costSettings({ ...this.cost, ...sizes(this.axis, size, this.cost) });
    const { choices, baseline } = costChoices(
      distributionFamily(settings.distribution),
      settings.actions,
      this.cost.estimators,
    );
    const kept = choices.filter(({ name }) => this.fits(name, size));
    if (!kept.some(({ name }) => name === baseline)) return false;
    try {
      const accepted: string[] = [];
      for (const choice of kept)
        if (await accepts(this.device, this.axis, choice, settings)) accepted.push(choice.name);
      const whole = this.wholeUpdate && this.fits(wholeUpdateName, size);
      await this.measureTable(size, { ...settings, estimators: accepted }, (done) =>
        onProgress(whole ? 0.7 * done : done),
      );
      if (whole) await this.measureWhole(size, baseline, settings, (done) => onProgress(0.7 + 0.3 * done));
      return true;
    } catch (error) {
      // A device that refuses a program for its size goes on with others; any other failure is one.
      const tooLarge = error instanceof BackendError && ['memory', 'limit'].includes(error.fault ?? '');
      if (!tooLarge || this.reports.length === 0) throw error;
      this.ends.push({ estimator: this.reports[0].baseline, size, reason: error.message });
      return false;
    }
  }

  /** Whether an update is expected to end in time; where it is not, the estimator's axis ends here. */
  private fits(estimator: string, size: number): boolean {
    if (this.ends.some((end) => end.estimator === estimator)) return false;
    const before = this.last.get(estimator);
    const expected = before ? before.ms * growthOf(this.axis, before.size, size) : 0;
    if (expected <= this.longestMs) return true;
    const reason = `an update was expected to take ${expected.toPrecision(2)} ms, more than ${this.longestMs}`;
    this.ends.push({ estimator, size, reason });
    return false;
  }

  private endWrong(estimator: string, size: number, { agreement }: WrongRow): void {
    this.ends.push({ estimator, size, wrong: true, reason: `wrong: ${agreementLine(agreement)}` });
  }

  private get checked(): Pick<CostOptions, 'checkedFlops'> {
    const { checkedFlops } = this.cost;
    return checkedFlops === undefined ? {} : { checkedFlops };
  }

  private async measureTable(
    size: number,
    settings: CostOptions,
    onProgress: (done: number) => void,
  ): Promise<void> {
    const { versions } = this.cost;
    const options = { ...settings, ...(versions ? { versions } : {}), ...this.checked };
    const report = await measureCost(this.device, options, onProgress);
    this.reports.push(report);
    this.measured.push(size);
    for (const row of report.wrong ?? []) this.endWrong(row.estimator, size, row);
    for (const { estimator, msPerUpdate } of report.rows) this.last.set(estimator, { size, ms: msPerUpdate });
  }

  private async measureWhole(
    size: number,
    baseline: string,
    settings: CostSettings,
    onProgress: (done: number) => void,
  ): Promise<void> {
    const [measured] = await measureWholeUpdate(this.device, baseline, settings, {
      variants: [this.device.backend.preferences.mlp],
      host: false,
      onProgress,
      onWrong: (row) => this.endWrong(wholeUpdateName, size, row),
      ...this.checked,
    });
    if (!measured) return;
    this.wholeUpdates.push(measured);
    this.last.set(wholeUpdateName, { size, ms: measured.msPerUpdate });
  }
}

function lawsOf(
  sizes: readonly number[],
  reports: readonly CostReport[],
  wholeUpdates: readonly WholeUpdateCost[],
): ScalingLaw[] {
  const names = [...new Set(reports.flatMap(({ rows }) => rows.map(({ estimator }) => estimator)))];
  const rowsOf = (name: string): (CostRow | undefined)[] =>
    reports.map(({ rows }) => rows.find(({ estimator }) => estimator === name));
  return [
    ...names.flatMap((name) => lawOf(name, sizes, rowsOf(name))),
    ...lawOf(wholeUpdateName, sizes, wholeUpdates),
  ];
}

/** Growth of work along an axis below which no law is fitted. */
const LEAST_GROWTH = 4;

/** @param costs one for each size, as far as there are any */
function lawOf(
  estimator: string,
  all: readonly number[],
  costs: readonly (UpdateCost | undefined)[],
): ScalingLaw[] {
  const points = all.flatMap((size, i) => {
    const cost = costs[i];
    return cost ? [{ size, work: cost.flops, ms: cost.msPerUpdate }] : [];
  });
  // Where work hardly grows, a line through the noise says nothing.
  const works = points.map(({ work }) => work);
  if (maximum(works) < LEAST_GROWTH * minimum(works)) return [];
  const line = fitLine(points);
  if (!line) return [];
  const { msPerWork, msPerWorkInterval, ...rest } = line;
  const gflops = (ms: number) => (ms > 0 ? 1e-6 / ms : null);
  const inverted = ({ low, high }: Bounds) => ({ low: gflops(high), high: gflops(low) });
  const { knee } = line;
  const above = knee === null || knee > points[points.length - 1].work;
  return [
    {
      estimator,
      sizes: points.map(({ size }) => size),
      ...rest,
      gflops: gflops(msPerWork),
      gflopsInterval: inverted(msPerWorkInterval),
      kneeSize: knee === null ? null : sizeAt(points, knee),
      kneeWhere: above ? 'above' : knee < points[0].work ? 'below' : 'inside',
      slopes: slopes(points),
    },
  ];
}

/** Whether an estimator works with so few samples; only that axis has sizes that some refuse. */
async function accepts(
  device: Device,
  axis: ScalingAxis,
  choice: EstimatorChoice,
  settings: CostSettings,
): Promise<boolean> {
  if (axis !== 'samples' || (settings.samples ?? MOST_REFUSED) >= MOST_REFUSED) return true;
  try {
    release(device, await compilePolicyUpdate(device, choice, settings));
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

/** No estimator needs more samples than this. */
const MOST_REFUSED = 8;

/** How much longer an update may take at the next size: its work grows no faster. */
const growthOf = (axis: ScalingAxis, from: number, to: number): number =>
  (to / from) ** (axis === 'width' ? 2 : 1);

function sizes(axis: ScalingAxis, value: number, options: CostOptions): Partial<CostOptions> {
  const hidden = options.hidden ?? costDefaults.hidden;
  switch (axis) {
    case 'samples':
      return { samples: value };
    case 'batch':
      return { batch: value };
    case 'actions':
      return { actions: value };
    case 'width':
      return { hidden: hidden.map(() => value) };
    case 'depth':
      return { hidden: Array.from({ length: value }, () => hidden[0] ?? costDefaults.hidden[0]) };
    default:
      return axis satisfies never;
  }
}
